//! `/proc/meminfo`: the container's memory, within its limits.
//!
//! Every line of the host's file stays where it is; each known line has a row in the table below, which says what takes
//! the place of the host's value. A line that the table does not know is shown as 0: what it counts is the host's.
//!
//! # References
//!
//! proc(5); `fs/proc/meminfo.c`; `Documentation/admin-guide/cgroup-v2.rst`, memory.

use super::swaps::{self, ShownSwap};
use super::{Class, Fact, Kind, Line, VirtualFile};
use crate::cgroup::{Hugetlb, Memory};
use crate::error::CaptureError;
use crate::host::meminfo::{Line as HostLine, Meminfo};
use crate::options::ViewOptions;
use crate::text::Text;
use crate::view::ContainerView;

pub(super) const FILE: VirtualFile = VirtualFile {
    path: "proc/meminfo",
    about: "memory and swap: what the limits allow, what is used, what is left",
    lines: LINES,
    kind: Kind::File(produce),
};

/// What the values are computed from, in KiB unless said otherwise.
#[derive(Debug, Clone, Copy)]
struct Inputs {
    host: HostTotals,
    memory: Memory,
    swap: ShownSwap,
    huge: HugePages,
    zswap: bool,
}

/// The values of the host's file that bound the container's.
#[derive(Debug, Clone, Copy, Default)]
struct HostTotals {
    total: u64,
    available: u64,
    swap_total: u64,
    swap_free: u64,
    commit_limit: u64,
    huge_total: u64,
    huge_free: u64,
    huge_size: u64,
}

/// The container's share of the default pool of huge pages, in pages.
#[derive(Debug, Clone, Copy, Default)]
struct HugePages {
    total: u64,
    free: u64,
}

impl HostTotals {
    fn of(meminfo: &Meminfo<'_>) -> Self {
        let mut host = Self {
            available: u64::MAX,
            ..Self::default()
        };
        for line in meminfo.lines() {
            let HostLine::Value { key, value, .. } = line else {
                continue;
            };
            match key {
                b"MemTotal" => host.total = value,
                b"MemAvailable" => host.available = value,
                b"SwapTotal" => host.swap_total = value,
                b"SwapFree" => host.swap_free = value,
                b"CommitLimit" => host.commit_limit = value,
                b"HugePages_Total" => host.huge_total = value,
                b"HugePages_Free" => host.huge_free = value,
                b"Hugepagesize" => host.huge_size = value,
                _ => {}
            }
        }
        host
    }
}

impl HugePages {
    /// `None` where no hugetlb cgroup confines the container: the host's pool is open to it.
    fn of(host: &HostTotals, cgroup: Option<&Hugetlb>) -> Self {
        let Some(cgroup) = cgroup else {
            return Self {
                total: host.huge_total,
                free: host.huge_free,
            };
        };
        let pages = |bytes: u64| kib(bytes).checked_div(host.huge_size).unwrap_or(0);
        let total = cgroup
            .limit
            .map_or(host.huge_total, |limit| pages(limit.value).min(host.huge_total));
        Self {
            total,
            free: total.saturating_sub(pages(cgroup.usage)).min(host.huge_free),
        }
    }
}

impl Inputs {
    fn total(&self) -> u64 {
        self.memory
            .limit
            .map_or(u64::MAX, |limit| kib(limit.value))
            .min(self.host.total)
    }

    fn available(&self) -> u64 {
        self.memory
            .available
            .map_or(u64::MAX, kib)
            .min(self.host.available)
            .min(self.total())
    }

    fn free(&self) -> u64 {
        let own = self.total().saturating_sub(kib(self.memory.usage));
        self.memory.free.map_or(own, kib).min(own).min(self.available())
    }

    /// The host's rule on the container's memory: the part of memory that it lets be promised, and all swap.
    fn commit_limit(&self) -> u64 {
        let promised = u128::from(self.host.commit_limit.saturating_sub(self.host.swap_total));
        let own = promised
            .saturating_mul(u128::from(self.total()))
            .checked_div(u128::from(self.host.total));
        u64::try_from(own.unwrap_or(0))
            .unwrap_or(u64::MAX)
            .saturating_add(kib(self.swap.total))
    }
}

fn kib(bytes: u64) -> u64 {
    bytes >> 10
}

/// The value that takes the place of the host's; `None` leaves the host's.
type Value = fn(&Inputs) -> Option<u64>;

macro_rules! rows {
    ($($key:literal $class:ident [$($fact:ident)*] $formula:literal => $value:expr;)*) => {
        const LINES: &[Line] = &[
            $(Line { key: $key, class: Class::$class, from: &[$(Fact::$fact),*], formula: $formula },)*
            UNKNOWN,
        ];
        /// In the order of [`LINES`].
        const VALUES: &[Value] = &[$($value,)*];
    };
    (stat $field:ident) => { |inputs: &Inputs| Some(kib(inputs.memory.stat.$field)) };
    (zero) => { |_: &Inputs| Some(0) };
    (host) => { |_: &Inputs| None };
}

const UNKNOWN: Line = Line {
    key: "*",
    class: Class::Zero,
    from: &[],
    formula: "0: a line that is not known counts what is the host's",
};

// In the kernel's order, which makes looking a line up a matter of one comparison.
rows! {
    "MemTotal" Container [MemoryLimit HostMeminfo] "min(tightest memory limit, host MemTotal)" => |inputs| Some(inputs.total());
    "MemFree" Container [MemoryLimit MemoryUsage HostMeminfo] "min over own and ancestors' limits of (limit - usage), at most MemAvailable" => |inputs| Some(inputs.free());
    "MemAvailable" Container [MemoryLimit MemoryUsage MemoryStat HostMeminfo] "min over own and ancestors' limits, memory.high included, of (limit - usage + active_file + inactive_file + slab_reclaimable - file_dirty - file_writeback); at most host MemAvailable and MemTotal" => |inputs| Some(inputs.available());
    "Buffers" Derived [MemoryStat] "0: a cgroup's block device cache is part of Cached" => rows!(zero);
    "Cached" Container [MemoryStat] "file" => rows!(stat file);
    "SwapCached" Container [MemoryStat] "swapcached" => rows!(stat swapcached);
    "Active" Container [MemoryStat] "active_anon + active_file" => |inputs| Some(kib(inputs.memory.stat.active_anon.saturating_add(inputs.memory.stat.active_file)));
    "Inactive" Container [MemoryStat] "inactive_anon + inactive_file" => |inputs| Some(kib(inputs.memory.stat.inactive_anon.saturating_add(inputs.memory.stat.inactive_file)));
    "Active(anon)" Container [MemoryStat] "active_anon" => rows!(stat active_anon);
    "Inactive(anon)" Container [MemoryStat] "inactive_anon" => rows!(stat inactive_anon);
    "Active(file)" Container [MemoryStat] "active_file" => rows!(stat active_file);
    "Inactive(file)" Container [MemoryStat] "inactive_file" => rows!(stat inactive_file);
    "Unevictable" Container [MemoryStat] "unevictable" => rows!(stat unevictable);
    "Mlocked" Zero [] "0: not accounted for a cgroup; locked memory is part of Unevictable" => rows!(zero);
    "SwapTotal" Container [SwapLimit HostMeminfo] "min(tightest swap limit, host SwapTotal)" => |inputs| Some(kib(inputs.swap.total));
    "SwapFree" Container [SwapLimit SwapUsage HostMeminfo] "SwapTotal - usage, at most what ancestors have left and host SwapFree" => |inputs| Some(kib(inputs.swap.free));
    "Zswap" Container [MemoryStat] "zswap" => |inputs| Some(if inputs.zswap { kib(inputs.memory.stat.zswap) } else { 0 });
    "Zswapped" Container [MemoryStat] "zswapped" => |inputs| Some(if inputs.zswap { kib(inputs.memory.stat.zswapped) } else { 0 });
    "Dirty" Container [MemoryStat] "file_dirty" => rows!(stat file_dirty);
    "Writeback" Container [MemoryStat] "file_writeback" => rows!(stat file_writeback);
    "AnonPages" Container [MemoryStat] "anon" => rows!(stat anon);
    "Mapped" Container [MemoryStat] "file_mapped" => rows!(stat file_mapped);
    "Shmem" Container [MemoryStat] "shmem" => rows!(stat shmem);
    "KReclaimable" Container [MemoryStat] "slab_reclaimable" => rows!(stat slab_reclaimable);
    "Slab" Container [MemoryStat] "slab_reclaimable + slab_unreclaimable" => |inputs| Some(kib(inputs.memory.stat.slab()));
    "SReclaimable" Container [MemoryStat] "slab_reclaimable" => rows!(stat slab_reclaimable);
    "SUnreclaim" Container [MemoryStat] "slab_unreclaimable" => rows!(stat slab_unreclaimable);
    "KernelStack" Container [MemoryStat] "kernel_stack" => rows!(stat kernel_stack);
    "ShadowCallStack" Zero [] "0: not accounted for a cgroup" => rows!(zero);
    "PageTables" Container [MemoryStat] "pagetables" => rows!(stat pagetables);
    "SecPageTables" Container [MemoryStat] "sec_pagetables" => rows!(stat sec_pagetables);
    "NFS_Unstable" Constant [] "0 since Linux 5.8" => rows!(zero);
    "Bounce" Zero [] "0: not accounted for a cgroup" => rows!(zero);
    "WritebackTmp" Zero [] "0: not accounted for a cgroup" => rows!(zero);
    "CommitLimit" Derived [MemoryLimit SwapLimit HostMeminfo] "MemTotal x (host CommitLimit - host SwapTotal) / host MemTotal + SwapTotal" => |inputs| Some(inputs.commit_limit());
    "Committed_AS" Derived [MemoryUsage SwapUsage] "memory usage + swap usage: what has been touched is the least that was promised" => |inputs| Some(kib(inputs.memory.usage.saturating_add(inputs.swap.used)));
    "VmallocTotal" Constant [] "the host's: the size of an address range" => rows!(host);
    "VmallocUsed" Container [MemoryStat] "vmalloc" => rows!(stat vmalloc);
    "VmallocChunk" Constant [] "0 since Linux 4.4" => rows!(zero);
    "Percpu" Container [MemoryStat] "percpu" => rows!(stat percpu);
    "EarlyMemtestBad" Zero [] "0: a fault of the host's memory" => rows!(zero);
    "HardwareCorrupted" Zero [] "0: a fault of the host's memory" => rows!(zero);
    "AnonHugePages" Container [MemoryStat] "anon_thp" => rows!(stat anon_thp);
    "ShmemHugePages" Container [MemoryStat] "shmem_thp" => rows!(stat shmem_thp);
    "ShmemPmdMapped" Zero [] "0: not accounted for a cgroup" => rows!(zero);
    "FileHugePages" Container [MemoryStat] "file_thp" => rows!(stat file_thp);
    "FilePmdMapped" Zero [] "0: not accounted for a cgroup" => rows!(zero);
    "CmaTotal" Zero [] "0: the host's pool for devices" => rows!(zero);
    "CmaFree" Zero [] "0: the host's pool for devices" => rows!(zero);
    "Unaccepted" Zero [] "0: memory that the host has not taken from its hypervisor yet" => rows!(zero);
    "Balloon" Zero [] "0: memory that the host gave back to its hypervisor" => rows!(zero);
    "HugePages_Total" Container [Hugetlb HostMeminfo] "min(tightest hugetlb limit / page size, host HugePages_Total)" => |inputs| Some(inputs.huge.total);
    "HugePages_Free" Container [Hugetlb HostMeminfo] "HugePages_Total - usage / page size, at most host HugePages_Free" => |inputs| Some(inputs.huge.free);
    "HugePages_Rsvd" Zero [] "0: reservations are not accounted here" => rows!(zero);
    "HugePages_Surp" Zero [] "0: surplus pages are the host pool's" => rows!(zero);
    "Hugepagesize" Constant [] "the host's: the default size of a huge page" => rows!(host);
    "Hugetlb" Derived [Hugetlb HostMeminfo] "HugePages_Total x Hugepagesize" => |inputs| Some(inputs.huge.total.saturating_mul(inputs.host.huge_size));
    "DirectMap4k" Zero [] "0: how the host's memory is mapped" => rows!(zero);
    "DirectMap4M" Zero [] "0: how the host's memory is mapped" => rows!(zero);
    "DirectMap2M" Zero [] "0: how the host's memory is mapped" => rows!(zero);
    "DirectMap1G" Zero [] "0: how the host's memory is mapped" => rows!(zero);
}

fn produce(view: &ContainerView<'_>, out: &mut Text) -> Result<(), CaptureError> {
    let text = view.host("/proc/meminfo")?;
    let Some(memory) = view.cgroup().memory()? else {
        out.push(text);
        return Ok(());
    };
    let meminfo = Meminfo::parse(&text);
    let host = HostTotals::of(&meminfo);
    let swap = if view.options().swap && host.swap_total > 0 {
        view.cgroup().swap()?
    } else {
        None
    };
    let hugetlb = if host.huge_total > 0 {
        view.cgroup().hugetlb(host.huge_size)?
    } else {
        None
    };
    let inputs = Inputs::new(host, memory, swap.as_ref(), hugetlb.as_ref(), view.options());
    render(&meminfo, &inputs, out);
    Ok(())
}

impl Inputs {
    fn new(
        host: HostTotals,
        memory: Memory,
        swap: Option<&crate::cgroup::Swap>,
        hugetlb: Option<&Hugetlb>,
        options: &ViewOptions,
    ) -> Self {
        let bytes = |kib: u64| kib.saturating_mul(1024);
        let swap = swaps::shown(swap, bytes(host.swap_total), bytes(host.swap_free), options);
        Self {
            host,
            memory,
            swap,
            huge: HugePages::of(&host, hugetlb),
            zswap: options.zswap,
        }
    }
}

fn render(meminfo: &Meminfo<'_>, inputs: &Inputs, out: &mut Text) {
    let mut expected = 0_usize;
    for line in meminfo.lines() {
        let HostLine::Value { key, .. } = line else {
            line.print(out);
            continue;
        };
        let is = |row: &Line| row.key.as_bytes() == key;
        // A kernel does not have all lines: the next one that it has is not far.
        let ahead = LINES.iter().skip(expected).position(is);
        let row = match ahead {
            Some(further) => Some(expected.saturating_add(further)),
            None => LINES.iter().position(is),
        };
        if let Some(row) = row {
            expected = row.saturating_add(1);
        }
        match row
            .and_then(|row| VALUES.get(row))
            .map_or(Some(0), |value| value(inputs))
        {
            Some(value) => line.print_with(value, out),
            None => line.print(out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cgroup::Cgroups;
    use crate::container::Container;
    use crate::source::MemorySource;
    use std::time::Duration;

    const HOST: &str = "MemTotal:       24684096 kB\nMemFree:        10000000 kB\nMemAvailable:   20000000 kB
Buffers:           13424 kB\nCached:           207940 kB\nSwapTotal:       1048576 kB\nSwapFree:        1000000 kB
Dirty:               136 kB\nCommitLimit:    13390624 kB\nNewKernelLine:       777 kB\nHugePages_Total:       8
HugePages_Free:        6\nHugepagesize:       2048 kB\nDirectMap4k:      120000 kB\n";

    fn shown(machine: &MemorySource, cgroup: &str) -> String {
        let container = Container {
            cgroups: Cgroups::unified("/c", cgroup),
            ..Container::host(1)
        };
        let view = ContainerView::new(machine, &container, Duration::ZERO);
        let mut out = Text::new();
        produce(&view, &mut out).unwrap();
        String::from_utf8(out.take().to_vec()).unwrap()
    }

    fn value(text: &str, key: &str) -> u64 {
        Meminfo::parse(text.as_bytes()).value(key.as_bytes()).unwrap()
    }

    fn level(machine: MemorySource, dir: &str, max: &str, usage: u64, stat: &str) -> MemorySource {
        machine
            .with(format!("{dir}/cgroup.procs"), "")
            .with(format!("{dir}/memory.max"), format!("{max}\n"))
            .with(format!("{dir}/memory.high"), "max\n")
            .with(format!("{dir}/memory.current"), format!("{usage}\n"))
            .with(format!("{dir}/memory.stat"), stat.to_owned())
    }

    fn machine() -> MemorySource {
        MemorySource::new().with("/proc/meminfo", HOST)
    }

    const MIB: u64 = 1 << 20;

    #[test]
    fn the_limit_is_the_total_and_lines_stay_in_place() {
        let text = shown(
            &level(
                machine(),
                "/c/ct",
                "268435456",
                64 * MIB,
                "file 33554432\nactive_file 16777216\n",
            ),
            "/ct",
        );
        assert!(text.starts_with(
            "MemTotal:         262144 kB\nMemFree:          196608 kB\nMemAvailable:     212992 kB\nBuffers:"
        ));
        assert_eq!(value(&text, "Cached"), 32_768);
        assert_eq!(text.lines().count(), HOST.lines().count());
    }

    #[test]
    fn unknown_and_host_only_lines_are_zero() {
        let text = shown(&level(machine(), "/c/ct", "max", 0, ""), "/ct");
        assert_eq!(
            (
                value(&text, "NewKernelLine"),
                value(&text, "DirectMap4k"),
                value(&text, "Dirty")
            ),
            (0, 0, 0)
        );
    }

    #[test]
    fn usage_above_the_limit_shows_zero_free() {
        let text = shown(
            &level(machine(), "/c/ct", "1048576", 2 * MIB, "inactive_file 409600\n"),
            "/ct",
        );
        assert_eq!((value(&text, "MemFree"), value(&text, "MemAvailable")), (0, 400));
    }

    #[test]
    fn an_ancestors_limit_and_what_its_other_children_use_count() {
        let machine = level(machine(), "/c/pod", "104857600", 90 * MIB, "inactive_file 5242880\n");
        let machine = level(machine, "/c/pod/ct", "max", 10 * MIB, "");
        let text = shown(&machine, "/pod/ct");
        assert_eq!(value(&text, "MemTotal"), 102_400);
        assert_eq!(value(&text, "MemFree"), 10 << 10);
        assert_eq!(value(&text, "MemAvailable"), 15 << 10);
    }

    #[test]
    fn a_limit_above_the_hosts_memory_is_the_hosts_memory() {
        let text = shown(&level(machine(), "/c/ct", "99999999999999", MIB, ""), "/ct");
        assert_eq!(value(&text, "MemTotal"), 24_684_096);
        assert_eq!(value(&text, "MemAvailable"), 20_000_000);
    }

    #[test]
    fn no_swap_accounting_is_no_swap() {
        let text = shown(&level(machine(), "/c/ct", "max", 0, ""), "/ct");
        assert_eq!((value(&text, "SwapTotal"), value(&text, "SwapFree")), (0, 0));
    }

    #[test]
    fn huge_pages_have_their_own_limit() {
        let machine = level(machine(), "/c/ct", "max", 0, "")
            .with("/c/ct/hugetlb.2MB.max", "8388608\n")
            .with("/c/ct/hugetlb.2MB.current", "2097152\n");
        let text = shown(&machine, "/ct");
        assert_eq!(
            (value(&text, "HugePages_Total"), value(&text, "HugePages_Free")),
            (4, 3)
        );
        assert!(text.contains("HugePages_Total:       4\n"));
    }

    #[test]
    fn the_root_cgroup_sees_the_host() {
        assert_eq!(shown(&machine(), "/"), HOST);
    }

    #[test]
    fn a_cgroup_that_has_gone_is_an_error_and_not_its_parent() {
        let machine = level(machine(), "/c/pod", "104857600", 0, "");
        let container = Container {
            cgroups: Cgroups::unified("/c", "/pod/gone"),
            ..Container::host(1)
        };
        let error = produce(
            &ContainerView::new(&machine, &container, Duration::ZERO),
            &mut Text::new(),
        )
        .unwrap_err();
        assert_eq!(error.to_string(), "/c/pod/gone: the process or cgroup has gone");
    }

    #[test]
    fn the_table_has_a_value_for_every_row_but_the_last() {
        assert_eq!(VALUES.len() + 1, LINES.len());
    }
}
