//! Whether a FUSE file system is served: somebody has to ask it, and that is a child whose time is limited.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use nix::libc::{ECONNABORTED, ENOTCONN};
use rustix::fs::{Dir, FileType, fstat};
use rustix::io::pread;

use crate::detached::{Oneself, place};

use super::space::Space;
use super::wire::{Entrance, Said};

/// Asks it for its first byte, or its first name.
pub(super) fn probe(namespace: Option<&Entrance>, point: &Path, id: Option<u64>) -> io::Result<Said> {
    let oneself = Oneself::open()?;
    if let Some(entrance) = namespace {
        Space::of(entrance)?.enter()?;
    }
    let place = match place(point) {
        Ok(place) => place,
        Err(error) => return Ok(if is_dead(&error) { Said::Dead } else { Said::Hidden }),
    };
    if let Some(id) = id
        && oneself.mount_of(&place)? != id
    {
        return Ok(Said::Hidden);
    }
    Ok(match touch(&oneself, &place) {
        Err(error) if is_dead(&error) => Said::Dead,
        // Whoever refuses is there.
        Ok(()) | Err(_) => Said::Served,
    })
}

fn touch(oneself: &Oneself, place: &OwnedFd) -> io::Result<()> {
    let open = oneself.reopen(place)?;
    if FileType::from_raw_mode(fstat(&open)?.st_mode) == FileType::Directory {
        if let Some(entry) = Dir::read_from(&open)?.next() {
            entry?;
        }
    } else {
        pread(&open, &mut [0; 1], 0)?;
    }
    Ok(())
}

fn is_dead(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(ENOTCONN | ECONNABORTED))
}
