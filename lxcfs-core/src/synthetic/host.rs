//! The host's own `/proc` of a machine that is made up.

use std::fmt::Write as _;

use super::{HUGE_PAGE_KIB, Machine};
use crate::source::MemorySource;

/// The block devices of every machine: numbers and name.
pub const DISKS: [(u32, u32, &str); 6] = [
    (7, 0, "loop0"),
    (259, 0, "nvme0n1"),
    (259, 1, "nvme0n1p1"),
    (8, 0, "sda"),
    (8, 1, "sda1"),
    (253, 0, "dm-0"),
];

/// When every machine was booted, in seconds since 1970.
const BTIME: u64 = 1_700_000_000;

/// Numbers that look like a busy host's and follow from a seed alone (the splitmix64 generator).
pub(super) struct Noise(u64);

impl Noise {
    pub(super) fn new(machine: &Machine, about: u64) -> Self {
        Self(machine.noise.wrapping_mul(0x2545_f491_4f6c_dd1d).wrapping_add(about))
    }

    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)).checked_rem(bound).unwrap_or(0)
    }
}

pub(super) fn write(machine: &Machine, files: &mut MemorySource) {
    files.insert("/proc/meminfo", meminfo(machine));
    files.insert("/proc/stat", stat(machine));
    files.insert("/proc/diskstats", diskstats(machine));
    files.insert("/proc/swaps", swaps(machine));
    files.insert("/proc/slabinfo", slabinfo(machine));
    let mut noise = Noise::new(machine, 1);
    let mut hundredths = |bound| format!("{}.{:02}", noise.below(bound), noise.below(100));
    let load = format!("{} {} {} ", hundredths(90), hundredths(90), hundredths(90));
    let up = machine.uptime;
    let idle = hundredths(up.as_secs().saturating_mul(machine.cpus.into()).max(1));
    let uptime = format!("{}.{:02} {idle}\n", up.as_secs(), up.subsec_millis() / 10);
    let tasks = format!(
        "{}/{} {}\n",
        noise.below(9),
        noise.below(3000).saturating_add(9),
        noise.below(4_000_000)
    );
    files.insert("/proc/loadavg", load + &tasks);
    files.insert("/proc/uptime", uptime);
    for (about, kind) in (2..).zip(["cpu", "io", "memory", "irq"]) {
        let mut noise = Noise::new(machine, about);
        files.insert(
            format!("/proc/pressure/{kind}"),
            pressure(kind, noise.below(100_000_000)),
        );
    }
}

/// Pressure stall information: how long some tasks, and all of them, have been waiting.
pub(super) fn pressure(kind: &str, stalled_usec: u64) -> String {
    let part = |of: u64| {
        format!(
            "{}.{:02}",
            stalled_usec.checked_div(of).unwrap_or(0) % 90,
            stalled_usec % 100
        )
    };
    let line = |who: &str, total: u64| {
        format!(
            "{who} avg10={} avg60={} avg300={} total={total}\n",
            part(1_000_000),
            part(6_000_000),
            part(30_000_000)
        )
    };
    match kind {
        "irq" => line("full", stalled_usec),
        _ => line("some", stalled_usec) + &line("full", stalled_usec / 2),
    }
}

const MEMINFO: [&str; 58] = [
    "MemTotal",
    "MemFree",
    "MemAvailable",
    "Buffers",
    "Cached",
    "SwapCached",
    "Active",
    "Inactive",
    "Active(anon)",
    "Inactive(anon)",
    "Active(file)",
    "Inactive(file)",
    "Unevictable",
    "Mlocked",
    "SwapTotal",
    "SwapFree",
    "Zswap",
    "Zswapped",
    "Dirty",
    "Writeback",
    "AnonPages",
    "Mapped",
    "Shmem",
    "KReclaimable",
    "Slab",
    "SReclaimable",
    "SUnreclaim",
    "KernelStack",
    "PageTables",
    "SecPageTables",
    "NFS_Unstable",
    "Bounce",
    "WritebackTmp",
    "CommitLimit",
    "Committed_AS",
    "VmallocTotal",
    "VmallocUsed",
    "VmallocChunk",
    "Percpu",
    "HardwareCorrupted",
    "AnonHugePages",
    "ShmemHugePages",
    "ShmemPmdMapped",
    "FileHugePages",
    "FilePmdMapped",
    "CmaTotal",
    "CmaFree",
    "Unaccepted",
    "Balloon",
    "HugePages_Total",
    "HugePages_Free",
    "HugePages_Rsvd",
    "HugePages_Surp",
    "Hugepagesize",
    "Hugetlb",
    "DirectMap4k",
    "DirectMap2M",
    "DirectMap1G",
];

fn meminfo(machine: &Machine) -> String {
    let mut noise = Noise::new(machine, 10);
    let mut text = String::with_capacity(2048);
    for key in MEMINFO {
        let value = match key {
            "MemTotal" => machine.memory_kib,
            "MemFree" => machine.memory_free_kib,
            "MemAvailable" => machine.memory_available_kib,
            "SwapTotal" => machine.swap_kib,
            "SwapFree" => machine.swap_free_kib,
            // vm.overcommit_ratio is 50 on every machine.
            "CommitLimit" => (machine.memory_kib / 2).saturating_add(machine.swap_kib),
            "VmallocTotal" => 34_359_738_367,
            "NFS_Unstable" | "VmallocChunk" => 0,
            "HugePages_Total" => machine.huge_pages,
            "HugePages_Free" => machine.huge_pages_free,
            "HugePages_Rsvd" | "HugePages_Surp" => noise.below(machine.huge_pages.max(1)),
            "Hugepagesize" => HUGE_PAGE_KIB,
            "Hugetlb" => machine.huge_pages.saturating_mul(HUGE_PAGE_KIB),
            _ => noise.below(machine.memory_kib / 4),
        };
        // The kernel's columns; the counts of pages have no unit.
        let label = format!("{key}:");
        let _ = match key {
            "HardwareCorrupted" => writeln!(text, "{label} {value:>5} kB"),
            _ if key.starts_with("HugePages_") => writeln!(text, "{label:<18} {value:>5}"),
            _ => writeln!(text, "{label:<15} {value:>8} kB"),
        };
    }
    text
}

fn stat(machine: &Machine) -> String {
    let mut noise = Noise::new(machine, 20);
    let ticks = u64::try_from(machine.uptime.as_millis() / 10).unwrap_or(u64::MAX);
    // user nice system idle iowait irq softirq steal guest guest_nice, in parts of the time since boot.
    let parts = [8, 900, 16, 1, 400, 10_000, 2000, 5000, 100_000, 200_000];
    let mut sum = [0_u64; 10];
    let mut each = String::new();
    for cpu in machine.online().iter() {
        let _ = write!(each, "cpu{cpu}");
        for (sum, part) in sum.iter_mut().zip(parts) {
            let value = noise.below(ticks.checked_div(part).unwrap_or(0));
            *sum = sum.saturating_add(value);
            let _ = write!(each, " {value}");
        }
        each.push('\n');
    }
    let numbers = |numbers: &[u64]| numbers.iter().map(u64::to_string).collect::<Vec<_>>().join(" ");
    let mut text = format!("cpu  {}\n{each}", numbers(&sum));
    // Most of a host's interrupt lines have never fired.
    let lines: Vec<u64> = (0..512)
        .map(|line| if line % 7 == 0 { noise.below(9_000_000) } else { 0 })
        .collect();
    let softirqs: Vec<u64> = (0..10).map(|_| noise.below(90_000_000)).collect();
    let total = |numbers: &[u64]| numbers.iter().fold(0, |sum: u64, one| sum.saturating_add(*one));
    let _ = writeln!(text, "intr {} {}", total(&lines), numbers(&lines));
    let _ = writeln!(text, "ctxt {}", noise.below(u64::MAX >> 20));
    let _ = writeln!(text, "btime {BTIME}");
    let _ = writeln!(text, "processes {}", noise.below(4_000_000));
    let _ = writeln!(
        text,
        "procs_running {}",
        noise.below(u64::from(machine.cpus)).saturating_add(1)
    );
    let _ = writeln!(text, "procs_blocked {}", noise.below(9));
    let _ = writeln!(text, "softirq {} {}", total(&softirqs), numbers(&softirqs));
    text
}

fn diskstats(machine: &Machine) -> String {
    let mut noise = Noise::new(machine, 30);
    let mut text = String::new();
    for (major, minor, name) in DISKS {
        let _ = write!(text, "{major:4} {minor:7} {name}");
        for column in 0..17 {
            // The ninth column is what is under way now.
            let _ = write!(text, " {}", noise.below(if column == 8 { 32 } else { 900_000_000 }));
        }
        text.push('\n');
    }
    text
}

fn swaps(machine: &Machine) -> String {
    let mut text = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n".to_owned();
    if machine.swap_kib > 0 {
        let used = machine.swap_kib.saturating_sub(machine.swap_free_kib);
        let tabs = |kib: u64| if kib < 10_000_000 { "\t\t" } else { "\t" };
        let (size, name) = (machine.swap_kib, "/dev/nvme0n1p2");
        let _ = writeln!(text, "{name:<40}partition\t{size}{}{used}{}-2", tabs(size), tabs(used));
    }
    text
}

fn slabinfo(machine: &Machine) -> String {
    let mut noise = Noise::new(machine, 40);
    let mut text = "slabinfo - version: 2.1\n# name            <active_objs> <num_objs> <objsize> <objperslab> \
                    <pagesperslab> : tunables <limit> <batchcount> <sharedfactor> : slabdata <active_slabs> <num_slabs> \
                    <sharedavail>\n"
        .to_owned();
    for (name, size, per_slab, pages) in [
        ("ext4_inode_cache", 1096, 29, 8),
        ("dentry", 192, 21, 1),
        ("kmalloc-4k", 4096, 8, 8),
        ("task_struct", 9792, 3, 8),
    ] {
        let slabs = noise.below(20_000).saturating_add(1);
        let objects = slabs.saturating_mul(per_slab);
        let _ = writeln!(
            text,
            "{name:<17} {:>6} {objects:>6} {size:>6} {per_slab:>4} {pages:>4} : tunables    0    0    0 : slabdata \
             {slabs:>6} {slabs:>6}      0",
            noise.below(objects),
        );
    }
    text
}
