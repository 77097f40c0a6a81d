//! What a sweep has found and done.

use std::path::PathBuf;

use lxcfs_core::Pid;
use lxcfs_core::mountinfo::Device;
use serde::{Deserialize, Serialize};

/// What has become of a dead mount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Outcome {
    /// The live file was put beneath it and it was taken away.
    Replaced,
    /// The live file was put over it: it is still there and cannot be seen.
    Covered,
    /// It lay in a directory that was replaced, and is part of that.
    WithDirectory,
    /// It could not be seen before either.
    Hidden,
    /// It would be replaced.
    WouldReplace,
    /// It is still there.
    Left(String),
}

impl Outcome {
    /// Whether a process of the container still sees it.
    #[must_use]
    pub fn is_left(&self) -> bool {
        matches!(self, Self::Left(_) | Self::WouldReplace)
    }
}

/// A dead mount and what has become of it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mended {
    /// Where it is, as seen in its namespace.
    pub point: String,
    /// What it shows: `/proc/meminfo`.
    pub file: String,
    /// What has become of it.
    pub outcome: Outcome,
}

/// A mount namespace with dead mounts.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Namespace {
    /// A process in it.
    pub pid: Pid,
    /// The name of that process.
    pub name: String,
    /// The namespace's number, as in `mnt:[4026531841]`.
    pub inode: u64,
    /// Its dead mounts.
    pub mounts: Vec<Mended>,
    /// What went wrong with the namespace as a whole.
    pub trouble: Option<String>,
}

/// What there is to say about a file system of type `fuse.lxcfs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum State {
    /// Somebody answers for it.
    Served,
    /// Its process has ended, and nobody can take over.
    Dead,
    /// Nobody answers, but somebody may: its connection is held open, or its process hangs.
    Held,
    /// It can be seen nowhere, so that nobody asks it.
    Hidden,
    /// It could not be found out.
    Unknown,
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Where the live file system is mounted.
    pub mountpoint: PathBuf,
    /// Its device.
    pub live: Device,
    /// The others of type `fuse.lxcfs` that are mounted anywhere.
    pub others: Vec<(Device, State)>,
    /// The namespaces with dead mounts.
    pub namespaces: Vec<Namespace>,
    /// How many namespaces were looked at.
    pub looked_at: usize,
    /// How many processes did not let us look.
    pub unreadable: usize,
}

impl Report {
    /// Whether nothing is left dead.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.namespaces
            .iter()
            .all(|one| one.trouble.is_none() && !one.mounts.iter().any(|mount| mount.outcome.is_left()))
    }

    /// How many mounts have come to an outcome like that.
    #[must_use]
    pub fn count(&self, like: impl Fn(&Outcome) -> bool) -> usize {
        let mounts = self.namespaces.iter().flat_map(|one| &one.mounts);
        mounts.filter(|mount| like(&mount.outcome)).count()
    }
}
