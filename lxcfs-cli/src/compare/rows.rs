//! The lines of the comparison: two views are asked the same questions.

use lxcfs_core::host::loadavg::Loadavg;
use lxcfs_core::{CaptureError, ContainerView, CpuModel, Fact, SourceErrorKind};

use super::row::{From, Row, Value};
use crate::facts::{self, Memory};

type Answer<T> = Result<T, CaptureError>;

/// What one view answers.
struct Answers<'v> {
    view: ContainerView<'v>,
    memory: Answer<Memory>,
    cpus: Answer<CpuModel>,
    loadavg: Answer<Loadavg>,
}

impl<'v> Answers<'v> {
    fn of(view: ContainerView<'v>) -> Self {
        Self {
            memory: Memory::of(&view),
            cpus: view.cpus(),
            loadavg: facts::loadavg(&view),
            view,
        }
    }

    fn memory(&self, value: fn(&Memory) -> u64) -> Value {
        told(&self.memory, |memory| Value::Kib(value(memory)))
    }

    fn cpus(&self, value: fn(&CpuModel) -> Value) -> Value {
        told(&self.cpus, value)
    }

    fn quota(&self) -> Value {
        told(&self.view.cgroup().cpu_bandwidth(), |quota| {
            quota.map_or(Value::None, |quota| Value::MilliCpus(quota.milli_cpus()))
        })
    }

    fn cpuset(&self) -> Value {
        told(&self.view.cgroup().cpuset(), |cpuset| {
            cpuset
                .as_ref()
                .map_or(Value::None, |list| Value::Cpus(list.to_string()))
        })
    }

    fn loads(&self) -> Value {
        told(&self.loadavg, |load| Value::Loads(load.averages_hundredths))
    }

    fn threads(&self) -> Value {
        told(&self.loadavg, |load| Value::Count(load.threads))
    }

    fn processes(&self) -> Value {
        told(&facts::processes(&self.view), |count| {
            Value::Count(u64::try_from(*count).unwrap_or(u64::MAX))
        })
    }

    fn uptime(&self) -> Value {
        told(&facts::uptime(&self.view), |length| Value::Time(*length))
    }

    fn pressure(&self, path: &str) -> Value {
        told(&facts::pressure(&self.view, path), |stall| {
            Value::Percents(stall.averages_hundredths)
        })
    }
}

fn told<T>(answer: &Answer<T>, value: impl FnOnce(&T) -> Value) -> Value {
    match answer {
        Ok(answer) => value(answer),
        Err(CaptureError::NoSuchFile { .. }) => Value::Unknown("this kernel has no such file".to_owned()),
        Err(CaptureError::NotAvailable { reason, .. }) => Value::Unknown((*reason).to_owned()),
        Err(error) => Value::Unknown(error.to_string()),
    }
}

/// All lines.
///
/// # Errors
///
/// Where the container has gone meanwhile: then no line of it is worth anything.
pub(super) fn rows<'v>(host: ContainerView<'v>, container: ContainerView<'v>) -> Result<Vec<Row>, CaptureError> {
    let (host, own) = (Answers::of(host), Answers::of(container));
    if let Some(gone) = [
        own.memory.as_ref().err(),
        own.cpus.as_ref().err(),
        own.loadavg.as_ref().err(),
    ]
    .into_iter()
    .flatten()
    .find(|error| is_gone(error))
    {
        return Err(gone.clone());
    }
    let from = |facts: &[Fact]| from(&own.view, facts);
    let row = |key, label, value: fn(&Answers<'v>) -> Value, from: From| Row {
        key,
        label,
        host: value(&host),
        container: value(&own),
        from,
    };
    let pressure = |key, label, path: &'static str| Row {
        key,
        label,
        host: host.pressure(path),
        container: own.pressure(path),
        from: match own
            .view
            .cgroup()
            .pressure_file(path.rsplit('/').next().unwrap_or_default())
        {
            Some(file) => From::Words(file.file_name().unwrap_or_default().to_string_lossy().into_owned()),
            None => From::Host,
        },
    };
    let mut rows = vec![
        row(
            "memory_total",
            "memory",
            |one| one.memory(|memory| memory.total),
            from(&[Fact::MemoryLimit]),
        ),
        row(
            "memory_used",
            "  used",
            |one| one.memory(Memory::used),
            from(&[Fact::MemoryUsage]),
        ),
        row(
            "memory_available",
            "  available",
            |one| one.memory(|memory| memory.available),
            from(&[Fact::MemoryStat]),
        ),
        row(
            "swap_total",
            "swap",
            |one| one.memory(|memory| memory.swap_total),
            from(&[Fact::SwapLimit]),
        ),
        row(
            "swap_used",
            "  used",
            |one| one.memory(Memory::swap_used),
            from(&[Fact::SwapUsage]),
        ),
        row(
            "cpus",
            "CPUs",
            |one| one.cpus(|model| Value::Count(u64::from(model.count()))),
            cpus_from(&own.view),
        ),
        row(
            "cpu_ids",
            "  ids",
            |one| one.cpus(|model| Value::Cpus(model.numbered().to_string())),
            cpus_from(&own.view),
        ),
        row("cpu_quota", "  quota", Answers::quota, from(&[Fact::CpuQuota])),
        row("cpuset", "  cpuset", Answers::cpuset, from(&[Fact::Cpuset])),
        row("load", "load", Answers::loads, from(&[Fact::Tasks])),
        row("uptime", "uptime", Answers::uptime, started(&own.view)),
        row("processes", "processes", Answers::processes, from(&[Fact::Tasks])),
        row("threads", "threads", Answers::threads, from(&[Fact::Tasks])),
        pressure("pressure_cpu", "stalls, CPU", "proc/pressure/cpu"),
        pressure("pressure_memory", "  memory", "proc/pressure/memory"),
        pressure("pressure_io", "  I/O", "proc/pressure/io"),
    ];
    for row in &mut rows {
        if matches!(row.container, Value::Unknown(_)) {
            row.from = From::Words(String::new());
        }
    }
    Ok(rows)
}

fn is_gone(error: &CaptureError) -> bool {
    matches!(error, CaptureError::Source(source) if source.kind == SourceErrorKind::Gone)
}

/// The files behind those facts.
fn from(view: &ContainerView<'_>, facts: &[Fact]) -> From {
    let files: Vec<_> = facts
        .iter()
        .filter_map(|fact| view.cgroup().evidence(*fact).ok().flatten())
        .collect();
    if files.is_empty() {
        From::Host
    } else {
        From::Files(files)
    }
}

/// What decides how many CPUs are shown: the quota if it keeps fewer busy than the cpuset has, else the cpuset.
fn cpus_from(view: &ContainerView<'_>) -> From {
    let (Ok(shown), Ok(online)) = (view.cpus(), view.online()) else {
        return From::Host;
    };
    let options = view.options();
    let cpuset = view.cgroup().cpuset().ok().flatten();
    let allowed = cpuset.map_or_else(|| online.len(), |cpuset| cpuset.intersection(&online).len());
    if shown.is_whole_host() {
        From::Host
    } else if shown.count() < allowed || shown.capacity_milli() < u64::from(allowed).saturating_mul(1000) {
        from(view, &[Fact::CpuQuota])
    } else if options.cpu_view == lxcfs_core::CpuView::Host {
        From::Words("--cpu-view host".to_owned())
    } else {
        from(view, &[Fact::Cpuset])
    }
}

fn started(view: &ContainerView<'_>) -> From {
    match view.container().init {
        Some(init) => From::Words(format!("start of process {}", init.pid)),
        None => From::Host,
    }
}
