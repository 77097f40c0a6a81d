//! A daemon whose worker is confined and must be the same one at the end, with no more than it had.

use std::fs;
use std::path::{Path, PathBuf};

use lxcfs_testing::{Caller, Kept, Machine, PATIENCE, Worker, becomes_true, machine_has};

use super::rig::{meminfo, patience};

/// A keeper and its worker.
pub(crate) struct Served {
    pub(crate) kept: Kept,
    worker: Worker,
    before: (usize, u64),
}

/// A worker may have that many descriptors, and that much memory in KiB, more at the end: a few of everything, and what the
/// allocator keeps.
const MORE: (usize, u64) = (64, 48 << 10);

impl Served {
    pub(crate) fn start(arguments: &[&str]) -> Option<Self> {
        let arguments = [patience(), arguments].concat();
        if !machine_has(&[Machine::Root, Machine::Cgroups, Machine::Fuse]) {
            return None;
        }
        let kept = Kept::start(Path::new(env!("CARGO_BIN_EXE_lxcfs")), &arguments);
        Caller::host().read(&kept.file("proc/meminfo"));
        let worker = kept.worker_now();
        Some(Self {
            before: size(worker),
            kept,
            worker,
        })
    }

    pub(crate) fn meminfo(&self) -> String {
        self.kept.file("proc/meminfo")
    }

    /// What a caller is shown, in MiB.
    pub(crate) fn memory(&self, caller: Caller<'_>) -> u64 {
        meminfo(&caller.read(&self.meminfo()), "MemTotal") >> 10
    }

    /// It has not died, nor come upon a bug of its own.
    pub(crate) fn is_there(&self) {
        assert!(self.worker.is_there(), "the worker has died: {}", self.kept.log());
        assert_eq!(self.kept.worker(), Some(self.worker));
        assert!(!self.kept.log().contains("a bug"), "{}", self.kept.log());
    }

    /// The same, and it has not grown.
    pub(crate) fn is_well(&self) {
        self.is_there();
        let mut now = (0, 0);
        let few = becomes_true(PATIENCE, || {
            now = size(self.worker);
            now.0 <= self.before.0 + MORE.0 && now.1 <= self.before.1 + MORE.1
        });
        println!("(descriptors, KiB): {:?}, then {now:?}", self.before);
        assert!(few, "(descriptors, KiB): {:?}, then {now:?}", self.before);
    }
}

/// Descriptors without those of threads that have asked, which are bounded, and memory.
fn size(worker: Worker) -> (usize, u64) {
    let pid = worker.pid();
    let all = fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten();
    let links = all.filter_map(|entry| fs::read_link(entry.path()).ok());
    let is_of_a_thread = |path: &PathBuf| path.starts_with("/proc") && path.ends_with("cgroup");
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    (
        links.filter(|path| !is_of_a_thread(path)).count(),
        memory.trim().trim_end_matches(" kB").parse().unwrap(),
    )
}
