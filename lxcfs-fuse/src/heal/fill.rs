//! The slots show the live files: each is mounted over what is there, in a peer group of its own.

use std::io;
use std::os::fd::AsFd as _;
use std::path::Path;

use lxcfs_core::mountinfo::{Device, Mount};
use nix::mount::{MsFlags, mount};

use crate::detached::{self, Attributes, Oneself, PRIVATE, SHARED, copy, place, put_over};

use super::bounded::say;
use super::plan::is_lxcfs;
use super::slots;
use super::wire::{Said, Source};

/// Enough for empty files and directories.
const SIZE: &str = "mode=755,size=1m";

pub(super) fn fill(source: &Source, prune: &[(std::ffi::OsString, u64)], flags: u64) -> io::Result<()> {
    let Some(dir) = source.slots.as_ref().map(Path::new) else {
        return Ok(());
    };
    let oneself = Oneself::open()?;
    furnish(&oneself, dir)?;
    for (slot, id) in prune {
        let place = place(Path::new(slot))?;
        if oneself.mount_of(&place)? == *id {
            oneself.unmount(&place)?;
        }
    }
    let live = Device::from(source.live);
    let mountpoint = place(Path::new(&source.mountpoint))?;
    let mounts = oneself.mounts()?;
    for (name, is_directory) in slots::names() {
        let copy = match copy(&mountpoint, Path::new(name)) {
            Ok(copy) => copy,
            // What the host has not, containers have not.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        let slot = dir.join(name);
        make_room(&slot, is_directory, &mounts)?;
        let place = place(&slot)?;
        let there = oneself.mount_of(&place)?;
        let shows_it = |mount: &Mount| mount.id == there && is_lxcfs(mount) && mount.device == live;
        if !mounts.iter().any(shows_it) {
            // Away from the peers of the mount point first. Its flags are those of all copies that go to containers.
            for propagation in [PRIVATE, SHARED] {
                let attributes = Attributes {
                    set: flags,
                    propagation,
                };
                detached::set(copy.as_fd(), attributes)?;
            }
            put_over(&copy, &place)?;
        }
        say(&Said::Filled(slot.display().to_string()));
    }
    Ok(())
}

/// Makes the directory of slots a file system of its own, so that its mounts go where those of the host go.
fn furnish(oneself: &Oneself, dir: &Path) -> io::Result<()> {
    std::fs::create_dir_all(dir)?;
    if oneself.mounts()?.iter().any(|mount| mount.point == dir) {
        return Ok(());
    }
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount(Some("lxcfs-slots"), dir, Some("tmpfs"), flags, Some(SIZE))?;
    mount(None::<&str>, dir, None::<&str>, MsFlags::MS_SHARED, None::<&str>)?;
    Ok(())
}

/// Makes the file or directory that is mounted on, unless something is mounted there already.
fn make_room(slot: &Path, is_directory: bool, mounts: &[Mount]) -> io::Result<()> {
    if mounts.iter().any(|mount| mount.point == slot) {
        return Ok(());
    }
    if let Some(above) = slot.parent() {
        std::fs::create_dir_all(above)?;
    }
    match std::fs::symlink_metadata(slot) {
        // Some engines make a directory of what they are to bind and cannot find.
        Ok(there) if there.is_dir() && !is_directory => std::fs::remove_dir(slot)?,
        Ok(there) if !there.is_dir() && is_directory => std::fs::remove_file(slot)?,
        Ok(_) | Err(_) => {}
    }
    if is_directory {
        std::fs::create_dir_all(slot)
    } else {
        std::fs::File::options().create(true).append(true).open(slot).map(drop)
    }
}
