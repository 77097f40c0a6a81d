//! One level of a container, spelt as the files of cgroup v2. Outside `cgroup`, this and `v1` alone know one from the
//! other: they are what the readers there are held against.

use super::{Level, Limits, Spelling, host};
use crate::cgroup::MemoryStat;
use crate::source::MemorySource;

pub(super) fn write(
    limits: &Limits,
    level: &Level,
    up: usize,
    spelling: Spelling,
    dir: &str,
    files: &mut MemorySource,
) {
    let mut file = |name: &str, text: String| files.insert(format!("{dir}/{name}"), text);
    let max = |limit: Option<u64>| limit.map_or_else(|| "max\n".to_owned(), line);
    file("memory.max", max(level.memory));
    file("memory.high", max(level.memory_high));
    file("memory.current", line(level.memory_usage));
    file("memory.stat", memory_stat(&level.stat));
    file("memory.swap.max", max(level.swap));
    file("memory.swap.current", line(level.swap_usage));
    file("io.stat", io(limits));
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
    file("hugetlb.2MB.max", max(level.hugetlb));
    file("hugetlb.2MB.current", line(level.hugetlb_usage));
    let (asked, effective) = (format!("{dir}/cpuset.cpus"), format!("{dir}/cpuset.cpus.effective"));
    match &limits.cpuset {
        Some(cpus) => {
            files.insert(asked, if up == 0 { line(cpus) } else { line("") });
            files.insert(effective, line(cpus));
        }
        // Without the controller there are no such files, nor are those of an earlier description left.
        None => [asked, effective].iter().for_each(|file| files.remove(file.as_ref())),
    }
}

pub(super) fn line(value: impl std::fmt::Display) -> String {
    format!("{value}\n")
}

fn memory_stat(stat: &MemoryStat) -> String {
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

fn io(limits: &Limits) -> String {
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
