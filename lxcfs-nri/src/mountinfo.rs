//! Which mount a path is on, from the text of mountinfo alone: it never waits for a file system.
//!
//! # References
//!
//! proc_pid_mountinfo(5)

use std::path::{Path, PathBuf};

/// What is used here of a line of mountinfo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountLine {
    /// The numbers of its file system's device, such as `0:52`.
    pub device: String,
    /// Where it is mounted.
    pub mount_point: PathBuf,
    /// Whether what is mounted below it elsewhere comes here, or from here goes elsewhere.
    pub propagates: bool,
    /// The kind of file system, such as `fuse.lxcfs`.
    pub kind: String,
}

impl MountLine {
    fn parse(line: &str) -> Option<Self> {
        let (before, after) = line.split_once(" - ")?;
        let mut fields = before.split(' ').skip(2);
        let (device, _root, mount_point, _options) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
        Some(Self {
            device: device.to_owned(),
            mount_point: unescape(mount_point),
            propagates: fields.any(|field| field.starts_with("shared:") || field.starts_with("master:")),
            kind: after.split(' ').next()?.to_owned(),
        })
    }
}

/// Four characters stand for one that would end the field: `\040` for a space.
fn unescape(field: &str) -> PathBuf {
    let mut plain = field.to_owned();
    for (escaped, character) in [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")] {
        plain = plain.replace(escaped, character);
    }
    plain.into()
}

/// The mount that a path is on: of those with the longest mount point the last one, which hides the others.
#[must_use]
pub fn mount_of(mountinfo: &str, path: &Path) -> Option<MountLine> {
    mountinfo
        .lines()
        .filter_map(MountLine::parse)
        .filter(|mount| path.starts_with(&mount.mount_point))
        .max_by_key(|mount| mount.mount_point.components().count())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
21 1 254:1 / / rw,relatime - ext4 /dev/root rw
30 21 0:40 / /var/lib/lxcfs ro,nosuid shared:7 - fuse.lxcfs lxcfs ro
31 21 0:41 / /var/lib/lxcfs ro,nosuid master:3 propagate_from:2 - fuse.lxcfs lxcfs ro
32 21 0:42 / /mnt/a\\040b\\134 rw - tmpfs none rw
nonsense
";

    #[test]
    fn the_mount_of_a_path_is_the_deepest_and_of_those_the_last() {
        let mount = mount_of(TEXT, Path::new("/var/lib/lxcfs/proc/meminfo")).unwrap();
        assert_eq!(mount.device, "0:41");
        assert_eq!(mount.kind, "fuse.lxcfs");
        assert!(mount.propagates);
        let root = mount_of(TEXT, Path::new("/var/lib/lxcfs2/x")).unwrap();
        assert_eq!((root.device.as_str(), root.propagates), ("254:1", false));
        assert_eq!(mount_of("", Path::new("/")), None);
    }

    #[test]
    fn names_with_spaces_are_understood() {
        let mount = mount_of(TEXT, Path::new("/mnt/a b\\/c")).unwrap();
        assert_eq!(mount.device, "0:42");
    }
}
