//! A container that is made up: its limits, and what it has done within them.

use std::time::Duration;

use super::{Spelling, cgroups};
use crate::cgroup::{CpuTimes, IoDevice, MemoryStat};
use crate::container::{Container, Pid};
use crate::cpu_list::{CpuId, CpuList};
use crate::source::MemorySource;

/// A container: what limits it and what it has done.
///
/// ```
/// use lxcfs_core::ContainerView;
/// use lxcfs_core::synthetic::{Level, Limits, Machine, Spelling};
///
/// // A pod of 512 MiB around a container of 1 GiB.
/// let memory = |bytes| Level { memory: Some(bytes), ..Level::default() };
/// let limits = Limits { own: memory(1 << 30), ancestors: vec![memory(512 << 20)], ..Limits::default() };
/// let machine = Machine::new(8, 16 << 20);
/// let (source, container) = machine.source(&limits, Spelling::V2);
/// let memory = ContainerView::new(&source, &container, machine.uptime).cgroup().memory().unwrap().unwrap();
/// assert_eq!((memory.limit.unwrap().value, memory.limit.unwrap().levels_up), (512 << 20, 1));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Its own cgroup.
    pub own: Level,
    /// The cgroups above its own, the nearest first.
    pub ancestors: Vec<Level>,
    /// The CPUs that it may use; `None` for the host's online ones, in a hierarchy without the controller.
    pub cpuset: Option<CpuList>,
    /// What it has used on which CPU, ascending; in nanoseconds. v1 does not tell `nice` from `user`, v2 tells no CPU
    /// and rounds to microseconds.
    pub used: Vec<(CpuId, CpuTimes)>,
    /// What it has read and written. v2 does not tell `merged` and `time_nsec`.
    pub io: Vec<IoDevice>,
    /// Its processes; the first is its init, the last one asks.
    pub processes: Vec<Process>,
    /// When its init started, since the host's boot.
    pub started: Duration,
    /// For how long its tasks have been waiting, in all, in microseconds. v1 does not tell.
    pub stalled_usec: u64,
}

/// One level of a hierarchy: limits and what is used of them.
///
/// ```
/// use lxcfs_core::synthetic::{Level, Limits};
///
/// let own = Level { memory: Some(256 << 20), quota: Some((50_000, 100_000)), ..Level::default() };
/// let limits = Limits { own, ..Limits::default() };
/// assert_eq!(limits.levels().count(), 1);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Level {
    /// The memory limit in bytes.
    pub memory: Option<u64>,
    /// Where memory is throttled, in bytes. Only v2 has it.
    pub memory_high: Option<u64>,
    /// The memory in use, in bytes.
    pub memory_usage: u64,
    /// What that memory is. v1 does not tell kernel memory from other, nor zswap.
    pub stat: MemoryStat,
    /// The swap limit in bytes. v1 limits memory and swap together; that limit is given the same number.
    pub swap: Option<u64>,
    /// The swap in use, in bytes.
    pub swap_usage: u64,
    /// The quota and its period, in microseconds.
    pub quota: Option<(u64, u64)>,
    /// The limit of huge pages of [`HUGE_PAGE_KIB`](super::HUGE_PAGE_KIB), in bytes.
    pub hugetlb: Option<u64>,
    /// The huge pages in use, in bytes.
    pub hugetlb_usage: u64,
}

/// One process of a container.
///
/// ```
/// use lxcfs_core::ContainerView;
/// use lxcfs_core::synthetic::{Limits, Machine, Process, Spelling};
///
/// let limits = Limits { processes: vec![Process::new(1, "S"), Process::new(7, "RRD")], ..Limits::default() };
/// let machine = Machine::new(8, 16 << 20);
/// let (source, container) = machine.source(&limits, Spelling::V2);
/// let tasks = ContainerView::new(&source, &container, machine.uptime).load().unwrap().unwrap().tasks();
/// assert_eq!((tasks.running, tasks.blocked, tasks.threads), (2, 1, 4));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its pid in the container; [`HOST_PIDS`](super::HOST_PIDS) more on the host. Its threads have the numbers that follow.
    pub pid: Pid,
    /// The state of each of its threads, one letter each: `RSSD`.
    pub threads: String,
}

impl Process {
    /// A process with a thread for each letter of `threads`.
    ///
    /// ```
    /// use lxcfs_core::synthetic::Process;
    ///
    /// let process = Process::new(7, "RS");
    /// assert_eq!((process.pid, process.threads.len()), (7, 2));
    /// ```
    #[must_use]
    pub fn new(pid: Pid, threads: &str) -> Self {
        Self {
            pid,
            threads: threads.to_owned(),
        }
    }
}

impl Default for Limits {
    /// A container without limits that started an hour after the host, has done nothing, and asks.
    fn default() -> Self {
        Self {
            own: Level::default(),
            ancestors: Vec::new(),
            cpuset: None,
            used: Vec::new(),
            io: Vec::new(),
            processes: vec![Process::new(1, "S"), Process::new(7, "R")],
            started: Duration::from_secs(3600),
            stalled_usec: 0,
        }
    }
}

impl Limits {
    /// Writes the cgroup files and those of the processes, and says which container it is. Writing another description
    /// over the first is time passing.
    ///
    /// ```
    /// use lxcfs_core::ContainerView;
    /// use lxcfs_core::synthetic::{Level, Limits, Machine, Spelling};
    ///
    /// let (machine, mut limits) = (Machine::new(8, 16 << 20), Limits::default());
    /// let mut files = machine.files();
    /// limits.spell(Spelling::V2, &mut files);
    /// limits.own = Level { memory_usage: 4096, ..Level::default() };
    /// let container = limits.spell(Spelling::V2, &mut files);
    /// let view = ContainerView::new(&files, &container, machine.uptime);
    /// assert_eq!(view.cgroup().memory().unwrap().unwrap().usage, 4096);
    /// ```
    pub fn spell(&self, spelling: Spelling, files: &mut MemorySource) -> Container {
        cgroups::write(self, spelling, files)
    }

    /// The own level and those above it.
    ///
    /// ```
    /// use lxcfs_core::synthetic::{Level, Limits};
    ///
    /// let limits = Limits { ancestors: vec![Level::default(), Level::default()], ..Limits::default() };
    /// assert_eq!(limits.levels().count(), 3);
    /// ```
    pub fn levels(&self) -> impl Iterator<Item = &Level> {
        std::iter::once(&self.own).chain(&self.ancestors)
    }

    /// All CPU time used.
    ///
    /// ```
    /// use lxcfs_core::cgroup::CpuTimes;
    /// use lxcfs_core::synthetic::Limits;
    ///
    /// let second = CpuTimes { user: 1_000_000_000, ..CpuTimes::default() };
    /// let limits = Limits { used: vec![(0, second), (3, second)], ..Limits::default() };
    /// assert_eq!(limits.used_in_all().user, 2_000_000_000);
    /// ```
    #[must_use]
    pub fn used_in_all(&self) -> CpuTimes {
        self.used
            .iter()
            .fold(CpuTimes::default(), |sum, (_, times)| sum.plus(times))
    }
}
