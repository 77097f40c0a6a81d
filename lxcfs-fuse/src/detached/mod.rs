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
pub fn put_over(mount: &OwnedFd, place: &OwnedFd) -> io::Result<()> {
    put(mount, place, MoveMountFlags::empty())
}

/// Puts a mount beneath the mount whose root is at a place, so that it is seen once that is gone; Linux 6.5.
///
/// # Errors
///
/// The kernel's: it is older, or what is there came locked from a namespace with more rights.
pub fn put_beneath(mount: &OwnedFd, place: &OwnedFd) -> io::Result<()> {
    put(mount, place, MoveMountFlags::MOVE_MOUNT_BENEATH)
}

fn put(mount: &OwnedFd, place: &OwnedFd, how: MoveMountFlags) -> io::Result<()> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH | how;
    Ok(move_mount(mount, "", place, "", flags)?)
}

/// How a dead mount was replaced.
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
pub fn replace(oneself: &Oneself, mount: &OwnedFd, place: &OwnedFd) -> io::Result<Replaced> {
    if put_beneath(mount, place).is_err() {
        put_over(mount, place)?;
        return Ok(Replaced::Covered);
    }
    oneself.unmount(place)?;
    Ok(Replaced::Gone)
}
