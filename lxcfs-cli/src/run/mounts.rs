//! The container's mounts: its own /proc, and over it and /sys the virtual files.

use std::path::Path;

use lxcfs_core::inject::mounted_files;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};

use super::error::RunError;

const NONE: Option<&str> = None;

/// Enters the container's mount namespace, binds the files that are mounted at `place` where they belong, read-only as
/// they are there, and takes that mount away.
pub(crate) fn furnish(place: &Path) -> Result<(), RunError> {
    // A copy of a namespace whose mounts go nowhere else: its own do not either.
    unshare(CloneFlags::CLONE_NEWNS).map_err(RunError::system("cannot make a mount namespace"))?;
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount(Some("proc"), "/proc", Some("proc"), flags, NONE)
        .map_err(RunError::file("/proc", "cannot mount the container's own"))?;
    for row in mounted_files() {
        let target = Path::new("/").join(row);
        // What the host has not, the container has not.
        if target.exists() {
            mount(Some(&place.join(row)), &target, NONE, MsFlags::MS_BIND, NONE)
                .map_err(RunError::file(&target, "cannot mount the virtual file there"))?;
        }
    }
    umount2(place, MntFlags::MNT_DETACH).map_err(RunError::file(place, "cannot take the virtual files away"))
}
