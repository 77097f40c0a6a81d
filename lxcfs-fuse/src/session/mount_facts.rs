//! Which mount is ours, told without asking whom it is served by: that is often the process that wants to know.
//!
//! # References
//!
//! statx(2), `AT_STATX_DONT_SYNC`, `STATX_MNT_ID_UNIQUE`; proc_pid_mountinfo(5).

use std::fs;
use std::io;
use std::path::Path;

use lxcfs_core::mountinfo::{Device, mounts};
use rustix::fs::{AtFlags, CWD, StatxFlags, makedev, statx};
use serde::{Deserialize, Serialize};

/// A number that no other mount has until the next boot. Since Linux 6.8; before, numbers are used again.
const MNT_ID_UNIQUE: StatxFlags = StatxFlags::from_bits_retain(0x4000);

/// What a mount is known by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MountId {
    /// The device number of its file system.
    pub(crate) device: u64,
    id: u64,
}

impl MountId {
    /// What is mounted there, on top.
    pub(crate) fn at(mountpoint: &Path) -> io::Result<Self> {
        // Without a field that the file system would have to be asked for.
        let found = statx(
            CWD,
            mountpoint,
            AtFlags::STATX_DONT_SYNC | AtFlags::NO_AUTOMOUNT,
            StatxFlags::MNT_ID | MNT_ID_UNIQUE,
        )?;
        Ok(Self {
            device: makedev(found.stx_dev_major, found.stx_dev_minor),
            id: found.stx_mnt_id,
        })
    }

    /// Whether it is still there, with nothing over it.
    pub(crate) fn is_at(self, mountpoint: &Path) -> bool {
        Self::at(mountpoint).is_ok_and(|found| found == self)
    }

    /// Whether its file system is mounted anywhere here, there or elsewhere, visible or not.
    pub(crate) fn is_mounted(self) -> bool {
        let device = Device {
            major: rustix::fs::major(self.device),
            minor: rustix::fs::minor(self.device),
        };
        let mountinfo = fs::read("/proc/self/mountinfo").unwrap_or_default();
        mounts(&mountinfo).any(|mount| mount.device == device)
    }
}
