//! The cgroup hierarchies of this machine.

use std::fs;
use std::path::{Path, PathBuf};

/// Which kind of hierarchy it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// One for each controller.
    V1,
    /// One for all.
    V2,
}

/// A mounted hierarchy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hierarchy {
    /// Where its root is.
    pub mount: PathBuf,
    /// Of which kind it is.
    pub version: Version,
    controllers: Vec<String>,
}

impl Hierarchy {
    /// Whether it has that controller.
    #[must_use]
    pub fn has(&self, controller: &str) -> bool {
        self.controllers.iter().any(|one| one == controller)
    }

    /// Whether cgroups can be made there.
    pub(crate) fn is_writable(&self) -> bool {
        nix::unistd::access(&self.mount, nix::unistd::AccessFlags::W_OK).is_ok()
    }
}

/// All that are mounted.
#[must_use]
pub fn hierarchies() -> Vec<Hierarchy> {
    let mountinfo = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let mut found: Vec<Hierarchy> = Vec::new();
    for one in mountinfo.lines().filter_map(hierarchy) {
        let again = |other: &Hierarchy| other.version == one.version && other.controllers == one.controllers;
        if !found.iter().any(again) {
            found.push(one);
        }
    }
    found
}

fn hierarchy(line: &str) -> Option<Hierarchy> {
    let (before, after) = line.split_once(" - ")?;
    let mut before = before.split(' ').skip(3);
    let (root, mount) = (before.next()?, PathBuf::from(before.next()?));
    let mut after = after.split(' ');
    let (version, names) = match (after.next()?, after.nth(1)?) {
        ("cgroup", options) => (Version::V1, options.replace(',', " ")),
        ("cgroup2", _) => (Version::V2, available(&mount)),
        _ => return None,
    };
    (root == "/").then_some(Hierarchy {
        mount,
        version,
        controllers: names.split_whitespace().map(str::to_owned).collect(),
    })
}

/// What a cgroup of v2 may limit.
pub(crate) fn available(dir: &Path) -> String {
    fs::read_to_string(dir.join("cgroup.controllers")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hierarchy_is_told_by_its_line() {
        let line = "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct";
        let found = hierarchy(line).unwrap();
        assert_eq!(found.mount, Path::new("/sys/fs/cgroup/cpu,cpuacct"));
        assert!(found.has("cpu") && found.has("cpuacct") && !found.has("memory"));
        assert!(hierarchy("36 31 0:33 / /s rw - cgroup cgroup rw,xattr,name=systemd").is_some());
        assert_eq!(hierarchy("36 31 0:33 /below /s rw - cgroup cgroup rw,devices"), None);
        assert_eq!(hierarchy("36 31 0:33 / /s rw - tmpfs tmpfs rw,cpu"), None);
        assert!(hierarchy("41 31 0:38 / /s/unified rw - cgroup2 cgroup2 rw").is_some());
    }
}
