//! Binds files of the daemon over those of a container whose root is not the root yet.
//!
//! No path is followed out of the container: what its image has at a place may be a link to anywhere.

use std::os::fd::{AsFd, AsRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};

use lxcfs_core::inject::Mount;
use rustix::fs::{AtFlags, CWD, Mode, OFlags, ResolveFlags, StatxFlags, open, openat2, statx};
use rustix::io::Errno;
use rustix::mount::{MountPropagationFlags, MoveMountFlags, OpenTreeFlags, mount_change, move_mount, open_tree};

use super::error::HookError;

/// The root of a container.
pub(super) struct Binder {
    path: PathBuf,
    root: OwnedFd,
}

impl Binder {
    /// That of this directory.
    pub(super) fn new(path: &Path) -> Result<Self, HookError> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root =
            open(path, flags, Mode::empty()).map_err(HookError::file(path, "cannot open the container's root"))?;
        Ok(Self {
            path: path.to_owned(),
            root,
        })
    }

    /// Binds all that the container has a place for. Tries all of them, and tells the first failure.
    pub(super) fn bind(&self, mounts: &[Mount]) -> Result<(), HookError> {
        let done: Vec<_> = mounts
            .iter()
            .map(|mount| self.bind_one(&mount.source, mount.file))
            .collect();
        done.into_iter().collect()
    }

    /// Binds all of the daemon's tree where the container has a directory for it: containers in it find it there.
    pub(super) fn bind_whole(&self, source: &Path) -> Result<(), HookError> {
        let below = source.strip_prefix("/").unwrap_or(source);
        self.bind_one(source, below)
    }

    fn bind_one(&self, source: &Path, below: impl AsRef<Path>) -> Result<(), HookError> {
        let below = below.as_ref();
        // What the kernel does not have, the container does not need.
        let Some(target) = self.target(below)? else {
            return Ok(());
        };
        // It has the flags of the mount that it is cloned from: the daemon's, which is read-only unless it was told otherwise.
        let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
        let tree = open_tree(CWD, source, flags).map_err(|cause| match cause {
            Errno::NOENT => HookError::NoSource {
                path: source.to_owned(),
            },
            cause => HookError::file(source, "cannot be bound")(cause),
        })?;
        if is_same_file_system(&tree, &target).map_err(HookError::file(source, "cannot be compared"))? {
            return Ok(());
        }
        let empty = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
        move_mount(&tree, "", &target, "", empty)
            .map_err(HookError::file(self.path.join(below), "cannot be mounted over"))?;
        // The clone of a mount that is shared is its peer, and the container is to change nothing of the host's.
        let change = |file: &OwnedFd| {
            let path = format!("/proc/self/fd/{}", file.as_raw_fd());
            mount_change(path, MountPropagationFlags::DOWNSTREAM)
        };
        change(&tree).map_err(HookError::file(
            self.path.join(below),
            "cannot be separated from the host's",
        ))
    }

    /// What is at that place; none if nothing is.
    fn target(&self, below: &Path) -> Result<Option<OwnedFd>, HookError> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_SYMLINKS;
        match openat2(&self.root, below, flags, Mode::empty(), resolve) {
            Ok(file) => Ok(Some(file)),
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
            Err(cause) => Err(HookError::file(
                self.path.join(below),
                "cannot be opened in the container",
            )(cause)),
        }
    }
}

/// Whether both are on one file system, without asking its server.
fn is_same_file_system(one: impl AsFd, other: impl AsFd) -> rustix::io::Result<bool> {
    let device = |file: std::os::fd::BorrowedFd<'_>| {
        let stat = statx(
            file,
            "",
            AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC,
            StatxFlags::empty(),
        )?;
        Ok::<_, Errno>((stat.stx_dev_major, stat.stx_dev_minor))
    };
    Ok(device(one.as_fd())? == device(other.as_fd())?)
}
