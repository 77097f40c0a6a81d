//! Which file systems a daemon has served, kept over its end: their dead mounts are its own to heal, and nobody else's.
//!
//! A machine may have several daemons, each with containers of its own. mountinfo does not say whose a dead mount was.

use std::fs;
use std::io;
use std::path::Path;

use lxcfs_core::mountinfo::Device;

/// The numbers of devices are given anew with each boot.
const BOOT: &str = "/proc/sys/kernel/random/boot_id";

/// Those that are written down in a file during this boot.
pub(super) fn read(path: &Path) -> Vec<Device> {
    let (Ok(text), Ok(boot)) = (fs::read_to_string(path), fs::read_to_string(BOOT)) else {
        return Vec::new();
    };
    let mut lines = text.lines();
    if lines.next() != Some(boot.trim()) {
        return Vec::new();
    }
    lines.filter_map(|line| line.parse().ok()).collect()
}

/// Writes them down, all or nothing.
pub(super) fn write(path: &Path, devices: &[Device]) -> io::Result<()> {
    let boot = fs::read_to_string(BOOT)?;
    let mut text = format!("{}\n", boot.trim());
    for device in devices {
        text.push_str(&format!("{device}\n"));
    }
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
        let devices = ["0:45".parse().unwrap(), "0:46".parse().unwrap()];
        write(&path, &devices).unwrap();
        assert_eq!(read(&path), devices);
        fs::write(&path, "another-boot\n0:45\n").unwrap();
        assert_eq!(read(&path), []);
    }
}
