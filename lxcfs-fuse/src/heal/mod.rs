//! Healing: containers that hold files of a daemon that is gone get those of the one that lives.
//!
//! ```text
//! survey: mountinfo of every mount namespace ─▶ whose device is dead? (probe) ─▶ plan ─▶ mend, in a child each
//! slots: one mount over each, on the host ─▶ propagation ─▶ all containers that were bound from them
//! ```
//!
//! Nothing here touches a FUSE file system except in [a child whose time is limited](bounded). A container sees
//! `ENOTCONN` and then its own values, and at no moment the host's file that lies below.
//!
//! A program that heals calls [`inside`] before anything else:
//!
//! ```no_run
//! use lxcfs_fuse::heal::{Sweep, inside};
//!
//! fn main() -> std::process::ExitCode {
//!     if let Some(status) = inside(std::env::args_os()) {
//!         return status;
//!     }
//!     let report = Sweep::default().run().unwrap();
//!     println!("{} namespaces looked at", report.looked_at);
//!     std::process::ExitCode::from(u8::from(!report.is_whole()))
//! }
//! ```
//!
//! # References
//!
//! open_tree(2), mount_setattr(2), move_mount(2), mount_namespaces(7).

mod bounded;
mod canonical;
mod devices;
mod error;
mod fill;
mod inside;
mod lock;
mod mend;
mod own;
mod plan;
mod probe;
mod report;
mod slots;
mod space;
mod survey;
mod sweep;
mod wire;

use std::path::Path;
use std::time::Duration;

pub use error::HealError;
pub use inside::inside;
pub use report::{Mended, Namespace, Outcome, Report, State};
pub use slots::names;
pub use survey::{MountNamespace, Survey, survey, survey_of};
pub use sweep::Sweep;

pub(crate) use own::Own;
pub(crate) use slots::Slots;

use lxcfs_core::mountinfo::Mount;

/// Whether a mount is of type `fuse.lxcfs`: ours, or LXCFS's.
///
/// ```
/// use lxcfs_core::mountinfo::Mount;
/// use lxcfs_fuse::heal::is_lxcfs;
///
/// let mount = Mount::parse(b"98 61 0:52 /proc/stat /proc/stat ro - fuse.lxcfs lxcfs ro").unwrap();
/// assert!(is_lxcfs(&mount));
/// ```
#[must_use]
pub fn is_lxcfs(mount: &Mount) -> bool {
    plan::is_lxcfs(mount)
}

/// Whether nothing is mounted right over a mount.
///
/// ```
/// use lxcfs_core::mountinfo::mounts;
/// use lxcfs_fuse::heal::is_on_top;
///
/// let text = b"98 61 0:52 /proc/stat /proc/stat ro - fuse.lxcfs lxcfs ro\n\
///     99 98 0:53 /proc/stat /proc/stat ro - fuse.lxcfs lxcfs ro\n";
/// let all: Vec<_> = mounts(text).collect();
/// assert!(!is_on_top(&all[0], &all) && is_on_top(&all[1], &all));
/// ```
#[must_use]
pub fn is_on_top(mount: &Mount, all: &[Mount]) -> bool {
    plan::is_on_top(mount, all)
}

/// Whether what is mounted at a place of our own mount namespace is served. Never waits longer than that.
///
/// ```no_run
/// use std::path::Path;
/// use std::time::Duration;
/// use lxcfs_fuse::heal::{State, state_of};
///
/// let state = state_of(Path::new("/var/lib/lxcfs"), Duration::from_secs(3));
/// assert_eq!(state, State::Served);
/// ```
#[must_use]
pub fn state_of(point: &Path, patience: Duration) -> State {
    sweep::probe(&bounded::this_program(), None, point, None, patience)
}

/// The same for a mount in another namespace.
///
/// ```no_run
/// use std::time::Duration;
/// use lxcfs_fuse::heal::{State, is_lxcfs, state_in, survey};
///
/// for namespace in survey()?.namespaces {
///     for mount in namespace.mounts.iter().filter(|mount| is_lxcfs(mount)) {
///         if state_in(&namespace, mount, Duration::from_secs(3)) == State::Dead {
///             println!("{} of process {} is dead", mount.point.display(), namespace.pid);
///         }
///     }
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
#[must_use]
pub fn state_in(namespace: &MountNamespace, mount: &Mount, patience: Duration) -> State {
    let entrance = namespace.entrance();
    sweep::probe(
        &bounded::this_program(),
        Some(entrance),
        &mount.point,
        Some(mount.id),
        patience,
    )
}
