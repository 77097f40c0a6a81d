//! Why a container sees a number: every line with its class, its formula, and the files that it came from.

use std::path::{Path, PathBuf};

use crate::cgroup::{Controller, Evidence};
use crate::error::CaptureError;
use crate::files::{Class, Fact, Line, Place};
use crate::host::meminfo::Meminfo;
use crate::parse;
use crate::view::ContainerView;

/// A virtual file, explained.
///
/// ```
/// use std::time::Duration;
/// use lxcfs_core::{Container, ContainerView, MemorySource, explain::explain, find};
///
/// let machine = MemorySource::new().with("/proc/uptime", "350735.47 234388.90\n");
/// let container = Container::host(1);
/// let view = ContainerView::new(&machine, &container, Duration::from_secs(350_735));
/// let explanation = explain(&find("uptime").unwrap(), &view).unwrap();
/// assert_eq!(explanation.lines[0].text, "350735.47 234388.90");
/// assert!(explanation.lines[0].meaning.is_none(), "the whole file is the host's");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The facts that its lines are made from, each once.
    pub facts: Vec<ExplainedFact>,
    /// Its lines, in order.
    pub lines: Vec<ExplainedLine>,
}

/// A fact, and what told it.
///
/// ```
/// use std::time::Duration;
/// use lxcfs_core::{Container, ContainerView, Fact, MemorySource, cgroup::Cgroups, explain::explain, find};
///
/// let machine = MemorySource::new()
///     .with("/proc/meminfo", "MemTotal:       24684096 kB\n")
///     .with("/sys/fs/cgroup/web/memory.max", "max\n")
///     .with("/sys/fs/cgroup/web/memory.current", "4096\n")
///     .with("/sys/fs/cgroup/web/memory.stat", "anon 4096\n");
/// let container = Container { cgroups: Cgroups::unified("/sys/fs/cgroup", "/web"), ..Container::host(1) };
/// let view = ContainerView::new(&machine, &container, Duration::ZERO);
/// let explanation = explain(&find("meminfo").unwrap(), &view).unwrap();
/// let limit = explanation.facts.iter().find(|one| one.fact == Fact::MemoryLimit).unwrap();
/// assert_eq!(limit.evidence.as_ref().unwrap().value, "max");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExplainedFact {
    /// The fact.
    pub fact: Fact,
    /// The file that decided it; `None` if no cgroup confines the container there, so that the host's holds.
    pub evidence: Option<Evidence>,
}

/// A line, and what it means.
///
/// ```
/// use std::time::Duration;
/// use lxcfs_core::{Class, Container, ContainerView, MemorySource, cgroup::Cgroups, explain::explain, find};
///
/// let machine = MemorySource::new()
///     .with("/proc/meminfo", "Mlocked:               8 kB\n")
///     .with("/sys/fs/cgroup/web/memory.max", "max\n")
///     .with("/sys/fs/cgroup/web/memory.current", "4096\n")
///     .with("/sys/fs/cgroup/web/memory.stat", "anon 4096\n");
/// let container = Container { cgroups: Cgroups::unified("/sys/fs/cgroup", "/web"), ..Container::host(1) };
/// let view = ContainerView::new(&machine, &container, Duration::ZERO);
/// let line = &explain(&find("meminfo").unwrap(), &view).unwrap().lines[0];
/// assert_eq!((line.text.as_str(), line.meaning.unwrap().class), ("Mlocked:               0 kB", Class::Zero));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExplainedLine {
    /// The line as it is shown.
    pub text: String,
    /// Its row in the file's table: class, facts, formula. `None` if the whole file is the host's, because nothing
    /// confines the container.
    pub meaning: Option<&'static Line>,
}

/// Renders the file and explains every line of it.
///
/// # Errors
///
/// [`CaptureError`], as [`Place::produce`].
///
/// ```
/// use std::time::Duration;
/// use lxcfs_core::{cgroup::Cgroups, explain::explain, find, Container, ContainerView, MemorySource};
///
/// let machine = MemorySource::new()
///     .with("/proc/meminfo", "MemTotal:       24684096 kB\nMemFree:        20000000 kB\n")
///     .with("/sys/fs/cgroup/ct/memory.max", "268435456\n")
///     .with("/sys/fs/cgroup/ct/memory.current", "4096\n")
///     .with("/sys/fs/cgroup/ct/memory.stat", "file 0\n");
/// let container = Container { cgroups: Cgroups::unified("/sys/fs/cgroup", "/ct"), ..Container::host(1) };
/// let view = ContainerView::new(&machine, &container, Duration::ZERO);
///
/// let explained = explain(&find("meminfo").unwrap(), &view).unwrap();
/// assert_eq!(explained.lines[0].text, "MemTotal:         262144 kB");
/// let limit = explained.facts[0].evidence.as_ref().unwrap();
/// assert_eq!((limit.file.to_str(), limit.value.as_str()), (Some("/sys/fs/cgroup/ct/memory.max"), "268435456"));
/// ```
pub fn explain(place: &Place<'_>, view: &ContainerView<'_>) -> Result<Explanation, CaptureError> {
    let text = place.render(view)?;
    let host = Path::new("/").join(place.file.path).join(place.below);
    // Where nothing is replaced, no line has a meaning but the host's.
    let verbatim = view.source().read(&host).is_ok_and(|host| host == text) && is_unconfined(view);
    let lines: Vec<ExplainedLine> = parse::lines(&text)
        .map(|line| ExplainedLine {
            text: String::from_utf8_lossy(line).into_owned(),
            meaning: if verbatim { None } else { meaning(place, line) },
        })
        .collect();
    let mut facts: Vec<Fact> = Vec::new();
    for fact in lines.iter().filter_map(|line| line.meaning).flat_map(|line| line.from) {
        if !facts.contains(fact) {
            facts.push(*fact);
        }
    }
    let facts = facts
        .into_iter()
        .map(|fact| {
            Ok(ExplainedFact {
                fact,
                evidence: evidence(fact, &host, view)?,
            })
        })
        .collect::<Result<_, CaptureError>>()?;
    Ok(Explanation { facts, lines })
}

fn is_unconfined(view: &ContainerView<'_>) -> bool {
    view.options().passthrough || Controller::ALL.iter().all(|one| view.cgroup().confined(*one).is_none())
}

/// The row of the table for a line: by its first word, with `cpuN` for any CPU.
fn meaning(place: &Place<'_>, line: &[u8]) -> Option<&'static Line> {
    let word = parse::split_once(line, b':').map_or(line, |(key, _)| key);
    let word = parse::words(word).next().unwrap_or_default();
    let key = if crate::cpu_list::cpu_of_name(word).is_some() {
        "cpuN"
    } else {
        std::str::from_utf8(word).unwrap_or("*")
    };
    place.file.line(key)
}

fn evidence(fact: Fact, host: &Path, view: &ContainerView<'_>) -> Result<Option<Evidence>, CaptureError> {
    let of_host = |path: PathBuf| match view.source().read_optional(&path)? {
        Some(text) => Ok(Some(Evidence::new(path, None, &text))),
        None => Ok(None),
    };
    match fact {
        Fact::HostFile => of_host(host.to_path_buf()),
        Fact::HostMeminfo => of_host("/proc/meminfo".into()),
        Fact::OnlineCpus => of_host("/sys/devices/system/cpu/online".into()),
        Fact::InitStart => match view.container().init {
            Some(init) => Ok(Some(Evidence {
                file: format!("/proc/{}/stat", init.pid).into(),
                levels_up: None,
                value: format!("field 22: {} ticks since boot", init.start_ticks),
            })),
            None => of_host("/proc/uptime".into()),
        },
        Fact::Pressure => {
            let name = host.file_name().unwrap_or_default().to_string_lossy();
            view.cgroup()
                .evidence_of(Controller::Pressure, &format!("{name}.pressure"))
        }
        Fact::Hugetlb => {
            let meminfo = view.host("/proc/meminfo")?;
            let size = Meminfo::parse(&meminfo).value(b"Hugepagesize").unwrap_or(0);
            view.cgroup().hugetlb_evidence(size)
        }
        _ => view.cgroup().evidence(fact),
    }
}

impl Class {
    /// The class as one word.
    ///
    /// ```
    /// use lxcfs_core::find;
    ///
    /// let meminfo = find("meminfo").unwrap().file;
    /// assert_eq!(meminfo.line("MemTotal").unwrap().class.name(), "container");
    /// ```
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Container => "container",
            Self::Derived => "derived",
            Self::Shared => "shared",
            Self::Constant => "constant",
            Self::Zero => "zero",
        }
    }
}

impl Fact {
    /// The fact in a few words.
    ///
    /// ```
    /// use lxcfs_core::Fact;
    ///
    /// assert_eq!(Fact::MemoryLimit.name(), "memory limit");
    /// ```
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::HostFile => "host's file",
            Self::HostMeminfo => "host's memory",
            Self::OnlineCpus => "online CPUs",
            Self::MemoryLimit => "memory limit",
            Self::MemoryUsage => "memory usage",
            Self::MemoryStat => "memory statistics",
            Self::SwapLimit => "swap limit",
            Self::SwapUsage => "swap usage",
            Self::Hugetlb => "huge pages",
            Self::CpuQuota => "CPU quota",
            Self::Cpuset => "cpuset",
            Self::CpuTime => "CPU time",
            Self::Tasks => "tasks",
            Self::InitStart => "start of the first process",
            Self::Io => "block I/O",
            Self::Pressure => "pressure",
            Self::Slabinfo => "slab caches",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cgroup::Cgroups;
    use crate::container::Container;
    use crate::files::find;
    use crate::source::MemorySource;
    use std::time::Duration;

    #[test]
    fn the_level_that_decides_is_named() {
        let level = |machine: MemorySource, dir: &str, max: &str| {
            machine
                .with(format!("{dir}/cgroup.procs"), "")
                .with(format!("{dir}/memory.max"), max.to_owned())
                .with(format!("{dir}/memory.current"), "1\n")
                .with(format!("{dir}/memory.stat"), "file 1\nanon 1\n")
        };
        let machine = MemorySource::new().with("/proc/meminfo", "MemTotal: 100 kB\nWeird: 3 kB\n");
        let machine = level(machine, "/c/pod", "4096\n");
        let machine = level(machine, "/c/pod/ct", "max\n");
        let container = Container {
            cgroups: Cgroups::unified("/c", "/pod/ct"),
            ..Container::host(1)
        };
        let view = ContainerView::new(&machine, &container, Duration::ZERO);
        let explained = explain(&find("meminfo").unwrap(), &view).unwrap();
        let limit = explained
            .facts
            .iter()
            .find(|fact| fact.fact == Fact::MemoryLimit)
            .unwrap();
        assert_eq!(limit.evidence.as_ref().unwrap().file, Path::new("/c/pod/memory.max"));
        assert_eq!(limit.evidence.as_ref().unwrap().levels_up, Some(1));
        assert_eq!(explained.lines[1].meaning.unwrap().class, Class::Zero);
    }

    #[test]
    fn the_hosts_own_file_is_said_to_be_the_hosts() {
        let machine = MemorySource::new().with("/proc/meminfo", "MemTotal: 100 kB\n");
        let container = Container::host(1);
        let view = ContainerView::new(&machine, &container, Duration::ZERO);
        let explained = explain(&find("meminfo").unwrap(), &view).unwrap();
        assert!(explained.facts.is_empty() && explained.lines[0].meaning.is_none());
    }
}
