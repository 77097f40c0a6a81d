//! Why a file system could not be mounted.

use std::io;
use std::path::PathBuf;

/// A file system could not be mounted, or not be unmounted.
///
/// ```
/// use lxcfs_fuse::{MountError, MountOptions, Settings, mount};
///
/// // Nobody mounts on what is not there.
/// let options = MountOptions::new("/nowhere/at/all");
/// let error = mount(&options, Settings::default(), |_| {}).unwrap_err();
/// assert!(matches!(error, MountError::Mount { .. } | MountError::Device(_)));
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MountError {
    /// `/dev/fuse` cannot be opened.
    #[error("/dev/fuse: {0}; load the kernel module `fuse`, and run as root of a namespace that has the device")]
    Device(#[source] io::Error),
    /// The mount point is not there, is no directory, or the kernel refuses to mount on it.
    #[error("cannot mount on {}: {source}", mountpoint.display())]
    Mount {
        /// The mount point.
        mountpoint: PathBuf,
        /// What the kernel says.
        source: io::Error,
    },
    /// The kernel refuses to unmount it.
    #[error("cannot unmount {}: {source}", mountpoint.display())]
    Unmount {
        /// The mount point.
        mountpoint: PathBuf,
        /// What the kernel says.
        source: io::Error,
    },
    /// The kernel and we have not agreed on a protocol.
    #[error("the kernel's FUSE does not begin: {0}")]
    Handshake(#[source] io::Error),
    /// What was mounted there has been unmounted or aborted meanwhile.
    #[error("the connection of {} has ended; mount anew", .0.display())]
    Ended(PathBuf),
    /// Another process serves it.
    #[error("{} is served by another process; end that before", .0.display())]
    Served(PathBuf),
    /// An option that the mount has no use for.
    #[error("mount option {0:?}: not known; see mount(8), FILESYSTEM-INDEPENDENT MOUNT OPTIONS, and fuse(4)")]
    Option(String),
    /// The host's cgroup hierarchies cannot be told.
    #[error("cannot find the cgroup hierarchies: {0}")]
    Hierarchies(#[from] lxcfs_core::CaptureError),
    /// A thread or a descriptor is not to be had.
    #[error("cannot start {what}: {source}")]
    Start {
        /// What was to be started.
        what: &'static str,
        /// What the kernel says.
        source: io::Error,
    },
}
