//! Why nothing could be healed.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use lxcfs_core::Pid;
use lxcfs_core::mountinfo::Device;

/// Healing could not begin.
///
/// ```
/// use lxcfs_fuse::heal::HealError;
///
/// let error = HealError::NotMounted("/var/lib/lxcfs".into());
/// assert!(error.to_string().ends_with("start the daemon lxcfs first"));
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HealError {
    /// `/proc` cannot be read.
    #[error("/proc: {0}")]
    Proc(#[source] io::Error),
    /// There is no such process, or it does not let us look.
    #[error("process {0}: has no mount namespace that can be looked at; is it running, and are you root?")]
    NoSuchProcess(Pid),
    /// Nothing of our kind is mounted there.
    #[error("{}: no file system of type fuse.lxcfs is mounted there; start the daemon lxcfs first", .0.display())]
    NotMounted(PathBuf),
    /// Nothing of our kind is mounted and served.
    #[error("no file system of type fuse.lxcfs is mounted and served here; start the daemon lxcfs first")]
    NoneServed,
    /// Several are served.
    #[error("several are served: {}; say which by --mountpoint", list(.0))]
    Several(Vec<PathBuf>),
    /// It is mounted and not served.
    #[error("{}: nobody answers for the file system {device} there; start the daemon lxcfs again", mountpoint.display())]
    NotServed {
        /// The mount point.
        mountpoint: PathBuf,
        /// Its device.
        device: Device,
    },
    /// Another sweep is at work.
    #[error("{}: held by another process for {waited:?}; try again when that has ended", lock.display())]
    Locked {
        /// The lock file.
        lock: PathBuf,
        /// How long we have waited.
        waited: Duration,
    },
    /// The lock file cannot be made.
    #[error("{}: {source}", lock.display())]
    Lock {
        /// The lock file.
        lock: PathBuf,
        /// What the kernel says.
        source: io::Error,
    },
    /// What is served cannot be written down.
    #[error("{}: {source}; after a restart, containers are healed by `lxcfs-cli remount` only", record.display())]
    Record {
        /// The file.
        record: PathBuf,
        /// What the kernel says.
        source: io::Error,
    },
    /// One in the other.
    #[error("{}: slots can be neither in nor above the mount point", .0.display())]
    SlotsInMountPoint(PathBuf),
    /// The slots could not be filled.
    #[error("slots {}: {why}", dir.display())]
    Slots {
        /// The directory.
        dir: PathBuf,
        /// What went wrong.
        why: String,
    },
}

fn list(paths: &[PathBuf]) -> String {
    let words: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
    words.join(", ")
}
