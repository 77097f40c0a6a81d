//! What mount(2) is told: flags and data, from the options of a command line.
//!
//! # References
//!
//! mount(2); `Documentation/filesystems/fuse/fuse.rst`, "Mount options".

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;
use std::path::Path;

use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::unistd::{getegid, geteuid};

use crate::error::MountError;
use crate::settings::MountOptions;

/// Flags and data for mount(2).
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct MountData {
    flags: MsFlags,
    /// What of `-o` is the kernel's to understand.
    extra: Vec<String>,
}

impl MountData {
    pub(crate) fn of(options: &MountOptions) -> Result<Self, MountError> {
        // On a read-only file system the kernel asks for no attributes after each read.
        let mut flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
        flags.set(MsFlags::MS_RDONLY, !options.psi_poll);
        let mut extra = Vec::new();
        for option in &options.extra {
            match option.as_str() {
                "noexec" => flags |= MsFlags::MS_NOEXEC,
                "noatime" => flags |= MsFlags::MS_NOATIME,
                "nodiratime" => flags |= MsFlags::MS_NODIRATIME,
                "relatime" => flags |= MsFlags::MS_RELATIME,
                "strictatime" => flags |= MsFlags::MS_STRICTATIME,
                "sync" => flags |= MsFlags::MS_SYNCHRONOUS,
                "dirsync" => flags |= MsFlags::MS_DIRSYNC,
                "exec" | "nosuid" | "nodev" | "atime" | "async" | "defaults" | "rw" | "ro" => {}
                "suid" | "dev" => return Err(MountError::Option(option.clone())),
                data if is_data(data) => extra.push(option.clone()),
                _ => return Err(MountError::Option(option.clone())),
            }
        }
        Ok(Self { flags, extra })
    }

    fn text(&self, device: &File) -> String {
        let mut text = format!(
            "fd={},rootmode=40000,user_id={},group_id={},allow_other,default_permissions",
            device.as_raw_fd(),
            geteuid(),
            getegid()
        );
        for option in &self.extra {
            text.push(',');
            text.push_str(option);
        }
        text
    }

    /// Mounts. What a process before this one has left there, dead, goes first.
    pub(crate) fn mount(&self, device: &File, mountpoint: &Path) -> Result<(), MountError> {
        let failed = |error: Errno| MountError::Mount {
            mountpoint: mountpoint.to_path_buf(),
            source: error.into(),
        };
        if is_dead(mountpoint) {
            tracing::warn!(mountpoint = %mountpoint.display(), "a dead mount is there; unmounting it");
            umount2(mountpoint, MntFlags::MNT_DETACH).map_err(failed)?;
        }
        let text = self.text(device);
        mount(
            Some("lxcfs"),
            mountpoint,
            Some("fuse.lxcfs"),
            self.flags,
            Some(text.as_str()),
        )
        .map_err(failed)
    }
}

/// Options with values that the kernel or a security module takes from the data.
fn is_data(option: &str) -> bool {
    let keys = [
        "context",
        "fscontext",
        "defcontext",
        "rootcontext",
        "max_read",
        "blksize",
    ];
    option
        .split_once('=')
        .is_some_and(|(key, value)| keys.contains(&key) && !value.is_empty())
}

/// Whether a FUSE file system is mounted there whose process has ended.
fn is_dead(mountpoint: &Path) -> bool {
    let is = |error: io::Error| error.raw_os_error() == Some(nix::libc::ENOTCONN);
    std::fs::symlink_metadata(mountpoint).is_err_and(is)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(options: &[&str], psi_poll: bool) -> Result<MountData, MountError> {
        let mut all = MountOptions::new("/mnt");
        all.psi_poll = psi_poll;
        all.extra = options.iter().map(|option| (*option).to_owned()).collect();
        MountData::of(&all)
    }

    #[test]
    fn it_is_read_only_unless_triggers_are_to_be_written() {
        assert!(of(&[], false).unwrap().flags.contains(MsFlags::MS_RDONLY));
        let writable = of(&["ro"], true).unwrap().flags;
        assert!(!writable.contains(MsFlags::MS_RDONLY));
        assert!(writable.contains(MsFlags::MS_NOSUID | MsFlags::MS_NODEV));
    }

    #[test]
    fn known_options_are_flags_or_data_and_others_are_errors() {
        let data = of(&["noexec", "context=system_u:object_r:proc_t:s0"], false).unwrap();
        assert!(data.flags.contains(MsFlags::MS_NOEXEC));
        assert_eq!(data.extra, ["context=system_u:object_r:proc_t:s0"]);
        for wrong in ["suid", "fd=3", "max_read=", "max_reed=1", ""] {
            assert!(matches!(of(&[wrong], false), Err(MountError::Option(_))), "{wrong}");
        }
    }
}
