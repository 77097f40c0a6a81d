//! Which file of which level a fact came from: for those who ask why they see a number.

use std::path::PathBuf;

use super::{CgroupPath, CgroupReader, Controller, Version, level};
use crate::error::CaptureError;
use crate::files::Fact;
use crate::parse;

/// Where a fact came from.
///
/// ```
/// use lxcfs_core::{Fact, MemorySource};
/// use lxcfs_core::cgroup::{CgroupReader, Cgroups};
///
/// let machine = MemorySource::new()
///     .with("/sys/fs/cgroup/pod/memory.max", "268435456\n")
///     .with("/sys/fs/cgroup/pod/memory.current", "4096\n")
///     .with("/sys/fs/cgroup/pod/memory.stat", "anon 4096\n")
///     .with("/sys/fs/cgroup/pod/ct/memory.max", "max\n")
///     .with("/sys/fs/cgroup/pod/ct/memory.current", "4096\n")
///     .with("/sys/fs/cgroup/pod/ct/memory.stat", "anon 4096\n");
/// let cgroups = Cgroups::unified("/sys/fs/cgroup", "/pod/ct");
/// let evidence = CgroupReader::new(&machine, &cgroups).evidence(Fact::MemoryLimit).unwrap().unwrap();
/// assert_eq!(evidence.file.to_str(), Some("/sys/fs/cgroup/pod/memory.max"));
/// assert_eq!((evidence.levels_up, evidence.value.as_str()), (Some(1), "268435456"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// The file.
    pub file: PathBuf,
    /// How far above the container's own cgroup it stands: 0 is its own. `None` for a file of the host.
    pub levels_up: Option<usize>,
    /// What it says: the whole of a short file, the number of lines of a long one.
    pub value: String,
}

impl Evidence {
    pub(crate) fn new(file: PathBuf, levels_up: Option<usize>, text: &[u8]) -> Self {
        Self {
            file,
            levels_up,
            value: summary(text),
        }
    }
}

/// A text of one short line as it is, a longer one by its length.
fn summary(text: &[u8]) -> String {
    let value = parse::value(text);
    let lines = parse::lines(value).count();
    if lines <= 1 && value.len() <= 60 {
        String::from_utf8_lossy(value).into_owned()
    } else {
        format!("{lines} lines")
    }
}

/// The controller of a fact, and its file on v1 and on v2.
fn home(fact: Fact) -> Option<(Controller, &'static str, &'static str)> {
    Some(match fact {
        Fact::MemoryLimit => (Controller::Memory, "memory.limit_in_bytes", "memory.max"),
        Fact::MemoryUsage => (Controller::Memory, "memory.usage_in_bytes", "memory.current"),
        Fact::MemoryStat => (Controller::Memory, "memory.stat", "memory.stat"),
        Fact::SwapLimit => (Controller::Memory, "memory.memsw.limit_in_bytes", "memory.swap.max"),
        Fact::SwapUsage => (Controller::Memory, "memory.memsw.usage_in_bytes", "memory.swap.current"),
        Fact::CpuQuota => (Controller::Cpu, "cpu.cfs_quota_us", "cpu.max"),
        Fact::Cpuset => (Controller::Cpuset, "cpuset.effective_cpus", "cpuset.cpus.effective"),
        Fact::CpuTime => (Controller::CpuTime, "cpuacct.usage_all", "cpu.stat"),
        Fact::Tasks => (Controller::Tasks, "cgroup.procs", "cgroup.procs"),
        Fact::Io => (Controller::Io, "blkio.throttle.io_service_bytes_recursive", "io.stat"),
        Fact::Slabinfo => (Controller::Memory, "memory.kmem.slabinfo", "memory.stat"),
        Fact::Hugetlb | Fact::Pressure | Fact::HostFile | Fact::HostMeminfo | Fact::OnlineCpus | Fact::InitStart => {
            return None;
        }
    })
}

impl CgroupReader<'_> {
    /// The file that decided that fact; `None` if no cgroup confines the container there.
    ///
    /// Of a limit that is the tightest level's file, or the own level's where there is no limit at all; of anything else
    /// the nearest level that has the file.
    ///
    /// # Errors
    ///
    /// [`CaptureError`] where the cgroup has gone or a file cannot be read.
    ///
    /// ```
    /// use lxcfs_core::{Fact, MemorySource};
    /// use lxcfs_core::cgroup::{CgroupReader, Cgroups};
    ///
    /// let machine = MemorySource::new().with("/sys/fs/cgroup/web/cpu.max", "max 100000\n");
    /// let cgroups = Cgroups::unified("/sys/fs/cgroup", "/web");
    /// let evidence = CgroupReader::new(&machine, &cgroups).evidence(Fact::CpuQuota).unwrap().unwrap();
    /// assert_eq!((evidence.levels_up, evidence.value.as_str()), (Some(0), "max"));
    ///
    /// let of_the_host = CgroupReader::new(&machine, &Cgroups::none()).evidence(Fact::CpuQuota).unwrap();
    /// assert_eq!(of_the_host, None);
    /// ```
    pub fn evidence(&self, fact: Fact) -> Result<Option<Evidence>, CaptureError> {
        let Some((controller, v1, v2)) = home(fact) else {
            return Ok(None);
        };
        let Some(path) = self.confined(controller) else {
            return Ok(None);
        };
        let name = match path.version() {
            Version::V1 => v1,
            Version::V2 => v2,
        };
        let decided = match fact {
            Fact::MemoryLimit => self
                .memory()?
                .and_then(|memory| memory.limit)
                .map(|limit| limit.levels_up),
            Fact::SwapLimit => self.swap()?.and_then(|swap| swap.limit).map(|limit| limit.levels_up),
            Fact::CpuQuota => self.cpu_bandwidth()?.map(|bandwidth| bandwidth.levels_up),
            _ => None,
        };
        let mut evidence = self.evidence_in(path, name, decided)?;
        let is_limit = matches!(fact, Fact::MemoryLimit | Fact::SwapLimit | Fact::CpuQuota);
        if let Some(evidence) = evidence.as_mut().filter(|_| is_limit && decided.is_none()) {
            // v1 spells it 9223372036854771712 or -1.
            "max".clone_into(&mut evidence.value);
        }
        Ok(evidence)
    }

    /// As [`evidence`](Self::evidence), for a file that is named by what it is about: `memory.pressure`,
    /// `hugetlb.2MB.max`.
    ///
    /// # Errors
    ///
    /// As [`evidence`](Self::evidence).
    pub(crate) fn evidence_of(&self, controller: Controller, name: &str) -> Result<Option<Evidence>, CaptureError> {
        match self.confined(controller) {
            Some(path) => self.evidence_in(path, name, None),
            None => Ok(None),
        }
    }

    /// As [`evidence`](Self::evidence), for the limit of huge pages of `size_kib` KiB each.
    ///
    /// # Errors
    ///
    /// As [`evidence`](Self::evidence).
    pub(crate) fn hugetlb_evidence(&self, size_kib: u64) -> Result<Option<Evidence>, CaptureError> {
        let Some(path) = self.confined(Controller::Hugetlb) else {
            return Ok(None);
        };
        let size = super::memory::huge_page_name(size_kib);
        let name = match path.version() {
            Version::V1 => format!("hugetlb.{size}.limit_in_bytes"),
            Version::V2 => format!("hugetlb.{size}.max"),
        };
        let limit = self.hugetlb(size_kib)?.and_then(|pages| pages.limit);
        self.evidence_in(path, &name, limit.map(|limit| limit.levels_up))
    }

    fn evidence_in(
        &self,
        path: &CgroupPath,
        name: &str,
        decided: Option<usize>,
    ) -> Result<Option<Evidence>, CaptureError> {
        if let Some(levels_up) = decided {
            let Some(dir) = path.levels().nth(levels_up) else {
                return Ok(None);
            };
            let text = self.source.read_in(dir, name)?;
            return Ok(Some(Evidence::new(dir.join(name), Some(levels_up), &text)));
        }
        let Some((dir, text)) = level::nearest(self.source, path, name)? else {
            return Ok(None);
        };
        let levels_up = path.levels().position(|level| level == dir);
        Ok(Some(Evidence::new(dir.join(name), levels_up, &text)))
    }
}
