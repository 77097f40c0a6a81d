//! Machines that are made up: one description of a host and of a container, spelt as the files of cgroup v1, v2 or both.
//!
//! Tests, fuzz targets, benches and examples take their machines from here (feature `synthetic`), so that one
//! description of a container is all that a law about its files needs:
//!
//! ```
//! use lxcfs_core::synthetic::{Level, Limits, Machine, Spelling};
//! use lxcfs_core::{ContainerView, find};
//!
//! let machine = Machine::new(8, 16 << 20);
//! let limits = Limits {
//!     own: Level { memory: Some(256 << 20), quota: Some((150_000, 100_000)), ..Level::default() },
//!     ..Limits::default()
//! };
//! for spelling in Spelling::ALL {
//!     let (source, container) = machine.source(&limits, spelling);
//!     let view = ContainerView::new(&source, &container, machine.uptime);
//!     let meminfo = find("meminfo").unwrap().render(&view).unwrap();
//!     assert!(meminfo.starts_with(b"MemTotal:         262144 kB\n"));
//!     assert_eq!(view.cpus().unwrap().shown().to_string(), "0-1");
//! }
//! ```
//!
//! The files have the form and the length that a 6.x kernel gives them. Everything is computed from the description
//! alone: the same description gives the same bytes. A machine of 1,024 CPUs and 6 TB has 50,000 files, most of
//! them in its `/sys/devices/system/cpu`: make it once, and clone it.

mod cgroups;
mod cpus;
mod host;
mod limits;
mod random;
mod v1;
mod v2;

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::container::{Container, Pid};
use crate::cpu_list::CpuList;
use crate::source::{EntryKind, MemorySource, Source};

pub use host::DISKS;
pub use limits::{Level, Limits, Process};
pub use random::Draw;

/// The size of the machine's default huge pages in KiB.
pub const HUGE_PAGE_KIB: u64 = 2048;

/// A process has this number on the host more than in its container.
pub const HOST_PIDS: Pid = 100_000;

/// A host.
///
/// ```
/// use lxcfs_core::synthetic::Machine;
/// use lxcfs_core::{Container, ContainerView, find};
///
/// let machine = Machine { offline: "3".parse().unwrap(), ..Machine::new(4, 16 << 20) };
/// let (files, container) = (machine.files(), Container::host(1));
/// let view = ContainerView::new(&files, &container, machine.uptime);
/// assert_eq!(find("online").unwrap().render(&view).unwrap(), "0-2\n");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// How many CPUs are present: `0..cpus`.
    pub cpus: u32,
    /// Those of them that are offline. CPU 0 should not be.
    pub offline: CpuList,
    /// How many further CPUs could be plugged in: possible, and not present.
    pub hotplug: u32,
    /// How many neighbouring CPUs are threads of one core.
    pub threads_per_core: u32,
    /// How many neighbouring CPUs are in one package.
    pub cpus_per_package: u32,
    /// `MemTotal`.
    pub memory_kib: u64,
    /// `MemFree`.
    pub memory_free_kib: u64,
    /// `MemAvailable`.
    pub memory_available_kib: u64,
    /// `SwapTotal`, and the size of the one area in `/proc/swaps`.
    pub swap_kib: u64,
    /// `SwapFree`.
    pub swap_free_kib: u64,
    /// `HugePages_Total`, each of [`HUGE_PAGE_KIB`].
    pub huge_pages: u64,
    /// `HugePages_Free`.
    pub huge_pages_free: u64,
    /// The time since boot: the `now` of views of this machine.
    pub uptime: Duration,
    /// Where all numbers come from that are the host's alone: another seed, other usage, counters, load and pressure.
    pub noise: u64,
}

impl Machine {
    /// A machine that has been up for ten hours, with half of its memory free, some swap, and no huge pages.
    ///
    /// ```
    /// use lxcfs_core::synthetic::Machine;
    ///
    /// let machine = Machine::new(8, 16 << 20);
    /// assert_eq!((machine.cpus, machine.memory_kib), (8, 16_777_216));
    /// ```
    #[must_use]
    pub fn new(cpus: u32, memory_kib: u64) -> Self {
        Self {
            cpus: cpus.max(1),
            offline: CpuList::default(),
            hotplug: 0,
            threads_per_core: 2,
            cpus_per_package: 128,
            memory_kib,
            memory_free_kib: memory_kib / 2,
            memory_available_kib: memory_kib.saturating_sub(memory_kib / 4),
            swap_kib: 8 << 20,
            swap_free_kib: 7 << 20,
            huge_pages: 0,
            huge_pages_free: 0,
            uptime: Duration::from_secs(36_000),
            noise: 0,
        }
    }

    /// `/sys/devices/system/cpu/online`.
    ///
    /// ```
    /// use lxcfs_core::synthetic::Machine;
    ///
    /// let machine = Machine { offline: "1".parse().unwrap(), ..Machine::new(4, 16 << 20) };
    /// assert_eq!(machine.online().to_string(), "0,2-3");
    /// ```
    #[must_use]
    pub fn online(&self) -> CpuList {
        self.present().difference(&self.offline)
    }

    /// `/sys/devices/system/cpu/present`.
    ///
    /// ```
    /// use lxcfs_core::synthetic::Machine;
    ///
    /// assert_eq!(Machine::new(4, 16 << 20).present().to_string(), "0-3");
    /// ```
    #[must_use]
    pub fn present(&self) -> CpuList {
        CpuList::first(self.cpus)
    }

    /// `/sys/devices/system/cpu/possible`.
    ///
    /// ```
    /// use lxcfs_core::synthetic::Machine;
    ///
    /// let machine = Machine { hotplug: 2, ..Machine::new(4, 16 << 20) };
    /// assert_eq!(machine.possible().to_string(), "0-5");
    /// ```
    #[must_use]
    pub fn possible(&self) -> CpuList {
        CpuList::first(self.cpus.saturating_add(self.hotplug))
    }

    /// The files of the host, without any cgroup.
    ///
    /// ```
    /// use std::path::Path;
    /// use lxcfs_core::Source;
    /// use lxcfs_core::synthetic::Machine;
    ///
    /// let files = Machine::new(4, 16 << 20).files();
    /// assert!(files.read(Path::new("/proc/meminfo")).unwrap().starts_with(b"MemTotal:       16777216 kB\n"));
    /// ```
    #[must_use]
    pub fn files(&self) -> MemorySource {
        let mut files = MemorySource::new();
        host::write(self, &mut files);
        cpus::write(self, &mut files);
        files
    }

    /// The files of the host with one container on it, and that container as its last process sees it.
    ///
    /// ```
    /// use lxcfs_core::ContainerView;
    /// use lxcfs_core::synthetic::{Limits, Machine, Spelling};
    ///
    /// let machine = Machine::new(8, 16 << 20);
    /// let limits = Limits { cpuset: Some("2-3".parse().unwrap()), ..Limits::default() };
    /// let (source, container) = machine.source(&limits, Spelling::V1);
    /// let view = ContainerView::new(&source, &container, machine.uptime);
    /// assert_eq!(view.cpus().unwrap().shown().to_string(), "2-3");
    /// ```
    #[must_use]
    pub fn source(&self, limits: &Limits, spelling: Spelling) -> (MemorySource, Container) {
        let mut files = self.files();
        let container = limits.spell(spelling, &mut files);
        (files, container)
    }
}

/// Which interfaces tell of the container.
///
/// ```
/// use lxcfs_core::cgroup::{Controller, Version};
/// use lxcfs_core::synthetic::{Limits, Machine, Spelling};
///
/// let (_, container) = Machine::new(2, 16 << 20).source(&Limits::default(), Spelling::V1);
/// assert_eq!(container.cgroups.get(Controller::Memory).unwrap().version(), Version::V1);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spelling {
    /// Each controller in a v1 hierarchy, as before systemd 247 or so.
    V1,
    /// The unified hierarchy.
    V2,
    /// CPU, cpuset and hugetlb in v1 hierarchies, memory, I/O and pids in v2: `cgroup_no_v1=memory,io,pids`.
    Hybrid,
}

impl Spelling {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::V1, Self::V2, Self::Hybrid];
}

/// Every file of a source, sorted.
///
/// ```
/// use std::path::PathBuf;
/// use lxcfs_core::synthetic::{Machine, paths};
///
/// let files = Machine::new(1, 16 << 20).files();
/// assert!(paths(&files).contains(&PathBuf::from("/proc/meminfo")));
/// ```
#[must_use]
pub fn paths(source: &dyn Source) -> Vec<PathBuf> {
    fn walk(source: &dyn Source, dir: &Path, found: &mut Vec<PathBuf>) {
        for entry in source.list(dir).unwrap_or_default() {
            let path = dir.join(entry.name);
            match entry.kind {
                EntryKind::Directory => walk(source, &path, found),
                EntryKind::File | EntryKind::PrivateFile | EntryKind::Symlink => found.push(path),
            }
        }
    }
    let mut found = Vec::new();
    walk(source, Path::new("/"), &mut found);
    found.sort_unstable();
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::meminfo::Meminfo;
    use crate::{CaptureError, ContainerView, TABLE, find};

    #[test]
    fn the_largest_machine_is_made_whole() {
        let machine = Machine::new(1024, 6 << 30);
        let (source, container) = machine.source(&Limits::default(), Spelling::V2);
        assert_eq!(
            source
                .list(Path::new("/sys/devices/system/cpu/cpu1023/cache"))
                .unwrap()
                .len(),
            4
        );
        let meminfo = source.read(Path::new("/proc/meminfo")).unwrap();
        assert_eq!(Meminfo::parse(&meminfo).value(b"MemTotal"), Some(6 << 30));
        assert!(Meminfo::parse(&meminfo).lines().count() >= 55);
        let view = ContainerView::new(&source, &container, machine.uptime);
        assert_eq!(view.cpus().unwrap().count(), 1024);
    }

    #[test]
    fn every_row_is_rendered_from_every_spelling() {
        let machine = Machine::new(4, 1 << 20);
        for spelling in Spelling::ALL {
            let (source, container) = machine.source(&Limits::default(), spelling);
            let view = ContainerView::new(&source, &container, machine.uptime);
            for file in TABLE.iter().filter(|file| !file.is_directory()) {
                let rendered = find(file.path).unwrap().render(&view);
                // What no cgroup v1 tells is said to be so.
                let told = matches!(
                    rendered,
                    Ok(_) | Err(CaptureError::NoSuchFile { .. } | CaptureError::NotAvailable { .. })
                );
                assert!(told, "{spelling:?} {}: {rendered:?}", file.path);
            }
        }
    }

    #[test]
    fn noise_changes_the_hosts_numbers_and_nothing_else() {
        let quiet = Machine::new(2, 1 << 20);
        let noisy = Machine {
            noise: 1,
            ..quiet.clone()
        };
        let (one, two) = (quiet.files(), noisy.files());
        assert_eq!(paths(&one), paths(&two));
        for path in ["/proc/meminfo", "/proc/stat", "/proc/diskstats", "/proc/loadavg"] {
            let (one, two) = (one.read(Path::new(path)).unwrap(), two.read(Path::new(path)).unwrap());
            let (one, two) = (
                String::from_utf8_lossy(&one).into_owned(),
                String::from_utf8_lossy(&two).into_owned(),
            );
            assert_ne!(one, two, "{path}");
            assert_eq!(one.lines().count(), two.lines().count(), "{path}");
        }
    }
}
