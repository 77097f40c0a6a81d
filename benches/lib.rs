//! What the benches share: the machines that they render, and the counting of allocations.

use std::cell::RefCell;
use std::collections::HashMap;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use lxcfs_core::cgroup::{CpuTimes, IoCount, IoDevice, MemoryStat};
use lxcfs_core::synthetic::{Level, Limits, Machine, Process};
use lxcfs_core::{CpuList, Entry, MemorySource, Remembered, Source, SourceError, SourceErrorKind, find};

/// The machines: a small VM, a server, and as large as it gets.
pub const CPUS: [u32; 3] = [2, 64, 1024];

/// A machine of that many CPUs with 4 GiB for each.
#[must_use]
pub fn machine(cpus: u32) -> Machine {
    Machine::new(cpus, u64::from(cpus) << 22)
}

/// A container that may use every CPU of the machine and a half of its memory, two levels below the root, with a few processes.
#[must_use]
pub fn container(cpus: u32) -> Limits {
    let level = Level {
        memory: Some(u64::from(cpus) << 31),
        memory_usage: 300 << 20,
        stat: MemoryStat {
            anon: 200 << 20,
            file: 90 << 20,
            active_file: 60 << 20,
            inactive_file: 30 << 20,
            ..MemoryStat::default()
        },
        ..Level::default()
    };
    Limits {
        own: level.clone(),
        ancestors: vec![level],
        cpuset: Some(CpuList::first(cpus)),
        used: (0..cpus)
            .map(|cpu| {
                (
                    cpu,
                    CpuTimes {
                        user: 7_000_000_000,
                        nice: 0,
                        system: 2_000_000_000,
                    },
                )
            })
            .collect(),
        io: vec![IoDevice {
            major: 259,
            minor: 0,
            read: IoCount {
                requests: 1000,
                bytes: 4_096_000,
                ..IoCount::default()
            },
            ..IoDevice::default()
        }],
        processes: vec![Process::new(1, "S"), Process::new(7, "R")],
        started: Duration::from_secs(3600),
        ..Limits::default()
    }
}

/// Counts the allocations of one call, after a few calls have warmed it up.
pub fn allocations(mut call: impl FnMut()) -> u64 {
    for _ in 0..3 {
        call();
    }
    allocation_counter::measure(call).count_total
}

/// A container's memory in which the tasks have been looked at, as a daemon has it between two looks.
#[must_use]
pub fn warm(source: &lxcfs_core::MemorySource, container: &lxcfs_core::Container, now: Duration) -> Remembered {
    let remembered = Remembered::new();
    let view = lxcfs_core::ContainerView::new(source, container, now).with_remembered(&remembered);
    if let Some(place) = find("proc/loadavg") {
        let _ = place.render(&view);
    }
    remembered
}

/// A snapshot that is answered from without cost: what is measured is this crate, not the looking up of paths.
///
/// [`MemorySource`] joins a path and walks a tree for every file.
pub struct Frozen<'m> {
    machine: &'m MemorySource,
    known: RefCell<HashMap<Box<[u8]>, Option<Bytes>>>,
    key: RefCell<Vec<u8>>,
}

impl<'m> Frozen<'m> {
    /// Answers from that machine; each file is looked up once.
    #[must_use]
    pub fn new(machine: &'m MemorySource) -> Self {
        Self {
            machine,
            known: RefCell::default(),
            key: RefCell::default(),
        }
    }
}

impl Source for Frozen<'_> {
    fn read(&self, path: &Path) -> Result<Bytes, SourceError> {
        self.read_in(path, "")
    }

    fn read_in(&self, dir: &Path, name: &str) -> Result<Bytes, SourceError> {
        let mut key = self.key.borrow_mut();
        key.clear();
        key.extend_from_slice(dir.as_os_str().as_bytes());
        if !name.is_empty() {
            key.push(b'/');
            key.extend_from_slice(name.as_bytes());
        }
        let mut known = self.known.borrow_mut();
        let missing = || SourceError::new(PathBuf::new(), SourceErrorKind::NotFound);
        if let Some(text) = known.get(key.as_slice()) {
            return text.clone().ok_or_else(missing);
        }
        let text = if name.is_empty() {
            self.machine.read(dir)
        } else {
            self.machine.read_in(dir, name)
        };
        known.insert(key.as_slice().into(), text.as_ref().ok().cloned());
        text
    }

    fn list(&self, dir: &Path) -> Result<Vec<Entry>, SourceError> {
        self.machine.list(dir)
    }

    fn read_link(&self, path: &Path) -> Result<PathBuf, SourceError> {
        self.machine.read_link(path)
    }
}
