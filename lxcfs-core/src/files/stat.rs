//! `/proc/stat`: the CPU time of the container, on the CPUs that it sees.
//!
//! # References
//!
//! proc(5); `fs/proc/stat.c`.

use std::iter;

use super::{Class, Fact, Kind, Line, VirtualFile};
use crate::TICK_NSEC;
use crate::cpu_list::CpuId;
use crate::cpu_model::CpuModel;
use crate::error::CaptureError;
use crate::host::stat::{Key, Stat};
use crate::state::cpu_account::CpuCounters;
use crate::state::load::Load;
use crate::text::Text;
use crate::view::ContainerView;

const CPU_FACTS: &[Fact] = &[Fact::CpuTime, Fact::CpuQuota, Fact::Cpuset, Fact::OnlineCpus];

pub(super) const FILE: VirtualFile = VirtualFile {
    path: "proc/stat",
    about: "CPU time of the container on the CPUs that it sees, boot time, numbers of processes",
    lines: &[
        Line {
            key: "cpu",
            class: Class::Container,
            from: CPU_FACTS,
            formula: "sum of the cpuN lines, CPUs that are no longer shown included",
        },
        Line {
            key: "cpuN",
            class: Class::Container,
            from: CPU_FACTS,
            formula: "user, nice, system: what the container used there (v2 does not tell where: spread over the shown CPUs); idle: capacity x time - used; the other columns are not accounted for a cgroup: 0",
        },
        Line {
            key: "intr",
            class: Class::Zero,
            from: &[],
            formula: "0: interrupts are the host's",
        },
        Line {
            key: "ctxt",
            class: Class::Zero,
            from: &[],
            formula: "0: not accounted for a cgroup",
        },
        Line {
            key: "btime",
            class: Class::Shared,
            from: &[Fact::HostFile],
            formula: "the host's: start times of processes count from it",
        },
        Line {
            key: "processes",
            class: Class::Derived,
            from: &[Fact::Tasks],
            formula: "the highest pid seen in the container: forks are not accounted for a cgroup",
        },
        Line {
            key: "procs_running",
            class: Class::Container,
            from: &[Fact::Tasks],
            formula: "threads in state R, at least the reader",
        },
        Line {
            key: "procs_blocked",
            class: Class::Container,
            from: &[Fact::Tasks],
            formula: "threads in state D",
        },
        Line {
            key: "softirq",
            class: Class::Zero,
            from: &[],
            formula: "0: interrupts are the host's",
        },
        Line {
            key: "*",
            class: Class::Zero,
            from: &[],
            formula: "0: a line that is not known counts what is the host's",
        },
    ],
    kind: Kind::File(produce),
};

/// The columns of one `cpu` line, in ticks; those that a cgroup accounts for, by their places.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Ticks {
    columns: [u64; Self::MOST],
}

impl Ticks {
    /// user nice system idle iowait irq softirq steal guest guest_nice; none has come since Linux 2.6.33.
    const MOST: usize = 10;

    fn of(counters: &CpuCounters) -> Self {
        let [user, nice, system, idle] = [
            counters.used.user,
            counters.used.nice,
            counters.used.system,
            counters.idle,
        ]
        .map(|nsec| nsec / TICK_NSEC);
        Self {
            columns: [user, nice, system, idle, 0, 0, 0, 0, 0, 0],
        }
    }

    fn of_host(numbers: impl Iterator<Item = u64>) -> Self {
        let mut ticks = Self::default();
        for (column, number) in ticks.columns.iter_mut().zip(numbers) {
            *column = number;
        }
        ticks
    }

    fn add(&mut self, other: &Self) {
        for (sum, part) in self.columns.iter_mut().zip(other.columns) {
            *sum = sum.saturating_add(part);
        }
    }

    fn idle(&self) -> u64 {
        self.columns.get(3).copied().unwrap_or(0)
    }
}

/// The CPU lines to show: the sum, and each shown CPU by the number that the container is told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct CpuLines {
    sum: Ticks,
    each: Vec<(CpuId, Ticks)>,
}

impl CpuLines {
    /// From the container's own account. CPUs that are not shown any more still count in the sum.
    fn of_container(model: &CpuModel, counters: &[(CpuId, CpuCounters)]) -> Self {
        let mut lines = Self::default();
        for (number, counters) in counters {
            let ticks = Ticks::of(counters);
            lines.sum.add(&ticks);
            if model.numbered().contains(*number) {
                lines.each.push((*number, ticks));
            }
        }
        lines
    }

    /// From the host's lines: the container shares the host's account, and sees a part of its CPUs.
    fn of_host(model: &CpuModel, stat: &Stat<'_>) -> Self {
        let mut lines = Self::default();
        for line in stat.lines() {
            let Key::Cpu(cpu) = line.key() else { continue };
            let Some(number) = model.number_of(cpu) else { continue };
            let ticks = Ticks::of_host(line.numbers());
            lines.sum.add(&ticks);
            lines.each.push((number, ticks));
        }
        lines
    }
}

fn produce(view: &ContainerView<'_>, out: &mut Text) -> Result<(), CaptureError> {
    let load = view.load()?;
    if view.shares_the_hosts_cpus() && load.is_none() {
        out.push(view.host("/proc/stat")?);
        return Ok(());
    }
    let model = view.cpus()?;
    let counters = view.cpu_counters(&model)?;
    // If nothing that moves is the host's, what is left is its boot time, and which lines there are.
    let text = if counters.is_some() && load.is_some() {
        view.host_steady("/proc/stat")?
    } else {
        view.host("/proc/stat")?
    };
    let stat = Stat::parse(&text);
    let cpus = match counters {
        Some(counters) => CpuLines::of_container(&model, &counters),
        None => CpuLines::of_host(&model, &stat),
    };
    render(&stat, &cpus, load.as_ref(), out);
    Ok(())
}

/// The second number of `/proc/uptime`: what the `cpu` line of this container says under idle.
pub(super) fn idle_ticks(view: &ContainerView<'_>) -> Result<u64, CaptureError> {
    let model = view.cpus()?;
    if let Some(counters) = view.cpu_counters(&model)? {
        return Ok(CpuLines::of_container(&model, &counters).sum.idle());
    }
    let text = view.host("/proc/stat")?;
    Ok(CpuLines::of_host(&model, &Stat::parse(&text)).sum.idle())
}

fn render(stat: &Stat<'_>, cpus: &CpuLines, load: Option<&Load>, out: &mut Text) {
    let mut cpus = Some(cpus);
    for line in stat.lines() {
        match line.key() {
            Key::AllCpus | Key::Cpu(_) => {
                // The lines of all CPUs stand together, where the host's first one stands.
                let Some(cpus) = cpus.take() else { continue };
                let columns = line.numbers().count();
                row("cpu ", &cpus.sum, columns, out);
                for (number, ticks) in &cpus.each {
                    out.push("cpu").number(u64::from(*number));
                    row("", ticks, columns, out);
                }
            }
            Key::Other(word) => {
                out.push(word);
                match (word, load) {
                    (b"btime", _) => {
                        out.push(line.rest());
                    }
                    // Tasks that cannot be told from the host's are the host's.
                    (b"processes" | b"procs_running" | b"procs_blocked", None) => {
                        out.push(line.rest());
                    }
                    (b"processes", Some(load)) => {
                        numbers(iter::once(load.most_pids()), out);
                    }
                    (b"procs_running", Some(load)) => {
                        numbers(iter::once(load.tasks().running.max(1)), out);
                    }
                    (b"procs_blocked", Some(load)) => {
                        numbers(iter::once(load.tasks().blocked), out);
                    }
                    // One number stands for the hundreds of the host's interrupts.
                    (b"intr", _) => numbers(iter::once(0), out),
                    _ => numbers(line.numbers().map(|_| 0), out),
                }
            }
        }
    }
}

fn row(label: &str, ticks: &Ticks, columns: usize, out: &mut Text) {
    out.push(label);
    numbers(
        ticks.columns.into_iter().chain(iter::repeat(0)).take(columns.max(4)),
        out,
    );
}

fn numbers(numbers: impl Iterator<Item = u64>, out: &mut Text) {
    for number in numbers {
        out.push(" ").number(number);
    }
    out.push("\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cgroup::{CgroupPath, Cgroups, Controller, Version};
    use crate::container::{Container, Init};
    use crate::source::MemorySource;
    use crate::state::Remembered;
    use std::time::Duration;

    const HOST: &str =
        "cpu  400 0 400 4000 8 0 0 0 0 0\ncpu0 100 0 100 1000 2 0 0 0 0 0\ncpu1 100 0 100 1000 2 0 0 0 0 0
cpu2 100 0 100 1000 2 0 0 0 0 0\ncpu3 100 0 100 1000 2 0 0 0 0 0\nintr 9999 1 2 3\nctxt 777\nbtime 1700000000
processes 5000\nprocs_running 9\nprocs_blocked 1\nsoftirq 99 1 2\nnewline 5 5\n";

    fn machine() -> MemorySource {
        MemorySource::new()
            .with("/proc/stat", HOST)
            .with("/sys/devices/system/cpu/online", "0-3\n")
            .with("/c/ct/cgroup.procs", "50\n")
            .with("/c/ct/cpu.max", "150000 100000\n")
            .with(
                "/c/ct/cpu.stat",
                "usage_usec 6000000\nuser_usec 4000000\nsystem_usec 2000000\nnice_usec 1000000\n",
            )
            .with("/proc/50/status", "State:\tR (running)\nThreads:\t1\nNSpid:\t50\t7\n")
    }

    fn container() -> Container {
        Container {
            caller: 50,
            init: Some(Init {
                pid: 50,
                start_ticks: 9000,
            }),
            cgroups: Cgroups::unified("/c", "/ct"),
        }
    }

    fn shown(view: &ContainerView<'_>) -> String {
        let mut out = Text::new();
        produce(view, &mut out).unwrap();
        String::from_utf8(out.take().to_vec()).unwrap()
    }

    #[test]
    fn a_quota_of_one_and_a_half_shows_two_cpus_that_are_full_at_the_limit() {
        let (machine, container) = (machine(), container());
        // 10 s after the start: 15 s of capacity, 6 s used.
        let text = shown(&ContainerView::new(&machine, &container, Duration::from_secs(100)));
        assert_eq!(
            text,
            "cpu  300 100 200 900 0 0 0 0 0 0\ncpu0 150 50 100 450 0 0 0 0 0 0\ncpu1 150 50 100 450 0 0 0 0 0 0
intr 0\nctxt 0\nbtime 1700000000\nprocesses 7\nprocs_running 1\nprocs_blocked 0\nsoftirq 0 0 0\nnewline 0 0\n"
        );
    }

    #[test]
    fn counters_go_on_where_the_last_view_left_them() {
        let (mut machine, container, remembered) = (machine(), container(), Remembered::new());
        let view = ContainerView::new(&machine, &container, Duration::from_secs(100)).with_remembered(&remembered);
        shown(&view);
        machine.insert(
            "/c/ct/cpu.stat",
            "user_usec 5000000\nsystem_usec 2000000\nnice_usec 1000000\n",
        );
        let view = ContainerView::new(&machine, &container, Duration::from_secs(102)).with_remembered(&remembered);
        assert!(shown(&view).starts_with("cpu  400 100 200 1100 0"));
    }

    #[test]
    fn v1_usage_stays_on_its_cpu() {
        let machine = machine()
            .with("/v1/ct/cgroup.procs", "50\n")
            .with("/v1/ct/cpuset.effective_cpus", "1-2\n")
            .with(
                "/v1/ct/cpuacct.usage_all",
                "cpu user system\n0 0 0\n1 1000000000 0\n2 0 3000000000\n3 0 0\n",
            );
        let at = |name| CgroupPath::new(Version::V1, "/v1", name);
        let cgroups = Cgroups::none()
            .with(Controller::CpuTime, at("/ct"))
            .with(Controller::Cpuset, at("/ct"))
            .with(Controller::Tasks, at("/ct"));
        let container = Container { cgroups, ..container() };
        let text = shown(&ContainerView::new(&machine, &container, Duration::from_secs(100)));
        assert!(
            text.starts_with("cpu  100 0 300 1600 0 0 0 0 0 0\ncpu1 100 0 0 900 0 0 0 0 0 0\ncpu2 0 0 300 700 0"),
            "{text}"
        );
    }

    #[test]
    fn a_cpuset_without_an_account_shows_the_hosts_lines_of_its_cpus() {
        let machine = machine()
            .with("/v1/ct/cgroup.procs", "50\n")
            .with("/v1/ct/cpuset.effective_cpus", "1\n");
        let cgroups = Cgroups::none().with(Controller::Cpuset, CgroupPath::new(Version::V1, "/v1", "/ct"));
        let container = Container { cgroups, ..container() };
        let text = shown(&ContainerView::new(&machine, &container, Duration::from_secs(100)));
        assert!(
            text.starts_with("cpu  100 0 100 1000 2 0 0 0 0 0\ncpu1 100 0 100 1000 2 0 0 0 0 0\nintr 0\n"),
            "{text}"
        );
        assert!(text.contains("processes 5000\n"));
    }

    #[test]
    fn the_root_cgroup_sees_the_host() {
        let machine = machine();
        let container = Container {
            cgroups: Cgroups::unified("/c", "/"),
            ..Container::host(1)
        };
        assert_eq!(
            shown(&ContainerView::new(&machine, &container, Duration::from_secs(100))),
            HOST
        );
    }

    #[test]
    fn idle_is_the_same_in_uptime() {
        let (machine, container) = (machine(), container());
        let view = ContainerView::new(&machine, &container, Duration::from_secs(100));
        assert_eq!(idle_ticks(&view).unwrap(), 900);
    }
}
