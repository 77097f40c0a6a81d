//! Binds files of the daemon over those of a container whose root is not the root yet.
//!
//! No path is followed out of the container: what its image has at a place may be a link to anywhere.

use std::io::ErrorKind;
use std::os::fd::{AsFd, AsRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};

use lxcfs_core::inject::Mount;
use lxcfs_fuse::detached::{self, Attributes};
use rustix::fs::{AtFlags, Mode, OFlags, ResolveFlags, StatxFlags, open, openat2, statx};
use rustix::io::Errno;
use rustix::mount::{MountPropagationFlags, mount_change};

use super::error::HookError;

/// It is read-only if the daemon's mount is, which it is unless pressure triggers are to be written.
const ATTRIBUTES: Attributes = Attributes {
    set: Attributes::OF_A_CONTAINER.set & !detached::READ_ONLY,
    ..Attributes::OF_A_CONTAINER
};

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
        let live = open(source, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).map_err(|cause| match cause {
            Errno::NOENT => HookError::NoSource {
                path: source.to_owned(),
            },
            cause => HookError::file(source, "cannot be bound")(cause),
        })?;
        let tree = detached::copy(&live, Path::new("")).map_err(HookError::file(source, "cannot be bound"))?;
        if is_same_file_system(&tree, &target).map_err(HookError::file(source, "cannot be compared"))? {
            return Ok(());
        }
        let separated = detached::set(tree.as_fd(), ATTRIBUTES);
        // Before Linux 5.12 it can be done where it is mounted only. Nothing of the container runs yet.
        let late = matches!(&separated, Err(cause) if cause.kind() == ErrorKind::Unsupported);
        let cannot = "cannot be separated from the host's";
        if !late {
            separated.map_err(HookError::file(source, cannot))?;
        }
        detached::put_over(&tree, &target).map_err(HookError::file(self.path.join(below), "cannot be mounted over"))?;
        if late {
            let mounted = format!("/proc/self/fd/{}", tree.as_raw_fd());
            mount_change(mounted, MountPropagationFlags::DOWNSTREAM)
                .map_err(HookError::file(self.path.join(below), cannot))?;
        }
        Ok(())
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
