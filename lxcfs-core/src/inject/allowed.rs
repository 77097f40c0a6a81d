//! What each runtime lets be mounted over a container's own files, as a table.
//!
//! A file that a runtime refuses is not left out by it: the container does not start.
//!
//! # References
//!
//! runc, `libcontainer/rootfs_linux.go`, `checkProcMount`; youki, `crates/libcontainer`, `check_proc_mount` (since 0.5.5);
//! Kata Containers, `src/agent/rustjail/src/mount.rs`, `check_proc_mount`. crun and LXC have no list. None of them has one
//! for `/sys`.

use super::release::{Release, Runtime, Version};

/// Which versions let something be mounted.
///
/// ```
/// use lxcfs_core::inject::{ALLOWED, Allowed};
///
/// let pressure = ALLOWED.iter().find(|row| row.files.contains(&"proc/pressure/cpu")).unwrap();
/// assert_eq!((pressure.runc, pressure.crun), (Allowed::Never, Allowed::Always));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allowed {
    /// All.
    Always,
    /// This and those after it.
    From(Version),
    /// Those before this.
    Before(Version),
    /// None.
    Never,
}

impl Allowed {
    /// Whether that version is one of them. Without one, whether every release is.
    ///
    /// ```
    /// use lxcfs_core::inject::{Allowed, Version};
    ///
    /// let since = Allowed::From(Version::new(1, 0, 0).candidate(6));
    /// assert!(since.includes(Some(Version::new(1, 1, 5))));
    /// assert!(!since.includes(Some(Version::new(1, 0, 0).candidate(5))));
    /// ```
    #[must_use]
    pub fn includes(self, version: Option<Version>) -> bool {
        match (self, version) {
            (Self::Always, _) => true,
            (Self::Never, _) | (Self::Before(_), None) => false,
            (Self::From(first), None) => first.is_candidate(),
            (Self::From(first), Some(version)) => version >= first,
            (Self::Before(end), Some(version)) => version < end,
        }
    }
}

/// Files about which the runtimes think the same.
///
/// ```
/// use lxcfs_core::inject::{ALLOWED, Runtime};
///
/// // What runc may not be asked for, whatever its version.
/// let refused = ALLOWED.iter().filter(|row| !row.of(Runtime::Runc).includes(None)).flat_map(|row| row.files);
/// assert!(refused.copied().any(|file| file == "proc/pressure/memory"));
/// ```
#[derive(Debug)]
pub struct AllowedRow {
    /// Their paths, as those in [`TABLE`](crate::TABLE).
    pub files: &'static [&'static str],
    /// runc.
    pub runc: Allowed,
    /// crun.
    pub crun: Allowed,
    /// youki.
    pub youki: Allowed,
    /// Kata's agent.
    pub kata: Allowed,
    /// LXC.
    pub lxc: Allowed,
}

impl AllowedRow {
    /// What that runtime thinks.
    ///
    /// ```
    /// use lxcfs_core::inject::{ALLOWED, Allowed, Runtime};
    ///
    /// assert!(ALLOWED.iter().all(|row| row.of(Runtime::Crun) == Allowed::Always));
    /// ```
    #[must_use]
    pub fn of(&self, runtime: Runtime) -> Allowed {
        match runtime {
            Runtime::Runc => self.runc,
            Runtime::Crun => self.crun,
            Runtime::Youki => self.youki,
            Runtime::Kata => self.kata,
            Runtime::Lxc => self.lxc,
        }
    }
}

use Allowed::{Always, Before, From, Never};

const EVERYWHERE: AllowedRow = AllowedRow {
    files: &[],
    runc: Always,
    crun: Always,
    youki: Always,
    kata: Always,
    lxc: Always,
};

/// The table.
pub static ALLOWED: &[AllowedRow] = &[
    AllowedRow {
        files: &[
            "proc/cpuinfo",
            "proc/diskstats",
            "proc/meminfo",
            "proc/stat",
            "proc/swaps",
            "proc/uptime",
            "sys/devices/system/cpu",
        ],
        ..EVERYWHERE
    },
    AllowedRow {
        files: &["proc/loadavg"],
        runc: From(Version::new(1, 0, 0).candidate(6)),
        ..EVERYWHERE
    },
    AllowedRow {
        files: &["proc/slabinfo"],
        runc: From(Version::new(1, 0, 0).candidate(93)),
        kata: Never,
        ..EVERYWHERE
    },
    AllowedRow {
        files: &[
            "proc/pressure/cpu",
            "proc/pressure/io",
            "proc/pressure/irq",
            "proc/pressure/memory",
        ],
        runc: Never,
        youki: Before(Version::new(0, 5, 5)),
        kata: Never,
        ..EVERYWHERE
    },
];

/// Whether that runtime lets that file be mounted. A file that the table does not know may be mounted nowhere.
///
/// ```
/// use lxcfs_core::inject::is_allowed;
///
/// assert!(is_allowed("proc/loadavg", "runc@1.1.5".parse().unwrap()));
/// assert!(!is_allowed("proc/loadavg", "runc@1.0.0-rc5".parse().unwrap()));
/// assert!(!is_allowed("proc/pressure/cpu", "runc".parse().unwrap()));
/// ```
#[must_use]
pub fn is_allowed(file: &str, release: Release) -> bool {
    let row = ALLOWED.iter().find(|row| row.files.contains(&file));
    row.is_some_and(|row| row.of(release.runtime).includes(release.version))
}

#[cfg(test)]
mod tests {
    use super::super::plan::mounted_files;
    use super::*;

    #[test]
    fn every_file_that_is_mounted_has_one_row() {
        for file in mounted_files() {
            let rows = ALLOWED.iter().filter(|row| row.files.contains(&file)).count();
            assert_eq!(rows, 1, "{file}");
        }
        for file in ALLOWED.iter().flat_map(|row| row.files) {
            assert!(
                mounted_files().any(|mounted| mounted == *file),
                "{file} is not in TABLE"
            );
        }
    }

    /// The files that are refused, of all that are mounted.
    fn refused(release: &str) -> Vec<&'static str> {
        let release = release.parse().unwrap();
        let files = mounted_files().filter(|file| !is_allowed(file, release));
        files.map(|file| file.strip_prefix("proc/").unwrap_or(file)).collect()
    }

    #[test]
    fn each_release_refuses_what_it_is_known_to_refuse() {
        const PRESSURE: [&str; 4] = ["pressure/cpu", "pressure/io", "pressure/irq", "pressure/memory"];
        let and_pressure = |files: &[&'static str]| {
            let mut all = [files, &PRESSURE].concat();
            all.sort_unstable();
            all
        };
        for (release, files) in [
            ("runc@0.1.1", and_pressure(&["loadavg", "slabinfo"])),
            ("runc@1.0.0-rc5", and_pressure(&["loadavg", "slabinfo"])),
            ("runc@1.0.0-rc6", and_pressure(&["slabinfo"])),
            ("runc@1.0.0-rc92", and_pressure(&["slabinfo"])),
            ("runc@1.0.0-rc93", and_pressure(&[])),
            ("runc@1.1.5", and_pressure(&[])),
            ("runc@1.2.7", and_pressure(&[])),
            ("runc@1.4.0-rc.1", and_pressure(&[])),
            ("runc@1.5.1", and_pressure(&[])),
            ("runc", and_pressure(&[])),
            ("crun@1.8.1", vec![]),
            ("crun", vec![]),
            ("youki@0.5.4", vec![]),
            ("youki@0.5.5", and_pressure(&[])),
            ("youki@0.7.0", and_pressure(&[])),
            ("youki", and_pressure(&[])),
            ("kata@3.2.0", and_pressure(&["slabinfo"])),
            ("lxc@5.0.2", vec![]),
        ] {
            let mut found = refused(release);
            found.sort_unstable();
            assert_eq!(found, files, "{release}");
        }
    }

    #[test]
    fn what_nobody_knows_is_mounted_nowhere() {
        for runtime in Runtime::ALL {
            assert!(!is_allowed("proc/vmstat", Release::any(runtime)), "{runtime:?}");
        }
    }
}
