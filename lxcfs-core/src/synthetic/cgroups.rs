//! One container spelt as the files of cgroup v1 or v2. Outside `cgroup`, this alone knows one from the other: it is what
//! the readers there are held against.

use std::fmt::Write as _;
use std::path::Path;

use super::{HOST_PIDS, Level, Limits, Process, Spelling, host};
use crate::TICK_NSEC;
use crate::cgroup::{Hierarchies, MemoryStat};
use crate::container::{Container, Init};
use crate::cpu_list::CpuList;
use crate::source::{MemorySource, Source as _};

/// The page counter's greatest value with pages of 4 KiB: what v1 says where there is no limit.
const UNLIMITED: u64 = 9_223_372_036_854_771_712;

const V1_MOUNT: &str = "/sys/fs/cgroup";

/// The v1 hierarchies of a spelling: their directories are named by their controllers.
fn legacy(spelling: Spelling) -> &'static [&'static str] {
    match spelling {
        Spelling::V1 => &["memory", "cpu,cpuacct", "cpuset", "blkio", "hugetlb", "pids"],
        Spelling::Hybrid => &["cpu,cpuacct", "cpuset", "hugetlb"],
        Spelling::V2 => &[],
    }
}

/// Where the unified hierarchy is mounted, if it is.
fn unified(spelling: Spelling) -> Option<&'static str> {
    match spelling {
        Spelling::V1 => None,
        Spelling::Hybrid => Some("/sys/fs/cgroup/unified"),
        Spelling::V2 => Some("/sys/fs/cgroup"),
    }
}

pub(super) fn write(limits: &Limits, spelling: Spelling, files: &mut MemorySource) -> Container {
    let names: Vec<String> = (0..limits.ancestors.len())
        .rev()
        .map(|up| format!("level{up}"))
        .collect();
    let path = names.iter().map(|name| format!("/{name}")).collect::<String>() + "/ct";
    for (up, level) in limits.levels().enumerate() {
        let below_root: String = Path::new(&path)
            .ancestors()
            .nth(up)
            .unwrap_or(Path::new("/"))
            .display()
            .to_string();
        for hierarchy in legacy(spelling) {
            let dir = format!("{V1_MOUNT}/{hierarchy}{below_root}");
            members(limits, up, &dir, files);
            v1(limits, level, up, hierarchy, &dir, files);
        }
        if let Some(mount) = unified(spelling) {
            let dir = format!("{mount}{below_root}");
            members(limits, up, &dir, files);
            v2(limits, level, up, spelling, &dir, files);
        }
    }
    let (mountinfo, proc_cgroup) = membership(spelling, &path);
    for process in &limits.processes {
        write_process(process, limits, &proc_cgroup, files);
    }
    let cgroups = Hierarchies::parse(mountinfo.as_bytes()).cgroups(proc_cgroup.as_bytes());
    for pid in ["1", "self"] {
        files.insert(format!("/proc/{pid}/mountinfo"), mountinfo.clone());
    }
    let host_pid = |process: &Process| process.pid.saturating_add(HOST_PIDS);
    Container {
        caller: limits.processes.last().map_or(HOST_PIDS, host_pid),
        init: limits.processes.first().map(|process| Init {
            pid: host_pid(process),
            start_ticks: ticks(limits),
        }),
        cgroups,
    }
}

fn ticks(limits: &Limits) -> u64 {
    u64::try_from(limits.started.as_nanos())
        .unwrap_or(u64::MAX)
        .checked_div(TICK_NSEC)
        .unwrap_or(0)
}

/// `/proc/self/mountinfo` and `/proc/PID/cgroup`.
fn membership(spelling: Spelling, path: &str) -> (String, String) {
    let mut mounts = "22 1 259:2 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p2 rw\n\
                      24 22 0:22 / /proc rw,nosuid shared:12 - proc proc rw\n"
        .to_owned();
    let mut lines = String::new();
    for (id, controllers) in (31..).zip(legacy(spelling)) {
        let at = format!("{V1_MOUNT}/{controllers}");
        let _ = writeln!(
            mounts,
            "{id} 30 0:{id} / {at} rw,nosuid shared:9 - cgroup cgroup rw,{controllers}"
        );
        let _ = writeln!(lines, "{id}:{controllers}:{path}");
    }
    if let Some(mount) = unified(spelling) {
        let _ = writeln!(
            mounts,
            "50 30 0:26 / {mount} rw,nosuid shared:10 - cgroup2 cgroup2 rw,nsdelegate"
        );
        let _ = writeln!(lines, "0::{path}");
    }
    (mounts, lines)
}

/// `cgroup.procs`: the processes are all in the own cgroup.
fn members(limits: &Limits, up: usize, dir: &str, files: &mut MemorySource) {
    let own = limits.processes.iter().filter(|_| up == 0);
    let pids: String = own
        .map(|process| format!("{}\n", process.pid.saturating_add(HOST_PIDS)))
        .collect();
    files.insert(format!("{dir}/cgroup.procs"), pids);
}

fn write_process(process: &Process, limits: &Limits, cgroup: &str, files: &mut MemorySource) {
    let pid = process.pid.saturating_add(HOST_PIDS);
    let count = process.threads.len().max(1);
    for (own, state) in (process.pid..).zip(process.threads.chars()) {
        let tid = own.saturating_add(HOST_PIDS);
        let status = format!(
            "Name:\tmade: up\nUmask:\t0022\nState:\t{state} (made up)\nTgid:\t{pid}\nPid:\t{tid}\nPPid:\t0\n\
             NStgid:\t{pid}\t{}\nNSpid:\t{tid}\t{own}\nVmRSS:\t    4096 kB\nThreads:\t{count}\n",
            process.pid
        );
        if tid == pid {
            files.insert(format!("/proc/{pid}/status"), status.clone());
        }
        files.insert(format!("/proc/{pid}/task/{tid}/status"), status);
    }
    files.insert(format!("/proc/{pid}/cgroup"), cgroup.to_owned());
    let started = ticks(limits);
    files.insert(
        format!("/proc/{pid}/stat"),
        format!("{pid} (made up) S 0 {pid} {pid} 0 -1 4194560 9 9 0 0 1 1 0 0 20 0 {count} 0 {started} 9999 99\n"),
    );
    *files = std::mem::take(files).with_link(format!("/proc/{pid}/ns/pid"), "pid:[4026532999]");
}

fn v2(limits: &Limits, level: &Level, up: usize, spelling: Spelling, dir: &str, files: &mut MemorySource) {
    let mut file = |name: &str, text: String| files.insert(format!("{dir}/{name}"), text);
    let max = |limit: Option<u64>| limit.map_or_else(|| "max\n".to_owned(), line);
    file("memory.max", max(level.memory));
    file("memory.high", max(level.memory_high));
    file("memory.current", line(level.memory_usage));
    file("memory.stat", v2_memory_stat(&level.stat));
    file("memory.swap.max", max(level.swap));
    file("memory.swap.current", line(level.swap_usage));
    file("io.stat", v2_io(limits));
    file("pids.current", line(limits.processes.len()));
    file("pids.max", "max\n".to_owned());
    for kind in ["cpu", "io", "memory", "irq"] {
        file(&format!("{kind}.pressure"), host::pressure(kind, limits.stalled_usec));
    }
    // Every cgroup accounts for its CPU time, the controller enabled or not.
    let used = limits.used_in_all();
    let usec = |nsec: u64| nsec / 1000;
    let user = used.user.saturating_add(used.nice);
    let (user_usec, nice_usec, system_usec) = (usec(user), usec(used.nice), usec(used.system));
    let usage_usec = user_usec.saturating_add(system_usec);
    file(
        "cpu.stat",
        format!(
            "usage_usec {usage_usec}\nuser_usec {user_usec}\nsystem_usec {system_usec}\nnice_usec {nice_usec}\n\
             core_sched.force_idle_usec 0\nnr_periods 0\nnr_throttled 0\nthrottled_usec 0\n"
        ),
    );
    if spelling == Spelling::Hybrid {
        return;
    }
    file(
        "cpu.max",
        match level.quota {
            Some((quota, period)) => format!("{quota} {period}\n"),
            None => "max 100000\n".to_owned(),
        },
    );
    if let Some(cpus) = &limits.cpuset {
        file(
            "cpuset.cpus",
            if up == 0 { format!("{cpus}\n") } else { "\n".to_owned() },
        );
        file("cpuset.cpus.effective", format!("{cpus}\n"));
    }
    file("hugetlb.2MB.max", max(level.hugetlb));
    file("hugetlb.2MB.current", line(level.hugetlb_usage));
}

fn v1(limits: &Limits, level: &Level, up: usize, hierarchy: &str, dir: &str, files: &mut MemorySource) {
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
            file("memory.stat", v1_memory_stat(&level.stat));
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
                v1_io(
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
                v1_io(
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

fn line(value: impl std::fmt::Display) -> String {
    format!("{value}\n")
}

fn v2_memory_stat(stat: &MemoryStat) -> String {
    let lines = [
        ("anon", stat.anon),
        ("file", stat.file),
        ("kernel", stat.slab().saturating_add(stat.kernel_stack)),
        ("kernel_stack", stat.kernel_stack),
        ("pagetables", stat.pagetables),
        ("sec_pagetables", stat.sec_pagetables),
        ("percpu", stat.percpu),
        ("sock", 0),
        ("vmalloc", stat.vmalloc),
        ("shmem", stat.shmem),
        ("zswap", stat.zswap),
        ("zswapped", stat.zswapped),
        ("file_mapped", stat.file_mapped),
        ("file_dirty", stat.file_dirty),
        ("file_writeback", stat.file_writeback),
        ("swapcached", stat.swapcached),
        ("anon_thp", stat.anon_thp),
        ("file_thp", stat.file_thp),
        ("shmem_thp", stat.shmem_thp),
        ("inactive_anon", stat.inactive_anon),
        ("active_anon", stat.active_anon),
        ("inactive_file", stat.inactive_file),
        ("active_file", stat.active_file),
        ("unevictable", stat.unevictable),
        ("slab_reclaimable", stat.slab_reclaimable),
        ("slab_unreclaimable", stat.slab_unreclaimable),
        ("slab", stat.slab()),
        ("workingset_refault_anon", 3),
        ("pgfault", 12_345),
    ];
    lines.iter().map(|(key, value)| format!("{key} {value}\n")).collect()
}

/// v1 has each line twice: of this cgroup alone, here without a process of its own, and with all below it.
fn v1_memory_stat(stat: &MemoryStat) -> String {
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

fn v2_io(limits: &Limits) -> String {
    let devices = limits.io.iter().map(|one| {
        format!(
            "{}:{} rbytes={} wbytes={} rios={} wios={} dbytes={} dios={}\n",
            one.major,
            one.minor,
            one.read.bytes,
            one.write.bytes,
            one.read.requests,
            one.write.requests,
            one.discard.bytes,
            one.discard.requests
        )
    });
    devices.collect()
}

fn v1_io(limits: &Limits, of: [fn(&crate::cgroup::IoDevice) -> u64; 3]) -> String {
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
