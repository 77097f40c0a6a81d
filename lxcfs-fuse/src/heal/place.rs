//! Mount namespaces from within, and places in them, held by descriptors so that nothing else can be meant.
//!
//! A name is looked up once, without following any link, and what was found is compared with what mountinfo says by the
//! kernel's number of the mount. No question is put to the file system itself: that could take for ever.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use lxcfs_core::mountinfo::{Mount, mounts};
use nix::mount::{MntFlags, umount2};
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, open, openat, openat2};
use rustix::mount::{MoveMountFlags, OpenTreeFlags, move_mount, open_tree};
use rustix::process::fchdir;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::wire::Entrance;

/// `/proc/PID` of this process, by which it is found from every mount namespace.
pub(super) struct Oneself(OwnedFd);

impl Oneself {
    pub(super) fn open() -> io::Result<Self> {
        let flags = OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self(open("/proc/self", flags, Mode::empty())?))
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let mut file = File::from(openat(&self.0, name, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?);
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        Ok(text)
    }

    /// What is mounted where this process is now.
    pub(super) fn mounts(&self) -> io::Result<Vec<Mount>> {
        Ok(mounts(&self.read("mountinfo")?).collect())
    }

    /// The kernel's number of the mount in which a place is.
    pub(super) fn mount_of(&self, place: &OwnedFd) -> io::Result<u64> {
        let text = self.read(&format!("fdinfo/{}", place.as_raw_fd()))?;
        let id = lxcfs_core::parse::lines(&text)
            .find_map(|line| lxcfs_core::parse::number(line.strip_prefix(b"mnt_id:")?.trim_ascii()));
        id.ok_or_else(|| io::Error::other("no mnt_id in fdinfo"))
    }

    /// Takes away what is mounted there, with all that is mounted in it.
    pub(super) fn unmount(&self, place: &OwnedFd) -> io::Result<()> {
        fchdir(&self.0)?;
        let link = format!("fd/{}", place.as_raw_fd());
        Ok(umount2(link.as_str(), MntFlags::MNT_DETACH)?)
    }

    /// Opens for reading what is at that place, and nothing that has come over it since.
    pub(super) fn reopen(&self, place: &OwnedFd) -> io::Result<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let link = format!("fd/{}", place.as_raw_fd());
        Ok(openat(&self.0, link.as_str(), flags, Mode::empty())?)
    }
}

/// A mount namespace.
pub(super) struct Space(File);

impl Space {
    /// The one in which this process is.
    pub(super) fn own() -> io::Result<Self> {
        Ok(Self(File::open("/proc/self/ns/mnt")?))
    }

    /// That of another process, if it is still the same.
    pub(super) fn of(entrance: &Entrance) -> io::Result<Self> {
        let file = File::open(format!("/proc/{}/ns/mnt", entrance.pid))?;
        if file.metadata()?.ino() != entrance.inode {
            return Err(io::Error::other("its process has ended, and another has its number"));
        }
        Ok(Self(file))
    }

    /// Goes there. The working directory and the root are that of the namespace then.
    pub(super) fn enter(&self) -> io::Result<()> {
        Ok(move_into_link_name_space(
            self.0.as_fd(),
            Some(LinkNameSpaceType::Mount),
        )?)
    }
}

/// A place, without asking the file system there.
pub(super) fn place(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let resolve = ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    Ok(openat2(CWD, path, flags, Mode::empty(), resolve)?)
}

/// A mount of what is below that directory under that name, attached nowhere yet.
pub(super) fn copy(dir: &OwnedFd, name: &Path) -> io::Result<OwnedFd> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_SYMLINK_NOFOLLOW;
    if name.as_os_str().is_empty() {
        return Ok(open_tree(dir, "", flags | OpenTreeFlags::AT_EMPTY_PATH)?);
    }
    Ok(open_tree(dir, name, flags)?)
}

/// Puts a mount over what is at a place.
pub(super) fn put_over(mount: &OwnedFd, place: &OwnedFd) -> io::Result<()> {
    put(mount, place, MoveMountFlags::empty())
}

/// Puts a mount beneath the mount whose root is at a place, so that it is seen once that is gone; Linux 6.5.
pub(super) fn put_beneath(mount: &OwnedFd, place: &OwnedFd) -> io::Result<()> {
    put(mount, place, MoveMountFlags::MOVE_MOUNT_BENEATH)
}

fn put(mount: &OwnedFd, place: &OwnedFd, how: MoveMountFlags) -> io::Result<()> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH | how;
    Ok(move_mount(mount, "", place, "", flags)?)
}
