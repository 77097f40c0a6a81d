//! Which file is read: its short name, and where it is below a tree's root.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// A file that every tree is expected to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VirtualFile {
    pub(crate) name: String,
    /// Relative to the root of a tree; for the host, that is `/`.
    path: PathBuf,
}

impl VirtualFile {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the file may have no text at all: LXCFS leaves out devices that the container has not used.
    pub(crate) fn may_be_empty(&self) -> bool {
        self.name == "diskstats"
    }

    /// Whether this is meminfo, and not that of a container with this limit: a daemon that passes on the host's files is
    /// not the one that was to be measured.
    pub(crate) fn shows_other_memory(&self, text: &[u8], limit_kib: u64) -> bool {
        let text = String::from_utf8_lossy(text);
        let total = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
        let total = total.and_then(|total| total.split_whitespace().next()?.parse().ok());
        self.name == "meminfo" && total != Some(limit_kib)
    }
}

impl FromStr for VirtualFile {
    type Err = Infallible;

    fn from_str(name: &str) -> Result<Self, Infallible> {
        let path = match name {
            "online" => PathBuf::from("sys/devices/system/cpu/online"),
            _ if name.starts_with("proc/") || name.starts_with("sys/") => PathBuf::from(name),
            _ => Path::new("proc").join(name),
        };
        Ok(Self {
            name: name.to_owned(),
            path,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_shown_is_compared_with_the_limit() {
        let other = |name: &str, text: &[u8]| name.parse::<VirtualFile>().unwrap().shows_other_memory(text, 1024);
        assert!(!other("meminfo", b"MemTotal:        1024 kB\n"));
        assert!(other("meminfo", b"MemTotal:        4096 kB\n"));
        assert!(!other("stat", b"cpu 1\n"));
    }

    #[test]
    fn a_short_name_is_below_proc() {
        let path = |name: &str| name.parse::<VirtualFile>().unwrap().path;
        assert_eq!(path("meminfo"), Path::new("proc/meminfo"));
        assert_eq!(path("pressure/cpu"), Path::new("proc/pressure/cpu"));
        assert_eq!(path("online"), Path::new("sys/devices/system/cpu/online"));
        assert_eq!(
            path("sys/devices/system/cpu/present"),
            Path::new("sys/devices/system/cpu/present")
        );
    }
}
