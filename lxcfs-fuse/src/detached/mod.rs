//! Copies of mounts that are attached nowhere yet, and the places that they are put in.
//!
//! A copy gets its flags and its propagation while nobody can see it: at no time does a container have a mount that it could
//! write to or spread to the host.
//!
//! A name is looked up once, without following any link, and what was found is compared with what mountinfo says by the
//! kernel's number of the mount. No question is put to the file system itself: that could take for ever.
//!
//! # References
//!
//! open_tree(2), mount_setattr(2), move_mount(2), mount_namespaces(7).

mod attributes;
mod oneself;

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};
use rustix::mount::{MoveMountFlags, OpenTreeFlags, move_mount, open_tree};

pub use attributes::{Attributes, NO_DEV, NO_EXEC, NO_SUID, PRIVATE, READ_ONLY, SHARED, SLAVE, set};
pub use oneself::Oneself;

/// A place, without asking the file system there.
///
/// # Errors
///
/// The kernel's: it is not there, or a link is on the way.
///
/// ```
/// use std::path::Path;
/// use lxcfs_fuse::detached::place;
///
/// assert!(place(Path::new("/proc/meminfo")).is_ok());
/// assert!(place(Path::new("/proc/self/status")).is_err(), "a link is on the way");
/// ```
pub fn place(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let resolve = ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    Ok(openat2(CWD, path, flags, Mode::empty(), resolve)?)
}

/// A mount of what is below that directory under that name, attached nowhere yet.
///
/// # Errors
///
/// The kernel's: it is not there, or it cannot be copied.
///
/// ```no_run
/// use std::path::Path;
/// use lxcfs_fuse::detached::{copy, place};
///
/// let live = place(Path::new("/var/lib/lxcfs"))?;
/// let meminfo = copy(&live, Path::new("proc/meminfo"))?;
/// let all = copy(&live, Path::new(""))?;
/// # let _ = (meminfo, all);
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn copy(dir: impl AsFd, name: &Path) -> io::Result<OwnedFd> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_SYMLINK_NOFOLLOW;
    if name.as_os_str().is_empty() {
        return Ok(open_tree(dir, "", flags | OpenTreeFlags::AT_EMPTY_PATH)?);
    }
    Ok(open_tree(dir, name, flags)?)
}

/// Puts a mount over what is at a place.
///
/// # Errors
///
/// The kernel's.
///
/// ```no_run
/// use std::os::fd::AsFd;
/// use std::path::Path;
/// use lxcfs_fuse::detached::{Attributes, copy, place, put_over, set};
///
/// // As a hook does it, in the mount namespace of a container that is being made.
/// let live = place(Path::new("/var/lib/lxcfs"))?;
/// let meminfo = copy(&live, Path::new("proc/meminfo"))?;
/// set(meminfo.as_fd(), Attributes::OF_A_CONTAINER)?;
/// put_over(&meminfo, &place(Path::new("/proc/meminfo"))?)?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn put_over(mount: &OwnedFd, place: &OwnedFd) -> io::Result<()> {
    put(mount, place, MoveMountFlags::empty())
}

/// Puts a mount beneath the mount whose root is at a place, so that it is seen once that is gone; Linux 6.5.
///
/// # Errors
///
/// The kernel's: it is older, or what is there came locked from a namespace with more rights.
pub(crate) fn put_beneath(mount: &OwnedFd, place: &OwnedFd) -> io::Result<()> {
    put(mount, place, MoveMountFlags::MOVE_MOUNT_BENEATH)
}

fn put(mount: &OwnedFd, place: &OwnedFd, how: MoveMountFlags) -> io::Result<()> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH | how;
    Ok(move_mount(mount, "", place, "", flags)?)
}

/// How a dead mount was replaced.
///
/// ```no_run
/// use std::path::Path;
/// use lxcfs_fuse::detached::{Oneself, Replaced, copy, place, replace};
///
/// let live = copy(place(Path::new("/var/lib/lxcfs"))?, Path::new("proc/stat"))?;
/// match replace(&Oneself::open()?, &live, &place(Path::new("/proc/stat"))?)? {
///     Replaced::Gone => {}
///     Replaced::Covered => println!("an older kernel: the dead one is still there, below"),
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replaced {
    /// It is gone.
    Gone,
    /// It lies below the live one.
    Covered,
}

/// Puts a mount in the place of the dead one whose root is at that place. What lies below both is never seen.
///
/// # Errors
///
/// The kernel's.
///
/// ```no_run
/// use std::path::Path;
/// use lxcfs_fuse::detached::{Oneself, copy, place, replace};
///
/// let live = copy(place(Path::new("/var/lib/lxcfs"))?, Path::new("proc/stat"))?;
/// let dead = place(Path::new("/proc/stat"))?;
/// replace(&Oneself::open()?, &live, &dead)?;
/// assert!(std::fs::read_to_string("/proc/stat")?.starts_with("cpu "));
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn replace(oneself: &Oneself, mount: &OwnedFd, place: &OwnedFd) -> io::Result<Replaced> {
    if put_beneath(mount, place).is_err() {
        put_over(mount, place)?;
        return Ok(Replaced::Covered);
    }
    oneself.unmount(place)?;
    Ok(Replaced::Gone)
}
