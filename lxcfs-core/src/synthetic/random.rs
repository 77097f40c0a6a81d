//! Descriptions drawn at random. Where the numbers come from is the caller's: a property test, a fuzzer's bytes.

use std::time::Duration;

use super::{DISKS, HUGE_PAGE_KIB, Level, Limits, Machine, Process};
use crate::TICK_NSEC;
use crate::cgroup::{CpuTimes, IoDevice, MemoryStat};
use crate::cpu_list::CpuList;

/// Draws a number below the bound that it is given. Where it draws 0 throughout, the simplest description comes out.
pub type Draw<'a> = dyn FnMut(u64) -> u64 + 'a;

fn maybe<T>(draw: &mut Draw<'_>, make: impl FnOnce(&mut Draw<'_>) -> T) -> Option<T> {
    if draw(3) == 0 { None } else { Some(make(draw)) }
}

/// A number below `bound`, of any magnitude alike.
fn any_size(draw: &mut Draw<'_>, bound: u64) -> u64 {
    let bits = draw(65);
    let below = u32::try_from(bits)
        .ok()
        .and_then(|bits| 1_u64.checked_shl(bits))
        .unwrap_or(u64::MAX);
    draw(below).min(bound.saturating_sub(1))
}

fn cpus(draw: &mut Draw<'_>, of: &CpuList) -> CpuList {
    of.iter().filter(|_| draw(2) == 0).collect()
}

impl Machine {
    /// A machine of 1 to 8 CPUs, some of which may be offline.
    ///
    /// ```
    /// use lxcfs_core::synthetic::Machine;
    ///
    /// // Where 0 is drawn throughout, the machine is the simplest one.
    /// let machine = Machine::random(&mut |_| 0);
    /// assert_eq!((machine.cpus, machine.swap_kib), (1, 0));
    /// ```
    pub fn random(draw: &mut Draw<'_>) -> Self {
        let cpus_present = u32::try_from(draw(8)).unwrap_or(0).saturating_add(1);
        let memory_kib = draw(1 << 34).saturating_add(64) & !1;
        let available = draw(memory_kib);
        let swap_kib = maybe(draw, |draw| draw(1 << 30)).unwrap_or(0);
        let huge_pages = maybe(draw, |draw| draw(1000)).unwrap_or(0);
        let mut machine = Self {
            hotplug: u32::try_from(draw(3)).unwrap_or(0),
            threads_per_core: u32::try_from(draw(2)).unwrap_or(0).saturating_add(1),
            cpus_per_package: [128, 4, 2]
                .get(usize::try_from(draw(3)).unwrap_or(0))
                .copied()
                .unwrap_or(128),
            memory_available_kib: available,
            memory_free_kib: draw(available.saturating_add(1)),
            swap_kib,
            swap_free_kib: draw(swap_kib.saturating_add(1)),
            huge_pages,
            huge_pages_free: draw(huge_pages.saturating_add(1)),
            uptime: Duration::from_millis(draw(100_000_000).saturating_add(100_000)),
            noise: draw(u64::MAX),
            ..Self::new(cpus_present, memory_kib)
        };
        if draw(3) > 0 {
            machine.offline = cpus(draw, &machine.present().difference(&CpuList::first(1)));
        }
        machine
    }
}

impl Level {
    /// Limits and usage of every size: a limit above the host's memory, usage above its limit, a quota of a thousandth.
    ///
    /// ```
    /// use lxcfs_core::synthetic::Level;
    ///
    /// assert_eq!(Level::random(&mut |_| 0), Level::default());
    /// ```
    pub fn random(draw: &mut Draw<'_>) -> Self {
        let mut stat = MemoryStat::default();
        for field in [
            &mut stat.anon,
            &mut stat.file,
            &mut stat.kernel_stack,
            &mut stat.pagetables,
            &mut stat.sec_pagetables,
            &mut stat.percpu,
            &mut stat.vmalloc,
            &mut stat.shmem,
            &mut stat.zswap,
            &mut stat.zswapped,
            &mut stat.file_mapped,
            &mut stat.file_dirty,
            &mut stat.file_writeback,
            &mut stat.swapcached,
            &mut stat.anon_thp,
            &mut stat.file_thp,
            &mut stat.shmem_thp,
            &mut stat.inactive_anon,
            &mut stat.active_anon,
            &mut stat.inactive_file,
            &mut stat.active_file,
            &mut stat.unevictable,
            &mut stat.slab_reclaimable,
            &mut stat.slab_unreclaimable,
        ] {
            *field = any_size(draw, 1 << 42);
        }
        Self {
            // What is larger than this is "no limit" on v1.
            memory: maybe(draw, |draw| any_size(draw, 1 << 62)),
            memory_high: maybe(draw, |draw| any_size(draw, 1 << 62)),
            memory_usage: any_size(draw, 1 << 45),
            stat,
            swap: maybe(draw, |draw| any_size(draw, 1 << 62)),
            swap_usage: any_size(draw, 1 << 42),
            quota: maybe(draw, |draw| {
                (draw(2_000_000).saturating_add(1000), draw(999_000).saturating_add(1000))
            }),
            hugetlb: maybe(draw, |draw| draw(1000).saturating_mul(HUGE_PAGE_KIB << 10)),
            hugetlb_usage: draw(1000).saturating_mul(HUGE_PAGE_KIB << 10),
        }
    }

    /// The part of it that both versions can tell: v1 has no `memory.high`, and of its kernel memory no statistics.
    ///
    /// ```
    /// use lxcfs_core::synthetic::Level;
    ///
    /// let level = Level { memory: Some(1 << 20), memory_high: Some(1 << 19), ..Level::default() };
    /// assert_eq!(level.told_by_both(), Level { memory: Some(1 << 20), ..Level::default() });
    /// ```
    #[must_use]
    pub fn told_by_both(self) -> Self {
        Self {
            memory_high: None,
            stat: MemoryStat {
                kernel_stack: 0,
                pagetables: 0,
                sec_pagetables: 0,
                percpu: 0,
                vmalloc: 0,
                zswap: 0,
                zswapped: 0,
                file_thp: 0,
                shmem_thp: 0,
                slab_reclaimable: 0,
                slab_unreclaimable: 0,
                ..self.stat
            },
            ..self
        }
    }
}

impl Limits {
    /// A container on that machine, up to four levels deep, that has used no more CPU time than there was.
    ///
    /// ```
    /// use lxcfs_core::synthetic::{Limits, Machine};
    ///
    /// let machine = Machine::new(4, 16 << 20);
    /// let mut next = 0;
    /// let limits = Limits::random(&machine, &mut |below| {
    ///     next += 1;
    ///     next % below.max(1)
    /// });
    /// assert!(!limits.processes.is_empty());
    /// ```
    pub fn random(machine: &Machine, draw: &mut Draw<'_>) -> Self {
        let online = machine.online();
        let started = Duration::from_millis(draw(90_000));
        let most = u64::try_from(machine.uptime.saturating_sub(started).as_nanos() / 3).unwrap_or(0);
        let io = (0..draw(4)).map(|disk| random_io(disk, draw)).collect();
        let mut processes = vec![Process::new(1, "S")];
        for at in 0..draw(5) {
            let state = |draw: &mut Draw<'_>| match draw(4) {
                0 | 1 => 'S',
                2 => 'R',
                _ => 'D',
            };
            let threads: String = (0..=draw(4)).map(|_| state(draw)).collect();
            processes.push(Process {
                pid: u32::try_from(at).unwrap_or(0).saturating_mul(10).saturating_add(7),
                threads,
            });
        }
        Self {
            own: Level::random(draw),
            ancestors: (0..draw(4)).map(|_| Level::random(draw)).collect(),
            cpuset: maybe(draw, |draw| cpus(draw, &online)).filter(|cpus| !cpus.is_empty()),
            used: online
                .iter()
                .map(|cpu| {
                    (
                        cpu,
                        CpuTimes {
                            user: draw(most),
                            nice: draw(most),
                            system: draw(most),
                        },
                    )
                })
                .collect(),
            io,
            processes,
            started,
            stalled_usec: any_size(draw, 1 << 40),
        }
    }

    /// The part of it that both versions can tell. v1 does not tell nice time and v2 no CPU, so that the time is spread
    /// evenly over the `shown` ones in whole ticks; v2 tells neither merged requests nor their time.
    ///
    /// ```
    /// use lxcfs_core::CpuList;
    /// use lxcfs_core::cgroup::CpuTimes;
    /// use lxcfs_core::synthetic::Limits;
    ///
    /// let second = CpuTimes { nice: 1_000_000_000, ..CpuTimes::default() };
    /// let limits = Limits { used: vec![(0, second)], ..Limits::default() };
    /// let told = limits.told_by_both(&CpuList::first(1));
    /// assert_eq!(told.used_in_all().nice, 0);
    /// ```
    #[must_use]
    pub fn told_by_both(self, shown: &CpuList) -> Self {
        let used = self.used_in_all();
        // No CPU is given more than the online ones had on average, so that time has passed for all of it.
        let cpus = u64::try_from(self.used.len())
            .unwrap_or(u64::MAX)
            .max(shown.len().into());
        let share = |nsec: u64| {
            let each = nsec.checked_div(cpus).unwrap_or(0);
            each.checked_div(TICK_NSEC).unwrap_or(0).saturating_mul(TICK_NSEC)
        };
        let each = CpuTimes {
            user: share(used.user),
            nice: 0,
            system: share(used.system),
        };
        let io = self.io.into_iter().map(|mut one| {
            for count in [&mut one.read, &mut one.write, &mut one.discard] {
                (count.merged, count.time_nsec) = (0, 0);
            }
            one
        });
        Self {
            own: self.own.told_by_both(),
            ancestors: self.ancestors.into_iter().map(Level::told_by_both).collect(),
            used: shown.iter().map(|cpu| (cpu, each)).collect(),
            io: io.collect(),
            stalled_usec: 0,
            ..self
        }
    }
}

fn random_io(disk: u64, draw: &mut Draw<'_>) -> IoDevice {
    let place = usize::try_from(disk).unwrap_or(0);
    let (major, minor, _) = DISKS.get(place).copied().unwrap_or_default();
    let mut device = IoDevice {
        major,
        minor,
        ..IoDevice::default()
    };
    for count in [&mut device.read, &mut device.write, &mut device.discard] {
        count.requests = any_size(draw, 1 << 40);
        count.bytes = any_size(draw, 1 << 50);
    }
    device
}
