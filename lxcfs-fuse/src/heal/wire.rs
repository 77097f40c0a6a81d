//! What a child is told on its standard input, and what it says on its standard output: JSON, one value a line.

use std::ffi::OsString;

use lxcfs_core::Pid;
use lxcfs_core::mountinfo::Device;
use serde::{Deserialize, Serialize};

use super::report::Outcome;

/// What a child is to do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Task {
    /// Find out whether a mount is served.
    Probe {
        /// Where to look; the own namespace if there is none.
        namespace: Option<Entrance>,
        /// The mount, by its place and the kernel's number; any that is there without the number.
        point: OsString,
        id: Option<u64>,
    },
    /// Replace the dead mounts of a namespace.
    Mend {
        namespace: Entrance,
        source: Source,
        dead: Vec<WireDevice>,
        rehearsal: bool,
    },
    /// Put the live files on all slots.
    Fill {
        source: Source,
        /// Layers that nobody needs, from the top of each pile on.
        prune: Vec<(OsString, u64)>,
        /// The flags of the mounts.
        flags: u64,
    },
}

/// Where live files are taken from.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Source {
    pub(super) mountpoint: OsString,
    pub(super) live: WireDevice,
    pub(super) slots: Option<OsString>,
}

/// A mount namespace: a process in it, and the inode by which it is known to be the right one.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Entrance {
    pub(super) pid: Pid,
    pub(super) inode: u64,
}

/// A device, as numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct WireDevice(u32, u32);

impl From<Device> for WireDevice {
    fn from(device: Device) -> Self {
        Self(device.major, device.minor)
    }
}

impl From<WireDevice> for Device {
    fn from(WireDevice(major, minor): WireDevice) -> Self {
        Self { major, minor }
    }
}

/// What a child says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Said {
    /// Somebody answers for the mount.
    Served,
    /// Nobody does, and nobody will.
    Dead,
    /// It is not to be seen at its place: something else is mounted there.
    Hidden,
    /// What has become of a mount.
    Mount {
        point: String,
        file: String,
        outcome: Outcome,
    },
    /// A slot shows the live file now.
    Filled(String),
    /// It could not be done.
    Failed(String),
    /// That was all.
    Done,
}
