//! Containers made of cgroups and pid namespaces for tests, and daemons that show them files.
//!
//! ```no_run
//! use std::path::Path;
//! use lxcfs_testing::{Cgroup, Container, Daemon, Limits, Machine, machine_has};
//!
//! if !machine_has(&[Machine::Root, Machine::Cgroups, Machine::Fuse]) {
//!     return;
//! }
//! let daemon = Daemon::start(Path::new("target/debug/lxcfs"), &[]);
//! let cgroup = Cgroup::new(&Limits::default().memory(256 << 20));
//! let container = Container::start(&cgroup);
//! let meminfo = container.caller().text(&["cat", &daemon.file("proc/meminfo")]);
//! assert!(meminfo.starts_with("MemTotal:         262144 kB\n"));
//! ```
//!
//! Whatever is made is gone when it is dropped. Whatever can wait has an end: a test that would hang fails.

#![allow(clippy::disallowed_methods, reason = "tests of the running machine")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "the helpers of a test fail as the test does"
)]

mod act;
mod caller;
mod cgroup;
mod container;
mod daemon;
pub mod documents;
mod files;
mod hierarchy;
mod kept;
mod limits;
mod machine;
mod patience;
mod pid_namespace;
mod running;
pub mod runtime;
pub mod storm;

pub use act::{Act, act_if_told, words_of_act};
pub use caller::Caller;
pub use cgroup::Cgroup;
pub use container::Container;
pub use daemon::{Daemon, Successor};
pub use files::Files;
pub use hierarchy::{Hierarchy, Version, hierarchies};
pub use kept::{Kept, Worker};
pub use limits::Limits;
pub use machine::{Machine, kernel_is_at_least, kernel_lacks, machine_has, skipped};
pub use patience::{PATIENCE, becomes_true, wait_until};
pub use running::{Finished, Running};
