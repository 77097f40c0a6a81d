//! A mount namespace that a process enters.

use std::fs::File;
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::fs::MetadataExt as _;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::wire::Entrance;

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
