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
    #[must_use]
    pub fn with_options(self, options: ViewOptions) -> Self {
        Self { options, ..self }
    }

    /// The same view with a memory: counters go on where the last view of this container left them.
    #[must_use]
    pub fn with_remembered(self, remembered: &'a Remembered) -> Self {
        Self {
            remembered: Some(remembered),
            ..self
        }
    }

    /// The same view, for which a look at the tasks counts as the present for that long. [`SAMPLE_EVERY`] unless told
    /// otherwise; longer where somebody else looks every [`SAMPLE_EVERY`] and now and then a little late.
    #[must_use]
    pub fn with_tasks_fresh_for(self, tasks_fresh_for: Duration) -> Self {
        Self {
            tasks_fresh_for,
            ..self
        }
    }

    /// Who is asking.
    #[must_use]
    pub fn container(&self) -> &'a Container {
        self.container
    }

    /// The policies.
    #[must_use]
    pub fn options(&self) -> &ViewOptions {
        &self.options
    }

    /// Where the facts come from.
    #[must_use]
    pub fn source(&self) -> &'a dyn Source {
        self.source
    }

    /// The time since the host's boot.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.now
    }

    /// One of the host's own files, whole.
    ///
    /// # Errors
    ///
    /// [`CaptureError::Source`] if it cannot be read.
    pub fn host(&self, path: &str) -> Result<Bytes, CaptureError> {
        Ok(self.source.read(Path::new(path))?)
    }

    /// One of the host's own files, for what hardly ever changes in it; see [`Source::read_steady`].
    ///
    /// # Errors
    ///
    /// As [`host`](Self::host).
    pub fn host_steady(&self, path: &str) -> Result<Bytes, CaptureError> {
        Ok(self.source.read_steady(Path::new(path))?)
    }

    /// The container's cgroups.
    #[must_use]
    pub fn cgroup(&self) -> CgroupReader<'a> {
        CgroupReader::new(self.source, &self.container.cgroups)
    }

    /// When the container started, since the host's boot. In the host's pid namespace that is the boot itself.
    #[must_use]
    pub fn started(&self) -> Duration {
        let ticks = self.container.init.map_or(0, |init| init.start_ticks);
        Duration::from_nanos(ticks.saturating_mul(TICK_NSEC))
    }

    /// How long the container has been running.
    #[must_use]
    pub fn age(&self) -> Duration {
        self.now.saturating_sub(self.started())
    }

    /// The host's online CPUs.
    ///
    /// # Errors
    ///
    /// [`CaptureError`] if the kernel's list cannot be read or understood.
    pub fn online(&self) -> Result<CpuList, CaptureError> {
        let path = "/sys/devices/system/cpu/online";
        CpuList::parse(&self.host(path)?).map_err(|error| CaptureError::parse(path, error))
    }

    /// The CPUs that the container sees.
    ///
    /// # Errors
    ///
    /// [`CaptureError`] where the cgroup has gone or a file cannot be read.
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
    pub fn cpu_counters(&self, model: &CpuModel) -> Result<Option<Vec<(CpuId, CpuCounters)>>, CaptureError> {
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
    pub fn shares_the_hosts_cpus(&self) -> bool {
        [Controller::CpuTime, Controller::Cpu, Controller::Cpuset]
            .iter()
            .all(|one| self.cgroup().confined(*one).is_none())
    }
}
