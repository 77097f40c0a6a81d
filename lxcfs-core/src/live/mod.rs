//! The running kernel: the only module that opens files, asks the kernel, reads a clock.
//!
//! # Who is asking
//!
//! [`container_of`] goes from a process id to a [`Container`](crate::Container):
//!
//! 1. The caller's pid namespace is the link `/proc/PID/ns/pid`. If it is ours, the caller is a process of the host:
//!    it sees what its own cgroups are. Where the link may not be read (a task with more capabilities than we have),
//!    the `NSpid:` line of its status tells as much: one number means our namespace.
//! 2. Else the namespace has a first process, its *init*. It is found by asking the kernel
//!    (`NS_GET_TGID_FROM_PIDNS`, Linux 6.11, [`container_of_live`] only); or it is the caller itself; or one of the
//!    caller's ancestors; or a task of the caller's cgroup or of one above; or, last, any task of the host.
//! 3. The init's cgroups, less what the init itself has put below them, are the container's; and where the caller is
//!    not in these, its own are.
//!
//! No process is forked for that and no namespace is entered. A daemon with threads cannot fork safely, a helper
//! process costs more than all the files below together, and since Linux 4.1 `/proc/PID/status` has each pid in all
//! namespaces, so that the numbers can be read where one once had to stand inside to see them.
//!
//! [`Resolver`] remembers what it has found, for a server that is asked all the time.
//!
//! # Records
//!
//! All of that goes through a [`Source`](crate::Source), so it can be replayed: [`Recorder`] keeps what was read,
//! [`Recording`] is what it has written, opened again.

mod clock;
mod hierarchies;
mod init;
mod kept;
mod manifest;
mod membership;
mod ns_ioctl;
mod record;
mod record_error;
mod record_write;
mod recording;
mod resolve;
mod resolve_error;
mod resolver;
mod root;
mod scrub;
mod task;
mod whole;

pub use clock::boot_time;
pub use hierarchies::hierarchies;
pub use kept::KeptOpen;
pub use record::Recorder;
pub use record_error::RecordError;
pub use recording::Recording;
pub use resolve::{container_of, container_of_live, still_running};
pub use resolve_error::ResolveError;
pub use resolver::Resolver;
pub use root::Root;
