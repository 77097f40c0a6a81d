//! The container's mounts: its own /proc, and over it and /sys the virtual files, read-only.

use std::io;
use std::path::{Path, PathBuf};

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};

use super::error::RunError;
use super::snapshot;

const NONE: Option<&str> = None;

/// A place for the virtual files that is not seen once they are mounted where they belong: a file system in memory over
/// some directory that everybody has, in the container's mount namespace only.
#[derive(Debug)]
pub(crate) struct Staging {
    dir: PathBuf,
}

impl Staging {
    /// The directories that may be covered for a moment.
    const CANDIDATES: [&str; 4] = ["/run", "/tmp", "/mnt", "/dev"];

    /// Where it is. Both sides of the container ask, and see the same root directory.
    pub(crate) fn dir() -> PathBuf {
        let exists = |dir: &&str| Path::new(dir).is_dir();
        let dir = Self::CANDIDATES.into_iter().find(exists);
        PathBuf::from(dir.unwrap_or("/dev"))
    }

    /// Enters a mount namespace and makes the place there.
    pub(crate) fn make() -> Result<Self, RunError> {
        unshare(CloneFlags::CLONE_NEWNS).map_err(RunError::system("cannot make a mount namespace"))?;
        // What is mounted here is nobody else's.
        mount(NONE, "/", NONE, MsFlags::MS_REC | MsFlags::MS_PRIVATE, NONE)
            .map_err(RunError::system("cannot make the mounts private"))?;
        let dir = Self::dir();
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
        mount(Some("tmpfs"), &dir, Some("tmpfs"), flags, Some("mode=0755"))
            .map_err(RunError::file(&dir, "cannot mount a tmpfs there"))?;
        Ok(Self { dir })
    }

    /// Mounts the files where they belong, and takes the place away.
    pub(crate) fn mount_files(self) -> Result<(), RunError> {
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
        mount(Some("proc"), "/proc", Some("proc"), flags, NONE)
            .map_err(RunError::file("/proc", "cannot mount the container's own"))?;
        for row in snapshot::mounted_rows() {
            let target = Path::new("/").join(row);
            // What the host has not, the container has not.
            if target.exists() {
                bind(&self.dir.join(row), &target)
                    .map_err(RunError::file(&target, "cannot mount the virtual file there"))?;
            }
        }
        umount2(&self.dir, MntFlags::MNT_DETACH).map_err(RunError::file(&self.dir, "cannot take the tmpfs away"))
    }
}

/// Mounts a file or directory read-only over another. The kernel makes a bind mount with the flags of its source first:
/// they change in a second step, before anybody runs who could use the moment.
fn bind(source: &Path, target: &Path) -> io::Result<()> {
    let flags = MsFlags::MS_RDONLY | MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount(Some(source), target, NONE, MsFlags::MS_BIND, NONE)?;
    mount(NONE, target, NONE, MsFlags::MS_BIND | MsFlags::MS_REMOUNT | flags, NONE)?;
    Ok(())
}
