//! Which file systems a daemon has served, kept over its end: their dead mounts are its own to heal, and nobody else's.
//!
//! A machine may have several daemons, each with containers of its own. mountinfo does not say whose a dead mount was.
//! Numbers of devices are used again, so it is also kept when each connection began.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use lxcfs_core::mountinfo::Device;

/// The numbers of devices are given anew with each boot.
const BOOT: &str = "/proc/sys/kernel/random/boot_id";

/// What stands where the beginning is not known.
const UNKNOWN: &str = "-";

/// A file system that was served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Connection {
    pub(super) device: Device,
    /// When it began, by the words of the kernel.
    began: String,
}

impl Connection {
    /// What has that device now.
    pub(super) fn of(device: Device) -> Self {
        // The directory lies in a file system of its own, so that it can be asked about a connection that hangs.
        let began = fs::metadata(format!("/sys/fs/fuse/connections/{}", device.minor));
        let began = began.map(|there| format!("{}.{:09}", there.ctime(), there.ctime_nsec()));
        Self {
            device,
            began: began.unwrap_or_else(|_| UNKNOWN.to_owned()),
        }
    }

    /// Whether its device is still its own.
    pub(super) fn is_there(&self) -> bool {
        self.began == UNKNOWN || Self::of(self.device) == *self
    }

    fn parse(line: &str) -> Option<Self> {
        let (device, began) = line.split_once(' ')?;
        Some(Self {
            device: device.parse().ok()?,
            began: began.to_owned(),
        })
    }
}

/// Those that are written down in a file during this boot.
pub(super) fn read(path: &Path) -> Vec<Connection> {
    let (Ok(text), Ok(boot)) = (fs::read_to_string(path), fs::read_to_string(BOOT)) else {
        return Vec::new();
    };
    let mut lines = text.lines();
    if lines.next() != Some(boot.trim()) {
        return Vec::new();
    }
    lines.filter_map(Connection::parse).collect()
}

/// Writes them down, all or nothing.
pub(super) fn write(path: &Path, connections: &[Connection]) -> io::Result<()> {
    let boot = fs::read_to_string(BOOT)?;
    let mut text = boot.trim().to_owned();
    for Connection { device, began } in connections {
        text = format!("{text}\n{device} {began}");
    }
    text.push('\n');
    let new = path.with_extension("new");
    fs::write(&new, text)?;
    fs::rename(new, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_in_this_boot_is_read_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lxcfs.devices");
        assert_eq!(read(&path), []);
        let connections = ["0:45 12.5", "0:46 -"].map(|line| Connection::parse(line).unwrap());
        write(&path, &connections).unwrap();
        assert_eq!(read(&path), connections);
        fs::write(&path, "another-boot\n0:45 12.5\n").unwrap();
        assert_eq!(read(&path), []);
    }

    #[test]
    fn a_device_whose_number_another_has_now_is_not_there() {
        let gone = Connection::parse("0:1048575 12.5").unwrap();
        assert!(!gone.is_there());
        assert!(Connection::parse("0:1048575 -").unwrap().is_there());
    }
}
