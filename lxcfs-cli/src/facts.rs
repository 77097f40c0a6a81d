//! What a view shows, as numbers: the rendered files read as a program in the container would read them.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use lxcfs_core::host::loadavg::Loadavg;
use lxcfs_core::host::meminfo::Meminfo;
use lxcfs_core::host::pressure::{Pressure, Stall};
use lxcfs_core::host::stat::{Key, Stat};
use lxcfs_core::host::uptime::Uptime;
use lxcfs_core::{CaptureError, ContainerView, ParseError, TICK_NSEC, find};

/// No more processes than this are counted.
const MOST_PROCESSES: usize = 65_536;

/// Memory and swap, in KiB, as free(1) tells them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Memory {
    pub(crate) total: u64,
    pub(crate) available: u64,
    pub(crate) swap_total: u64,
    pub(crate) swap_free: u64,
}

impl Memory {
    pub(crate) fn of(view: &ContainerView<'_>) -> Result<Self, CaptureError> {
        let text = rendered(view, "proc/meminfo")?;
        let meminfo = Meminfo::parse(&text);
        let value = |key: &[u8]| meminfo.value(key);
        Ok(Self {
            total: value(b"MemTotal").unwrap_or(0),
            // A kernel before 3.14 has no such line; free(1) falls back to what is free.
            available: value(b"MemAvailable").or_else(|| value(b"MemFree")).unwrap_or(0),
            swap_total: value(b"SwapTotal").unwrap_or(0),
            swap_free: value(b"SwapFree").unwrap_or(0),
        })
    }

    /// What is used and could not be had by giving up caches.
    pub(crate) fn used(&self) -> u64 {
        self.total.saturating_sub(self.available)
    }

    pub(crate) fn swap_used(&self) -> u64 {
        self.swap_total.saturating_sub(self.swap_free)
    }
}

/// Load averages and threads.
pub(crate) fn loadavg(view: &ContainerView<'_>) -> Result<Loadavg, CaptureError> {
    let text = rendered(view, "proc/loadavg")?;
    Loadavg::parse(&text).ok_or_else(|| not_understood("loadavg", "three averages, two counts and a pid", &text))
}

/// How long the container, or the host, has been running.
pub(crate) fn uptime(view: &ContainerView<'_>) -> Result<Duration, CaptureError> {
    let text = rendered(view, "proc/uptime")?;
    let uptime = Uptime::parse(&text).ok_or_else(|| not_understood("uptime", "two times", &text))?;
    Ok(uptime.boot_time())
}

/// How long some task stalled for want of that resource.
pub(crate) fn pressure(view: &ContainerView<'_>, path: &str) -> Result<Stall, CaptureError> {
    let text = rendered(view, path)?;
    let stall = Pressure::parse(&text).some();
    stall.ok_or_else(|| not_understood("pressure", "a line `some`", &text))
}

/// How many processes there are.
pub(crate) fn processes(view: &ContainerView<'_>) -> Result<usize, CaptureError> {
    if let Some(pids) = view.cgroup().processes(MOST_PROCESSES)? {
        return Ok(pids.len());
    }
    let names = view.source().list_directories(Path::new("/proc"))?;
    Ok(names.iter().filter(|name| name.parse::<u32>().is_ok()).count())
}

/// The CPU time that was used, in nanoseconds since some moment in the past.
///
/// Where it is not accounted apart from the host's, it is the host's, to the tick: so `/proc/stat` shows it there too.
pub(crate) fn cpu_time(view: &ContainerView<'_>) -> Result<u64, CaptureError> {
    if let Some(time) = view.cgroup().cpu_time()? {
        return Ok(time.total.total());
    }
    let text = rendered(view, "proc/stat")?;
    let line = Stat::parse(&text).lines().find(|line| line.key() == Key::AllCpus);
    let line = line.ok_or_else(|| not_understood("stat", "a line `cpu`", &text))?;
    // user nice system idle iowait irq softirq steal; what follows is part of the first two.
    let busy = line
        .numbers()
        .take(8)
        .enumerate()
        .filter(|(column, _)| !matches!(column, 3 | 4))
        .fold(0, |sum: u64, (_, ticks)| sum.saturating_add(ticks));
    Ok(busy.saturating_mul(TICK_NSEC))
}

fn rendered(view: &ContainerView<'_>, path: &str) -> Result<Bytes, CaptureError> {
    let place = find(path).ok_or_else(|| CaptureError::NoSuchFile { path: path.to_owned() })?;
    place.render(view)
}

fn not_understood(what: &'static str, expected: &'static str, text: &[u8]) -> CaptureError {
    CaptureError::parse(format!("/proc/{what}"), ParseError::new(what, expected, text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use lxcfs_core::cgroup::Cgroups;
    use lxcfs_core::{Container, Init, MemorySource};

    fn machine() -> MemorySource {
        MemorySource::new()
            .with(
                "/proc/meminfo",
                "MemTotal: 1000 kB\nMemFree: 200 kB\nMemAvailable: 600 kB\nSwapTotal: 50 kB\nSwapFree: 20 kB\n",
            )
            .with("/proc/stat", "cpu  10 1 4 900 50 1 1 3 7 7\ncpu0 0 0\n")
            .with("/proc/uptime", "350.47 234.90\n")
            .with("/c/ct/cgroup.procs", "5\n")
            .with("/c/ct/memory.max", "524288\n")
            .with("/c/ct/memory.current", "131072\n")
            .with("/c/ct/memory.stat", "anon 131072\nfile 0\n")
            .with("/c/ct/cpu.stat", "usage_usec 70\nuser_usec 50\nsystem_usec 20\n")
    }

    #[test]
    fn the_hosts_numbers_are_those_of_its_files() {
        let (machine, container) = (machine(), Container::host(1));
        let view = ContainerView::new(&machine, &container, Duration::from_secs(350));
        let memory = Memory::of(&view).unwrap();
        assert_eq!((memory.total, memory.used(), memory.swap_used()), (1000, 400, 30));
        assert_eq!(cpu_time(&view).unwrap(), 20 * TICK_NSEC);
        assert_eq!(uptime(&view).unwrap(), Duration::from_millis(350_470));
    }

    #[test]
    fn a_containers_numbers_are_those_of_its_cgroup() {
        let container = Container {
            init: Some(Init {
                pid: 5,
                start_ticks: 30_000,
            }),
            cgroups: Cgroups::unified("/c", "/ct"),
            ..Container::host(5)
        };
        let machine = machine();
        let view = ContainerView::new(&machine, &container, Duration::from_secs(350));
        let memory = Memory::of(&view).unwrap();
        assert_eq!((memory.total, memory.used()), (512, 128));
        assert_eq!(cpu_time(&view).unwrap(), 70_000);
    }
}
