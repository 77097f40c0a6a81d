//! One level of a container, spelt as the files of one hierarchy of cgroup v1.

use std::fmt::Write as _;
use std::path::Path;

use super::v2::line;
use super::{Level, Limits};
use crate::TICK_NSEC;
use crate::cgroup::{IoDevice, MemoryStat};
use crate::cpu_list::CpuList;
use crate::source::{MemorySource, Source as _};

/// The page counter's greatest value with pages of 4 KiB: what v1 says where there is no limit.
const UNLIMITED: u64 = 9_223_372_036_854_771_712;

pub(super) fn write(limits: &Limits, level: &Level, up: usize, hierarchy: &str, dir: &str, files: &mut MemorySource) {
    let online = limits.cpuset.clone().or_else(|| {
        let text = files.read(Path::new("/sys/devices/system/cpu/online")).ok()?;
        CpuList::parse(&text).ok()
    });
    let mut file = |name: &str, text: String| files.insert(format!("{dir}/{name}"), text);
    let max = |limit: Option<u64>| line(limit.unwrap_or(UNLIMITED));
    match hierarchy {
        "memory" => {
            file("memory.limit_in_bytes", max(level.memory));
            file("memory.usage_in_bytes", line(level.memory_usage));
            file("memory.stat", memory_stat(&level.stat));
            file("memory.memsw.limit_in_bytes", max(level.swap));
            file(
                "memory.memsw.usage_in_bytes",
                line(level.memory_usage.saturating_add(level.swap_usage)),
            );
            file("memory.swappiness", line(60));
        }
        "cpu,cpuacct" => {
            let (quota, period) = level
                .quota
                .map_or(("-1\n".to_owned(), 100_000), |(quota, period)| (line(quota), period));
            file("cpu.cfs_quota_us", quota);
            file("cpu.cfs_period_us", line(period));
            let mut all = "cpu user system\n".to_owned();
            for (cpu, times) in &limits.used {
                let _ = writeln!(all, "{cpu} {} {}", times.user.saturating_add(times.nice), times.system);
            }
            file("cpuacct.usage_all", all);
            let used = limits.used_in_all();
            file("cpuacct.usage", line(used.total()));
            let user = used.user.saturating_add(used.nice);
            file(
                "cpuacct.stat",
                format!("user {}\nsystem {}\n", user / TICK_NSEC, used.system / TICK_NSEC),
            );
        }
        "cpuset" => {
            let cpus = online.unwrap_or_default();
            file(
                "cpuset.cpus",
                if up == 0 { format!("{cpus}\n") } else { "\n".to_owned() },
            );
            file("cpuset.effective_cpus", format!("{cpus}\n"));
        }
        "blkio" => {
            file(
                "blkio.throttle.io_serviced_recursive",
                io(
                    limits,
                    [
                        |one| one.read.requests,
                        |one| one.write.requests,
                        |one| one.discard.requests,
                    ],
                ),
            );
            file(
                "blkio.throttle.io_service_bytes_recursive",
                io(
                    limits,
                    [|one| one.read.bytes, |one| one.write.bytes, |one| one.discard.bytes],
                ),
            );
        }
        "hugetlb" => {
            file("hugetlb.2MB.limit_in_bytes", max(level.hugetlb));
            file("hugetlb.2MB.usage_in_bytes", line(level.hugetlb_usage));
        }
        _ => {
            file("pids.current", line(limits.processes.len()));
            file("pids.max", "max\n".to_owned());
        }
    }
}

/// v1 has each line twice: of this cgroup alone, here without a process of its own, and with all below it.
fn memory_stat(stat: &MemoryStat) -> String {
    let lines = [
        ("cache", stat.file),
        ("rss", stat.anon),
        ("rss_huge", stat.anon_thp),
        ("shmem", stat.shmem),
        ("mapped_file", stat.file_mapped),
        ("dirty", stat.file_dirty),
        ("writeback", stat.file_writeback),
        ("swapcached", stat.swapcached),
        ("pgfault", 12_345),
        ("inactive_anon", stat.inactive_anon),
        ("active_anon", stat.active_anon),
        ("inactive_file", stat.inactive_file),
        ("active_file", stat.active_file),
        ("unevictable", stat.unevictable),
    ];
    let own: String = lines.iter().map(|(key, _)| format!("{key} 0\n")).collect();
    let total: String = lines
        .iter()
        .map(|(key, value)| format!("total_{key} {value}\n"))
        .collect();
    format!("{own}hierarchical_memory_limit {UNLIMITED}\n{total}")
}

fn io(limits: &Limits, of: [fn(&IoDevice) -> u64; 3]) -> String {
    let mut all: u64 = 0;
    let mut text = String::new();
    for one in &limits.io {
        let [read, write, discard] = of.map(|of| of(one));
        let total = read.saturating_add(write).saturating_add(discard);
        all = all.saturating_add(total);
        for (word, value) in [
            ("Read", read),
            ("Write", write),
            ("Sync", total),
            ("Async", 0),
            ("Discard", discard),
            ("Total", total),
        ] {
            let _ = writeln!(text, "{}:{} {word} {value}", one.major, one.minor);
        }
    }
    let _ = writeln!(text, "Total {all}");
    text
}
