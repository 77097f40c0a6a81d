//! A container's view of its host: what each virtual file is produced from.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;

use crate::TICK_NSEC;
use crate::cgroup::{CgroupReader, Controller};
use crate::container::Container;
use crate::cpu_list::{CpuId, CpuList};
use crate::cpu_model::CpuModel;
use crate::error::CaptureError;
use crate::options::{CpuView, ViewOptions};
use crate::source::Source;
use crate::state::cpu_account::{CpuAccount, CpuCounters};
use crate::state::load::Load;
use crate::state::{Remembered, SAMPLE_EVERY};
use crate::tasks;

/// Who is asking, where the facts come from, with which policies, when.
///
/// A view reads lazily: producing `/proc/uptime` never touches `memory.stat`.
///
/// ```
/// use std::time::Duration;
/// use lxcfs_core::{Container, ContainerView, Init, MemorySource, cgroup::Cgroups};
///
/// let machine = MemorySource::new()
///     .with("/sys/devices/system/cpu/online", "0-7\n")
///     .with("/sys/fs/cgroup/web/cpu.max", "150000 100000\n")
///     .with("/sys/fs/cgroup/web/cpuset.cpus.effective", "4-7\n");
/// let container = Container {
///     caller: 4711,
///     init: Some(Init { pid: 4700, start_ticks: 360_000 }),
///     cgroups: Cgroups::unified("/sys/fs/cgroup", "/web"),
/// };
/// let view = ContainerView::new(&machine, &container, Duration::from_secs(3660));
/// assert_eq!(view.age(), Duration::from_secs(60));
/// assert_eq!(view.cpus().unwrap().shown().to_string(), "4-5");
/// ```
#[derive(Clone, Copy)]
pub struct ContainerView<'a> {
    source: &'a dyn Source,
    container: &'a Container,
    options: ViewOptions,
    remembered: Option<&'a Remembered>,
    tasks_fresh_for: Duration,
    now: Duration,
}

impl std::fmt::Debug for ContainerView<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ContainerView")
            .field("container", self.container)
            .field("options", &self.options)
            .field("now", &self.now)
            .finish_non_exhaustive()
    }
}

impl<'a> ContainerView<'a> {
    /// The view of `container`; `now` is the time since the host's boot (`CLOCK_BOOTTIME`).
    ///
    /// ```
    /// use std::time::Duration;
    /// use lxcfs_core::{Container, ContainerView, MemorySource};
    ///
    /// let (machine, container) = (MemorySource::new(), Container::host(4711));
    /// let view = ContainerView::new(&machine, &container, Duration::from_secs(60));
    /// assert_eq!((view.container().caller, view.now().as_secs()), (4711, 60));
    /// ```
    #[must_use]
    pub fn new(source: &'a dyn Source, container: &'a Container, now: Duration) -> Self {
        Self {
            source,
            container,
            options: ViewOptions::default(),
            remembered: None,
            tasks_fresh_for: SAMPLE_EVERY,
            now,
        }
    }

    /// The same view with other policies.
    ///
    /// ```
    /// use std::time::Duration;
    /// use lxcfs_core::{Container, ContainerView, CpuView, MemorySource, ViewOptions, cgroup::Cgroups};
    ///
    /// let machine = MemorySource::new()
    ///     .with("/sys/devices/system/cpu/online", "0-7\n")
    ///     .with("/sys/fs/cgroup/web/cpu.max", "100000 100000\n")
    ///     .with("/sys/fs/cgroup/web/cpuset.cpus.effective", "4-7\n");
    /// let container = Container { cgroups: Cgroups::unified("/sys/fs/cgroup", "/web"), ..Container::host(1) };
    /// let view = ContainerView::new(&machine, &container, Duration::ZERO);
    /// let cpuset = view.with_options(ViewOptions { cpu_view: CpuView::Cpuset, ..ViewOptions::default() });
    /// assert_eq!((view.cpus().unwrap().count(), cpuset.cpus().unwrap().count()), (1, 4));
    /// ```
    #[must_use]
    pub fn with_options(self, options: ViewOptions) -> Self {
        Self { options, ..self }
    }

    /// The same view with a memory: counters go on where the last view of this container left them.
    ///
    /// ```
    /// use lxcfs_core::synthetic::{Limits, Machine, Spelling};
    /// use lxcfs_core::{ContainerView, Remembered};
    ///
    /// let machine = Machine::new(2, 16 << 20);
    /// let (source, container) = machine.source(&Limits::default(), Spelling::V2);
    /// let remembered = Remembered::new();
    /// let view = ContainerView::new(&source, &container, machine.uptime).with_remembered(&remembered);
    /// let load = view.load().unwrap();
    /// // Another look within five seconds is the same one.
    /// assert_eq!(view.load().unwrap(), load);
    /// assert_eq!(remembered.changes(), 1);
    /// ```
    #[must_use]
    pub fn with_remembered(self, remembered: &'a Remembered) -> Self {
        Self {
            remembered: Some(remembered),
            ..self
        }
    }

    /// The same view, for which a look at the tasks counts as the present for that long. [`SAMPLE_EVERY`] unless told
    /// otherwise; longer where somebody else looks every [`SAMPLE_EVERY`] and now and then a little late.
    ///
    /// ```
    /// use std::time::Duration;
    /// use lxcfs_core::state::SAMPLE_EVERY;
    /// use lxcfs_core::synthetic::{Limits, Machine, Spelling};
    /// use lxcfs_core::{ContainerView, Remembered};
    ///
    /// let machine = Machine::new(2, 16 << 20);
    /// let (source, container) = machine.source(&Limits::default(), Spelling::V2);
    /// let remembered = Remembered::new();
    /// let view = |now| {
    ///     let view = ContainerView::new(&source, &container, now).with_remembered(&remembered);
    ///     view.with_tasks_fresh_for(2 * SAMPLE_EVERY)
    /// };
    /// view(machine.uptime).load().unwrap();
    /// view(machine.uptime + Duration::from_secs(7)).load().unwrap();
    /// assert_eq!(remembered.changes(), 1, "the first look is young enough");
    /// ```
    #[must_use]
    pub fn with_tasks_fresh_for(self, tasks_fresh_for: Duration) -> Self {
        Self {
            tasks_fresh_for,
            ..self
        }
    }

    /// Who is asking.
    ///
    /// ```
    /// use std::time::Duration;
    /// use lxcfs_core::{Container, ContainerView, MemorySource};
    ///
    /// let (machine, container) = (MemorySource::new(), Container::host(4711));
    /// assert_eq!(ContainerView::new(&machine, &container, Duration::ZERO).container(), &container);
    /// ```
    #[must_use]
    pub fn container(&self) -> &'a Container {
        self.container
    }

    /// The policies.
    ///
    /// ```
    /// use std::time::Duration;
    /// use lxcfs_core::{Container, ContainerView, CpuView, MemorySource};
    ///
    /// let (machine, container) = (MemorySource::new(), Container::host(1));
    /// let view = ContainerView::new(&machine, &container, Duration::ZERO);
    /// assert_eq!(view.options().cpu_view, CpuView::Quota);
    /// ```
    #[must_use]
    pub fn options(&self) -> &ViewOptions {
        &self.options
    }

    /// Where the facts come from.
    ///
    /// ```
    /// use std::path::Path;
    /// use std::time::Duration;
    /// use lxcfs_core::{Container, ContainerView, MemorySource};
    ///
    /// // For a virtual file of one's own.
    /// let (machine, container) = (MemorySource::new().with("/proc/version", "Linux\n"), Container::host(1));
    /// let view = ContainerView::new(&machine, &container, Duration::ZERO);
    /// assert_eq!(view.source().read(Path::new("/proc/version")).unwrap(), "Linux\n");
    /// ```
    #[must_use]
    pub fn source(&self) -> &'a dyn Source {
        self.source
    }

    /// The time since the host's boot.
    ///
    /// ```
    /// use std::time::Duration;
    /// use lxcfs_core::{Container, ContainerView, MemorySource};
    ///
    /// let (machine, container) = (MemorySource::new(), Container::host(1));
    /// let now = Duration::from_millis(350_735_470);
    /// assert_eq!(ContainerView::new(&machine, &container, now).now(), now);
    /// ```
    #[must_use]
    pub fn now(&self) -> Duration {
        self.now
    }

    /// One of the host's own files, whole.
    ///
    /// # Errors
    ///
    /// [`CaptureError::Source`] if it cannot be read.
    ///
    /// ```
    /// use std::time::Duration;
    /// use lxcfs_core::{Container, ContainerView, MemorySource, host::meminfo::Meminfo};
    ///
    /// let machine = MemorySource::new().with("/proc/meminfo", "MemTotal:       24684096 kB\n");
    /// let container = Container::host(1);
    /// let meminfo = ContainerView::new(&machine, &container, Duration::ZERO).host("/proc/meminfo").unwrap();
    /// assert_eq!(Meminfo::parse(&meminfo).value(b"MemTotal"), Some(24_684_096));
    /// ```
    pub fn host(&self, path: &str) -> Result<Bytes, CaptureError> {
        Ok(self.source.read(Path::new(path))?)
    }

    /// One of the host's own files, for what hardly ever changes in it; see [`Source::read_steady`].
    ///
    /// # Errors
    ///
    /// As [`host`](Self::host).
    pub(crate) fn host_steady(&self, path: &str) -> Result<Bytes, CaptureError> {
        Ok(self.source.read_steady(Path::new(path))?)
    }

    /// The container's cgroups.
    ///
    /// ```
    /// use std::time::Duration;
    /// use lxcfs_core::{Container, ContainerView, MemorySource, cgroup::Cgroups};
    ///
    /// let machine = MemorySource::new().with("/sys/fs/cgroup/web/cpu.max", "150000 100000\n");
    /// let container = Container { cgroups: Cgroups::unified("/sys/fs/cgroup", "/web"), ..Container::host(1) };
    /// let view = ContainerView::new(&machine, &container, Duration::ZERO);
    /// assert_eq!(view.cgroup().cpu_bandwidth().unwrap().unwrap().milli_cpus(), 1500);
    /// ```
    #[must_use]
    pub fn cgroup(&self) -> CgroupReader<'a> {
        CgroupReader::new(self.source, &self.container.cgroups)
    }

    /// When the container started, since the host's boot. In the host's pid namespace that is the boot itself.
    ///
    /// ```
    /// use std::time::Duration;
    /// use lxcfs_core::{Container, ContainerView, Init, MemorySource};
    ///
    /// let machine = MemorySource::new();
    /// let container = Container { init: Some(Init { pid: 4700, start_ticks: 12_345 }), ..Container::host(4711) };
    /// let view = ContainerView::new(&machine, &container, Duration::from_secs(200));
    /// assert_eq!(view.started(), Duration::from_millis(123_450));
    /// ```
    #[must_use]
    pub fn started(&self) -> Duration {
        let ticks = self.container.init.map_or(0, |init| init.start_ticks);
        Duration::from_nanos(ticks.saturating_mul(TICK_NSEC))
    }

    /// How long the container has been running.
    ///
    /// ```
    /// use std::time::Duration;
    /// use lxcfs_core::{Container, ContainerView, Init, MemorySource};
    ///
    /// let machine = MemorySource::new();
    /// let container = Container { init: Some(Init { pid: 4700, start_ticks: 15_000 }), ..Container::host(4711) };
    /// let view = ContainerView::new(&machine, &container, Duration::from_secs(200));
    /// assert_eq!(view.age(), Duration::from_secs(50));
    /// ```
    #[must_use]
    pub fn age(&self) -> Duration {
        self.now.saturating_sub(self.started())
    }

    /// The host's online CPUs.
    ///
    /// # Errors
    ///
    /// [`CaptureError`] if the kernel's list cannot be read or understood.
    ///
    /// ```
    /// use std::time::Duration;
    /// use lxcfs_core::{Container, ContainerView, MemorySource};
    ///
    /// let machine = MemorySource::new().with("/sys/devices/system/cpu/online", "0-2,4\n");
    /// let container = Container::host(1);
    /// assert_eq!(ContainerView::new(&machine, &container, Duration::ZERO).online().unwrap().len(), 4);
    /// ```
    pub fn online(&self) -> Result<CpuList, CaptureError> {
        let path = "/sys/devices/system/cpu/online";
        CpuList::parse(&self.host(path)?).map_err(|error| CaptureError::parse(path, error))
    }

    /// The CPUs that the container sees.
    ///
    /// # Errors
    ///
    /// [`CaptureError`] where the cgroup has gone or a file cannot be read.
    ///
    /// ```
    /// use std::time::Duration;
    /// use lxcfs_core::{Container, ContainerView, MemorySource, cgroup::Cgroups};
    ///
    /// let machine = MemorySource::new()
    ///     .with("/sys/devices/system/cpu/online", "0-7\n")
    ///     .with("/sys/fs/cgroup/web/cpu.max", "max 100000\n")
    ///     .with("/sys/fs/cgroup/web/cpuset.cpus.effective", "4-7\n");
    /// let container = Container { cgroups: Cgroups::unified("/sys/fs/cgroup", "/web"), ..Container::host(1) };
    /// let cpus = ContainerView::new(&machine, &container, Duration::ZERO).cpus().unwrap();
    /// assert_eq!((cpus.count(), cpus.capacity_milli()), (4, 4000));
    /// ```
    pub fn cpus(&self) -> Result<CpuModel, CaptureError> {
        let online = self.online()?;
        let view = self.options.cpu_view;
        let cpuset = if view == CpuView::Host {
            None
        } else {
            self.cgroup().cpuset()?
        };
        let quota = if view == CpuView::Quota {
            self.cgroup().cpu_bandwidth()?
        } else {
            None
        };
        Ok(CpuModel::new(
            &online,
            cpuset.as_ref(),
            quota.as_ref(),
            view,
            self.options.cpu_ids,
        ))
    }

    /// The CPU counters of the container, by the numbers that it is told, those no longer shown included; `None` if its CPU time is
    /// not accounted apart from the host's.
    ///
    /// # Errors
    ///
    /// As [`cpus`](Self::cpus).
    pub(crate) fn cpu_counters(&self, model: &CpuModel) -> Result<Option<Vec<(CpuId, CpuCounters)>>, CaptureError> {
        let Some(sample) = self.cgroup().cpu_time()? else {
            return Ok(None);
        };
        Ok(Some(match self.remembered {
            Some(remembered) => remembered.advance_cpu(sample, model, self.started(), self.now),
            None => CpuAccount::new(self.started())
                .advance(sample, model, self.now)
                .counters()
                .to_vec(),
        }))
    }

    /// The container's load and tasks; `None` if its tasks cannot be told from the host's.
    ///
    /// # Errors
    ///
    /// As [`cpus`](Self::cpus).
    ///
    /// ```
    /// use lxcfs_core::ContainerView;
    /// use lxcfs_core::synthetic::{Limits, Machine, Process, Spelling};
    ///
    /// let machine = Machine::new(2, 16 << 20);
    /// let limits = Limits { processes: vec![Process::new(1, "RR"), Process::new(7, "S")], ..Limits::default() };
    /// let (source, container) = machine.source(&limits, Spelling::V2);
    /// let load = ContainerView::new(&source, &container, machine.uptime).load().unwrap().unwrap();
    /// assert_eq!((load.tasks().running, load.tasks().threads), (2, 3));
    /// ```
    pub fn load(&self) -> Result<Option<Load>, CaptureError> {
        let fresh = self
            .remembered
            .and_then(|remembered| remembered.load(self.now, self.tasks_fresh_for));
        if fresh.is_some() {
            return Ok(fresh);
        }
        let Some(tasks) = tasks::look(self.source, self.container)? else {
            return Ok(None);
        };
        Ok(Some(match self.remembered {
            Some(remembered) => remembered.advance_load(tasks, self.age(), self.now),
            None => Load::first(tasks, self.age(), self.now),
        }))
    }

    /// Whether nothing confines the container's CPUs: neither a cgroup that accounts for its time, nor a cpuset or quota.
    #[must_use]
    pub(crate) fn shares_the_hosts_cpus(&self) -> bool {
        [Controller::CpuTime, Controller::Cpu, Controller::Cpuset]
            .iter()
            .all(|one| self.cgroup().confined(*one).is_none())
    }
}
