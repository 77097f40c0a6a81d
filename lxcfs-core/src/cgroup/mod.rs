//! The container's cgroups. **The only place that knows v1 from v2**: what comes out is plain data in v2's words.
//!
//! [`CgroupReader`] has one method a subject; each matches on the version once and calls `v1` or `v2`. `None` as
//! an answer means *not confined*: no hierarchy has the controller, or the container is in that hierarchy's root, which
//! has no limits and accounts for the whole host.
//!
//! # References
//!
//! `Documentation/admin-guide/cgroup-v2.rst`, `Documentation/admin-guide/cgroup-v1/`.

mod cpu;
mod evidence;
mod hierarchies;
mod io;
mod level;
mod memory;
mod path;
mod v1;
mod v2;

pub use cpu::{CpuBandwidth, CpuTime, CpuTimes};
pub use evidence::Evidence;
pub use hierarchies::{Hierarchies, Hierarchy};
pub use io::{IoCount, IoDevice};
pub use level::Limit;
pub use memory::{Hugetlb, Memory, MemoryStat, Swap};
pub use path::{CgroupPath, Cgroups, Controller, Version};

use std::path::PathBuf;

use bytes::Bytes;

use crate::cpu_list::CpuList;
use crate::error::CaptureError;
use crate::source::Source;

/// Reads what the container's cgroups account for and limit.
///
/// ```
/// use lxcfs_core::MemorySource;
/// use lxcfs_core::cgroup::{CgroupReader, Cgroups};
///
/// let machine = MemorySource::new()
///     .with("/sys/fs/cgroup/web/cpu.max", "50000 100000\n")
///     .with("/sys/fs/cgroup/web/cpuset.cpus.effective", "0-3\n");
/// let cgroups = Cgroups::unified("/sys/fs/cgroup", "/web");
/// let reader = CgroupReader::new(&machine, &cgroups);
/// assert_eq!(reader.cpu_bandwidth().unwrap().unwrap().milli_cpus(), 500);
/// assert_eq!(reader.cpuset().unwrap().unwrap().to_string(), "0-3");
/// ```
#[derive(Clone, Copy)]
pub struct CgroupReader<'a> {
    source: &'a dyn Source,
    cgroups: &'a Cgroups,
}

impl std::fmt::Debug for CgroupReader<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CgroupReader")
            .field("cgroups", self.cgroups)
            .finish_non_exhaustive()
    }
}

/// What every reader below answers: the data, `None` where the container is not confined, or why it cannot be told.
pub(crate) type Reading<T> = Result<Option<T>, CaptureError>;

impl<'a> CgroupReader<'a> {
    /// A reader of those cgroups.
    ///
    /// ```
    /// use lxcfs_core::MemorySource;
    /// use lxcfs_core::cgroup::{CgroupReader, Cgroups};
    ///
    /// let (machine, cgroups) = (MemorySource::new(), Cgroups::none());
    /// // In no cgroup nothing is limited.
    /// assert_eq!(CgroupReader::new(&machine, &cgroups).memory().unwrap(), None);
    /// ```
    #[must_use]
    pub fn new(source: &'a dyn Source, cgroups: &'a Cgroups) -> Self {
        Self { source, cgroups }
    }

    /// The container's cgroup for that controller, unless it is the root of the hierarchy.
    ///
    /// ```
    /// use lxcfs_core::MemorySource;
    /// use lxcfs_core::cgroup::{CgroupReader, Cgroups, Controller};
    ///
    /// let machine = MemorySource::new();
    /// let (root, web) = (Cgroups::unified("/sys/fs/cgroup", "/"), Cgroups::unified("/sys/fs/cgroup", "/web"));
    /// assert!(CgroupReader::new(&machine, &root).confined(Controller::Memory).is_none());
    /// assert!(CgroupReader::new(&machine, &web).confined(Controller::Memory).is_some());
    /// ```
    #[must_use]
    pub fn confined(&self, controller: Controller) -> Option<&'a CgroupPath> {
        self.cgroups.get(controller).filter(|path| !path.is_root())
    }

    /// Memory: the tightest limit on the way up, usage, what is left, statistics.
    ///
    /// # Errors
    ///
    /// [`CaptureError`] where the cgroup has gone or a file cannot be read.
    ///
    /// ```
    /// use lxcfs_core::{CaptureError, MemorySource, SourceErrorKind};
    /// use lxcfs_core::cgroup::{CgroupReader, Cgroups};
    ///
    /// let mut machine = MemorySource::new()
    ///     .with("/sys/fs/cgroup/web/memory.max", "max\n")
    ///     .with("/sys/fs/cgroup/web/memory.current", "4096\n")
    ///     .with("/sys/fs/cgroup/web/memory.stat", "anon 4096\n");
    /// let cgroups = Cgroups::unified("/sys/fs/cgroup", "/web");
    /// let memory = CgroupReader::new(&machine, &cgroups).memory().unwrap().unwrap();
    /// assert_eq!((memory.limit, memory.usage), (None, 4096));
    ///
    /// // A cgroup that has been removed is an error, not its parent's numbers.
    /// machine = MemorySource::new();
    /// let error = CgroupReader::new(&machine, &cgroups).memory().unwrap_err();
    /// assert!(matches!(error, CaptureError::Source(error) if error.kind == SourceErrorKind::Gone));
    /// ```
    pub fn memory(&self) -> Result<Option<Memory>, CaptureError> {
        let Some(path) = self.confined(Controller::Memory) else {
            return Ok(None);
        };
        match path.version() {
            Version::V1 => v1::memory(self.source, path),
            Version::V2 => v2::memory(self.source, path),
        }
    }

    /// Swap: the tightest limit on the way up and what is used of it. `None` also where swap is not accounted.
    ///
    /// # Errors
    ///
    /// As [`memory`](Self::memory).
    ///
    /// ```
    /// use lxcfs_core::MemorySource;
    /// use lxcfs_core::cgroup::{CgroupReader, Cgroups};
    ///
    /// let machine = MemorySource::new()
    ///     .with("/sys/fs/cgroup/web/memory.swap.max", "0\n")
    ///     .with("/sys/fs/cgroup/web/memory.swap.current", "0\n");
    /// let cgroups = Cgroups::unified("/sys/fs/cgroup", "/web");
    /// let swap = CgroupReader::new(&machine, &cgroups).swap().unwrap().unwrap();
    /// assert_eq!(swap.limit.unwrap().value, 0);
    /// ```
    pub fn swap(&self) -> Result<Option<Swap>, CaptureError> {
        let Some(path) = self.confined(Controller::Memory) else {
            return Ok(None);
        };
        match path.version() {
            Version::V1 => v1::swap(self.source, path),
            Version::V2 => v2::swap(self.source, path),
        }
    }

    /// Huge pages of `size_kib` KiB each.
    ///
    /// # Errors
    ///
    /// As [`memory`](Self::memory).
    ///
    /// ```
    /// use lxcfs_core::MemorySource;
    /// use lxcfs_core::cgroup::{CgroupReader, Cgroups};
    ///
    /// let machine = MemorySource::new()
    ///     .with("/sys/fs/cgroup/web/hugetlb.1GB.max", "max\n")
    ///     .with("/sys/fs/cgroup/web/hugetlb.1GB.current", "0\n");
    /// let cgroups = Cgroups::unified("/sys/fs/cgroup", "/web");
    /// let pages = CgroupReader::new(&machine, &cgroups).hugetlb(1 << 20).unwrap().unwrap();
    /// assert_eq!(pages.limit, None);
    /// ```
    pub fn hugetlb(&self, size_kib: u64) -> Result<Option<Hugetlb>, CaptureError> {
        let Some(path) = self.confined(Controller::Hugetlb) else {
            return Ok(None);
        };
        let size = memory::huge_page_name(size_kib);
        match path.version() {
            Version::V1 => v1::hugetlb(self.source, path, &size),
            Version::V2 => v2::hugetlb(self.source, path, &size),
        }
    }

    /// The tightest CPU quota on the way up. `None` also where there is no quota.
    ///
    /// # Errors
    ///
    /// As [`memory`](Self::memory).
    ///
    /// ```
    /// use lxcfs_core::MemorySource;
    /// use lxcfs_core::cgroup::{CgroupReader, Cgroups, Controller, CgroupPath, Version};
    ///
    /// let machine = MemorySource::new()
    ///     .with("/sys/fs/cgroup/cpu/web/cpu.cfs_quota_us", "200000\n")
    ///     .with("/sys/fs/cgroup/cpu/web/cpu.cfs_period_us", "100000\n");
    /// let cgroup = CgroupPath::new(Version::V1, "/sys/fs/cgroup/cpu", "/web");
    /// let cgroups = Cgroups::none().with(Controller::Cpu, cgroup);
    /// let quota = CgroupReader::new(&machine, &cgroups).cpu_bandwidth().unwrap().unwrap();
    /// assert_eq!(quota.milli_cpus(), 2000);
    /// ```
    pub fn cpu_bandwidth(&self) -> Result<Option<CpuBandwidth>, CaptureError> {
        let Some(path) = self.confined(Controller::Cpu) else {
            return Ok(None);
        };
        match path.version() {
            Version::V1 => v1::cpu_bandwidth(self.source, path),
            Version::V2 => v2::cpu_bandwidth(self.source, path),
        }
    }

    /// The CPU time that the container has used.
    ///
    /// # Errors
    ///
    /// As [`memory`](Self::memory).
    ///
    /// ```
    /// use lxcfs_core::MemorySource;
    /// use lxcfs_core::cgroup::{CgroupReader, Cgroups};
    ///
    /// let machine = MemorySource::new().with("/sys/fs/cgroup/web/cpu.stat", "user_usec 1500\nsystem_usec 500\n");
    /// let cgroups = Cgroups::unified("/sys/fs/cgroup", "/web");
    /// let time = CgroupReader::new(&machine, &cgroups).cpu_time().unwrap().unwrap();
    /// assert_eq!(time.total.total(), 2_000_000, "in nanoseconds");
    /// ```
    pub fn cpu_time(&self) -> Result<Option<CpuTime>, CaptureError> {
        let Some(path) = self.confined(Controller::CpuTime) else {
            return Ok(None);
        };
        match path.version() {
            Version::V1 => v1::cpu_time(self.source, path),
            Version::V2 => v2::cpu_time(self.source, path),
        }
    }

    /// The CPUs that the container may use: the effective set, which already respects its ancestors and what is online.
    ///
    /// # Errors
    ///
    /// As [`memory`](Self::memory).
    ///
    /// ```
    /// use lxcfs_core::MemorySource;
    /// use lxcfs_core::cgroup::{CgroupReader, Cgroups};
    ///
    /// let machine = MemorySource::new().with("/sys/fs/cgroup/web/cpuset.cpus.effective", "2-3\n");
    /// let cgroups = Cgroups::unified("/sys/fs/cgroup", "/web");
    /// let cpus = CgroupReader::new(&machine, &cgroups).cpuset().unwrap().unwrap();
    /// assert_eq!(cpus.len(), 2);
    /// ```
    pub fn cpuset(&self) -> Result<Option<CpuList>, CaptureError> {
        let Some(path) = self.confined(Controller::Cpuset) else {
            return Ok(None);
        };
        match path.version() {
            Version::V1 => v1::cpuset(self.source, path),
            Version::V2 => v2::cpuset(self.source, path),
        }
    }

    /// What the container has read from and written to each block device.
    ///
    /// # Errors
    ///
    /// As [`memory`](Self::memory).
    ///
    /// ```
    /// use lxcfs_core::MemorySource;
    /// use lxcfs_core::cgroup::{CgroupReader, Cgroups};
    ///
    /// let machine = MemorySource::new()
    ///     .with("/sys/fs/cgroup/web/io.stat", "8:0 rbytes=4096 wbytes=0 rios=1 wios=0 dbytes=0 dios=0\n");
    /// let cgroups = Cgroups::unified("/sys/fs/cgroup", "/web");
    /// let devices = CgroupReader::new(&machine, &cgroups).io().unwrap().unwrap();
    /// assert_eq!(devices[0].read.bytes, 4096);
    /// ```
    pub fn io(&self) -> Result<Option<Vec<IoDevice>>, CaptureError> {
        let Some(path) = self.confined(Controller::Io) else {
            return Ok(None);
        };
        match path.version() {
            Version::V1 => v1::io(self.source, path),
            Version::V2 => v2::io(self.source, path),
        }
    }

    /// The container's pressure stall information of that `kind` (`cpu`, `memory`, `io`, `irq`), as the kernel prints it.
    ///
    /// # Errors
    ///
    /// As [`memory`](Self::memory).
    ///
    /// ```
    /// use lxcfs_core::MemorySource;
    /// use lxcfs_core::cgroup::{CgroupReader, Cgroups};
    ///
    /// let text = "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n";
    /// let machine = MemorySource::new().with("/sys/fs/cgroup/web/io.pressure", text);
    /// let cgroups = Cgroups::unified("/sys/fs/cgroup", "/web");
    /// assert_eq!(CgroupReader::new(&machine, &cgroups).pressure("io").unwrap().unwrap(), text);
    /// ```
    pub fn pressure(&self, kind: &str) -> Result<Option<Bytes>, CaptureError> {
        let Some(path) = self.confined(Controller::Pressure) else {
            return Ok(None);
        };
        match path.version() {
            Version::V1 => Ok(None),
            Version::V2 => v2::pressure(self.source, path, kind),
        }
    }

    /// The kernel's file with that pressure: who writes a trigger to it is told when the container's tasks stall.
    ///
    /// ```
    /// use lxcfs_core::MemorySource;
    /// use lxcfs_core::cgroup::{CgroupReader, Cgroups};
    ///
    /// let machine = MemorySource::new();
    /// let cgroups = Cgroups::unified("/sys/fs/cgroup", "/web");
    /// let file = CgroupReader::new(&machine, &cgroups).pressure_file("memory").unwrap();
    /// assert_eq!(file.to_str(), Some("/sys/fs/cgroup/web/memory.pressure"));
    /// ```
    #[must_use]
    pub fn pressure_file(&self, kind: &str) -> Option<PathBuf> {
        let path = self.confined(Controller::Pressure)?;
        match path.version() {
            Version::V1 => None,
            Version::V2 => Some(path.dir().join(v2::pressure_name(kind))),
        }
    }

    /// The container's slab caches, where the kernel lists them for a cgroup (v1 before Linux 5.9).
    ///
    /// # Errors
    ///
    /// As [`memory`](Self::memory).
    ///
    /// ```
    /// use lxcfs_core::MemorySource;
    /// use lxcfs_core::cgroup::{CgroupReader, Cgroups, Controller, CgroupPath, Version};
    ///
    /// let machine = MemorySource::new()
    ///     .with("/sys/fs/cgroup/memory/web/memory.kmem.slabinfo", "slabinfo - version: 2.1\n# name\ndentry 1 2 3\n");
    /// let cgroup = CgroupPath::new(Version::V1, "/sys/fs/cgroup/memory", "/web");
    /// let cgroups = Cgroups::none().with(Controller::Memory, cgroup);
    /// assert!(CgroupReader::new(&machine, &cgroups).slabinfo().unwrap().unwrap().ends_with(b"dentry 1 2 3\n"));
    /// ```
    pub fn slabinfo(&self) -> Result<Option<Bytes>, CaptureError> {
        let Some(path) = self.confined(Controller::Memory) else {
            return Ok(None);
        };
        match path.version() {
            Version::V1 => v1::slabinfo(self.source, path),
            Version::V2 => Ok(None),
        }
    }

    /// The processes in the container's cgroup and in those below it, as the source's kernel numbers them; at most
    /// `most` of them.
    ///
    /// # Errors
    ///
    /// As [`memory`](Self::memory).
    ///
    /// ```
    /// use lxcfs_core::MemorySource;
    /// use lxcfs_core::cgroup::{CgroupReader, Cgroups};
    ///
    /// let machine = MemorySource::new()
    ///     .with("/sys/fs/cgroup/web/cgroup.procs", "4700\n")
    ///     .with("/sys/fs/cgroup/web/workers/cgroup.procs", "4711\n4712\n");
    /// let cgroups = Cgroups::unified("/sys/fs/cgroup", "/web");
    /// assert_eq!(CgroupReader::new(&machine, &cgroups).processes(100).unwrap().unwrap(), [4700, 4711, 4712]);
    /// ```
    pub fn processes(&self, most: usize) -> Result<Option<Vec<u32>>, CaptureError> {
        let Some(path) = self.confined(Controller::Tasks) else {
            return Ok(None);
        };
        level::processes(self.source, path.dir(), most).map(Some)
    }
}
