//! What is mounted at a place, from the text of mountinfo: nothing here asks the file system itself, which may never
//! answer.
//!
//! # References
//!
//! `proc_pid_mountinfo(5)`

use std::fs;
use std::io;
use std::path::Path;

use lxcfs_core::mountinfo::{self, Mount};
use nix::mount::{MntFlags, umount2};

use crate::heal::is_lxcfs;

/// What is on top at that place.
pub(crate) fn on_top(place: &Path) -> io::Result<Option<Mount>> {
    Ok(mountinfo::on_top(&fs::read("/proc/self/mountinfo")?, place))
}

/// Unmounts what has that minor number, if it is on top at that place; says whether it was.
pub(crate) fn unmount(place: &Path, minor: u32) -> io::Result<bool> {
    if on_top(place)?.is_none_or(|top| top.device.minor != minor) {
        return Ok(false);
    }
    umount2(place, MntFlags::MNT_DETACH | MntFlags::UMOUNT_NOFOLLOW)?;
    Ok(true)
}

/// Unmounts our file system with that minor number where it was mounted first; nothing, if that is not here or not on top.
pub(crate) fn unmount_device(minor: u32) -> io::Result<()> {
    let text = fs::read("/proc/self/mountinfo")?;
    let is_it =
        |mount: &Mount| is_lxcfs(mount) && mount.device.minor == minor && mount.original_root() == Path::new("/");
    if let Some(mount) = mountinfo::mounts(&text).find(is_it) {
        unmount(&mount.point, minor)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_another_number_is_left_alone() {
        let proc = on_top(Path::new("/proc")).unwrap().unwrap();
        assert_eq!(proc.kind, "proc");
        assert!(!unmount(Path::new("/proc"), u32::MAX).unwrap());
    }
}
