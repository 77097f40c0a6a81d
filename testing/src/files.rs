//! The files at a mount point, whoever serves them.

use std::fs;
use std::path::{Path, PathBuf};

/// A mount point of LXCFS's kind.
#[derive(Debug)]
pub struct Files(PathBuf);

impl Files {
    /// Those of that mount point.
    #[must_use]
    pub fn at(mount: PathBuf) -> Self {
        Self(mount)
    }

    /// The mount point.
    #[must_use]
    pub fn mount(&self) -> PathBuf {
        self.0.clone()
    }

    /// The path of a file below it.
    #[must_use]
    pub fn file(&self, path: &str) -> String {
        format!("{}/{path}", self.0.display())
    }

    /// Whether something is mounted there. Asks mountinfo: to look at the mount point itself may take for ever.
    #[must_use]
    pub fn is_mounted(&self) -> bool {
        let mountinfo = fs::read_to_string("/proc/self/mountinfo").unwrap();
        mountinfo
            .lines()
            .any(|line| line.split(' ').nth(4).map(Path::new) == Some(&self.0))
    }

    /// The files, and what they go over in a container.
    #[must_use]
    pub fn binds(&self) -> Vec<(String, String)> {
        let files = |dir: &str| -> Vec<String> {
            let mut names: Vec<_> = fs::read_dir(self.file(dir))
                .unwrap_or_else(|error| panic!("{dir}: {error}"))
                .map(|entry| format!("{dir}/{}", entry.unwrap().file_name().to_str().unwrap()))
                .collect();
            names.sort();
            names
        };
        let proc = files("proc").into_iter().filter(|path| path != "proc/pressure");
        let pressure = files("proc/pressure");
        proc.chain(pressure)
            .chain(["sys/devices/system/cpu".to_owned()])
            .map(|path| (self.file(&path), format!("/{path}")))
            .filter(|(_, to)| Path::new(to).exists())
            .collect()
    }
}
