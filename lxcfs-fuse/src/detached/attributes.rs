//! Flags and propagation of a mount that is attached nowhere yet.
#![expect(unsafe_code, reason = "one system call, which neither nix nor rustix wraps")]

use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd};

use nix::errno::Errno;
use nix::libc;

/// What is set of a mount.
///
/// ```
/// use lxcfs_fuse::detached::{Attributes, READ_ONLY, SLAVE};
///
/// let attributes = Attributes::OF_A_CONTAINER;
/// assert_ne!(attributes.set & READ_ONLY, 0);
/// assert_eq!(attributes.propagation, SLAVE);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attributes {
    /// `MOUNT_ATTR_…` to be set; none is taken away.
    pub set: u64,
    /// `MS_PRIVATE`, `MS_SLAVE`, `MS_SHARED`.
    pub propagation: u64,
}

/// `ro`.
pub const READ_ONLY: u64 = libc::MOUNT_ATTR_RDONLY;
/// `nosuid`.
pub const NO_SUID: u64 = libc::MOUNT_ATTR_NOSUID;
/// `nodev`.
pub const NO_DEV: u64 = libc::MOUNT_ATTR_NODEV;
/// `noexec`.
pub const NO_EXEC: u64 = libc::MOUNT_ATTR_NOEXEC;

// Those of libc are as wide as a register.
/// Nothing that is mounted below it goes anywhere.
pub const PRIVATE: u64 = 1 << 18;
/// What is mounted below the mount that it is a copy of comes to it.
pub const SLAVE: u64 = 1 << 19;
/// A peer group of its own, if it was private before.
pub const SHARED: u64 = 1 << 20;

impl Attributes {
    /// What a container's mounts have: nothing in them can be written or run, and nothing goes from there to the host.
    pub const OF_A_CONTAINER: Self = Self {
        set: READ_ONLY | NO_SUID | NO_DEV | NO_EXEC,
        propagation: SLAVE,
    };
}

/// Sets them on the mount that the descriptor stands for.
///
/// # Errors
///
/// The kernel's; [`io::ErrorKind::Unsupported`] before Linux 5.12.
///
/// # References
///
/// mount_setattr(2); Linux 5.12.
///
/// ```no_run
/// use std::os::fd::AsFd;
/// use std::path::Path;
/// use lxcfs_fuse::detached::{Attributes, copy, place, set};
///
/// let live = place(Path::new("/var/lib/lxcfs"))?;
/// let meminfo = copy(&live, Path::new("proc/meminfo"))?;
/// set(meminfo.as_fd(), Attributes::OF_A_CONTAINER)?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn set(mount: BorrowedFd<'_>, attributes: Attributes) -> io::Result<()> {
    let told = libc::mount_attr {
        attr_set: attributes.set,
        attr_clr: 0,
        propagation: attributes.propagation,
        userns_fd: 0,
    };
    // SAFETY: the path is a string with its NUL, the structure lives until the call is over and its size is told; the
    // kernel writes to neither.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH,
            std::ptr::from_ref(&told),
            size_of::<libc::mount_attr>(),
        )
    };
    Errno::result(answer).map(drop).map_err(io::Error::from)
}
