//! `/proc/swaps`: the container's swap as one area.
//!
//! # References
//!
//! proc(5); `mm/swapfile.c`, `swap_show`; `Documentation/admin-guide/cgroup-v2.rst`, `memory.swap.*`.

use std::path::Path;

use super::{Class, Fact, Kind, Line, VirtualFile};
use crate::cgroup::Swap;
use crate::error::CaptureError;
use crate::host::swaps::Swaps;
use crate::options::ViewOptions;
use crate::text::Text;
use crate::view::ContainerView;

pub(super) const FILE: VirtualFile = VirtualFile {
    path: "proc/swaps",
    about: "the swap that the container may use, as one area",
    lines: &[
        Line {
            key: "Filename",
            class: Class::Shared,
            from: &[Fact::HostFile],
            formula: "the header of the host's kernel",
        },
        Line {
            key: "none",
            class: Class::Container,
            from: &[Fact::SwapLimit, Fact::SwapUsage, Fact::HostFile],
            formula: "size = min(tightest limit, size of all of the host's areas); used = min(usage, size); \
                      no line where that is 0",
        },
    ],
    kind: Kind::File(produce),
};

/// The header of kernels that have no swap at all and thus no file to take it from.
const HEADER: &[u8] = b"Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n";

/// The swap that a container is shown. All in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct ShownSwap {
    /// What it may use.
    pub(super) total: u64,
    /// What it uses: never more than `total`.
    pub(super) used: u64,
    /// What it could use now: never more than `total` − `used`.
    pub(super) free: u64,
}

/// Which swap a container is shown, in every file that tells it. None where its swap is not accounted: what the host
/// has and uses says nothing about the container.
pub(super) fn shown(swap: Option<&Swap>, host_total: u64, host_free: u64, options: &ViewOptions) -> ShownSwap {
    let Some(swap) = swap.filter(|_| options.swap) else {
        return ShownSwap::default();
    };
    let total = swap.limit.map_or(host_total, |limit| limit.value.min(host_total));
    // A limit may be set below what is used already.
    let used = swap.usage.min(total);
    // What the ancestors leave and what the host has left count too: more cannot be swapped out.
    let free = total
        .saturating_sub(used)
        .min(host_free)
        .min(swap.free.unwrap_or(u64::MAX));
    ShownSwap { total, used, free }
}

fn produce(view: &ContainerView<'_>, out: &mut Text) -> Result<(), CaptureError> {
    // A kernel without swap has no such file.
    let host = view
        .source()
        .read_optional(Path::new("/proc/swaps"))?
        .unwrap_or_default();
    let host = Swaps::parse(&host);
    let swap = view.cgroup().swap()?;
    // No swap accounted is no swap; no memory accounted is the host's own view, here as in meminfo.
    if swap.is_none() && view.cgroup().memory()?.is_none() {
        host.print(out);
        return Ok(());
    }
    let bytes = |kib: u64| kib.saturating_mul(1024);
    let free = bytes(host.total_kib().saturating_sub(host.used_kib()));
    render(
        &host,
        shown(swap.as_ref(), bytes(host.total_kib()), free, view.options()),
        out,
    );
    Ok(())
}

fn render(host: &Swaps<'_>, swap: ShownSwap, out: &mut Text) {
    let header = if host.header().is_empty() {
        HEADER
    } else {
        host.header()
    };
    out.push(header);
    if swap.total == 0 {
        return;
    }
    // In newer kernels the columns are two tab stops wide, and a number that fits into one stop gets a second tab.
    let wide = header.windows(6).any(|part| part == b"Size\t\t");
    let (total_kib, used_kib) = (swap.total / 1024, swap.used / 1024);
    let tabs = |kib: u64| {
        if wide && kib < 10_000_000 { "\t\t" } else { "\t" }
    };
    out.push("none").spaces(36).push("virtual\t\t");
    out.number(total_kib).push(tabs(total_kib));
    out.number(used_kib).push(tabs(used_kib)).push("0\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cgroup::{CgroupPath, Cgroups, Controller, Limit, Version};
    use crate::container::Container;
    use crate::source::MemorySource;
    use std::time::Duration;

    const HOST: &str = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n\
                        /dev/vda2                               partition\t1048572\t\t24\t\t-2\n\
                        /swapfile                               file\t\t104857600\t0\t\t-3\n";

    fn machine() -> MemorySource {
        MemorySource::new()
            .with("/proc/swaps", HOST)
            .with("/c/ct/cgroup.procs", "7\n")
    }

    fn swaps(machine: &MemorySource, cgroups: Cgroups, options: ViewOptions) -> String {
        let container = Container {
            caller: 7,
            init: None,
            cgroups,
        };
        let view = ContainerView::new(machine, &container, Duration::ZERO).with_options(options);
        let text = super::super::find("proc/swaps").unwrap().render(&view).unwrap();
        String::from_utf8(text.to_vec()).unwrap()
    }

    fn unified(machine: &MemorySource) -> String {
        swaps(machine, Cgroups::unified("/c", "/ct"), ViewOptions::default())
    }

    fn header() -> String {
        HOST.split_inclusive('\n').next().unwrap().to_owned()
    }

    fn area(columns: &str) -> String {
        format!("{}none{}virtual\t\t{columns}\n", header(), " ".repeat(36))
    }

    #[test]
    fn v2_shows_the_limit_and_what_is_used_of_it() {
        let machine = machine()
            .with("/c/ct/memory.swap.max", "104857600\n")
            .with("/c/ct/memory.swap.current", "4194304\n");
        assert_eq!(unified(&machine), area("102400\t\t4096\t\t0"));
    }

    #[test]
    fn v1_shows_memory_with_swap_less_memory() {
        let machine = machine()
            .with("/c/ct/memory.memsw.limit_in_bytes", "209715200\n")
            .with("/c/ct/memory.memsw.usage_in_bytes", "5242880\n")
            .with("/c/ct/memory.usage_in_bytes", "1048576\n")
            .with("/c/ct/memory.swappiness", "60\n");
        let cgroups = Cgroups::none().with(Controller::Memory, CgroupPath::new(Version::V1, "/c", "/ct"));
        assert_eq!(
            swaps(&machine, cgroups, ViewOptions::default()),
            area("204800\t\t4096\t\t0")
        );
    }

    #[test]
    fn without_a_limit_all_of_the_hosts_swap_is_the_containers_whatever_its_size() {
        let machine = machine()
            .with("/c/ct/memory.swap.max", "max\n")
            .with("/c/ct/memory.swap.current", "0\n");
        assert_eq!(unified(&machine), area("105906172\t0\t\t0"));
    }

    #[test]
    fn an_old_kernels_columns_are_one_tab_apart() {
        let old = "Filename\t\t\t\tType\t\tSize\tUsed\tPriority\n";
        let machine = machine()
            .with("/proc/swaps", format!("{old}/swap file\t\t8192\t0\t-1\n"))
            .with("/c/ct/memory.swap.max", "4194304\n")
            .with("/c/ct/memory.swap.current", "8388608\n");
        let line = format!("none{}virtual\t\t4096\t4096\t0\n", " ".repeat(36));
        assert_eq!(unified(&machine), format!("{old}{line}"));
    }

    #[test]
    fn no_swap_is_the_header_alone() {
        let none = machine()
            .with("/c/ct/memory.swap.max", "0\n")
            .with("/c/ct/memory.swap.current", "0\n");
        assert_eq!(unified(&none), header());
        let memory = machine()
            .with("/c/ct/memory.max", "max\n")
            .with("/c/ct/memory.current", "0\n")
            .with("/c/ct/memory.stat", "anon 0\n");
        assert_eq!(unified(&memory), header(), "not accounted");
        let off = ViewOptions {
            swap: false,
            ..ViewOptions::default()
        };
        let limited = machine()
            .with("/c/ct/memory.swap.max", "max\n")
            .with("/c/ct/memory.swap.current", "0\n");
        assert_eq!(
            swaps(&limited, Cgroups::unified("/c", "/ct"), off),
            header(),
            "switched off"
        );
        let mut without = none;
        without.remove(Path::new("/proc/swaps"));
        assert_eq!(unified(&without).as_bytes(), HEADER);
    }

    #[test]
    fn the_hosts_own_view_is_the_hosts_file() {
        assert_eq!(swaps(&machine(), Cgroups::none(), ViewOptions::default()), HOST);
        assert_eq!(
            swaps(&machine(), Cgroups::unified("/c", "/"), ViewOptions::default()),
            HOST
        );
        assert_eq!(unified(&machine()), HOST, "no level has the memory controller");
    }

    #[test]
    fn free_swap_is_bounded_by_the_host_and_by_the_ancestors() {
        let limit = |value| Some(Limit { value, levels_up: 0 });
        let swap = Swap {
            limit: limit(100),
            usage: 30,
            free: None,
        };
        let options = ViewOptions::default();
        assert_eq!(
            shown(Some(&swap), 1000, 1000, &options),
            ShownSwap {
                total: 100,
                used: 30,
                free: 70
            }
        );
        assert_eq!(shown(Some(&swap), 1000, 50, &options).free, 50);
        let full_parent = Swap { free: Some(20), ..swap };
        assert_eq!(shown(Some(&full_parent), 1000, 1000, &options).free, 20);
        let above = Swap { usage: 200, ..swap };
        assert_eq!(
            shown(Some(&above), 60, 60, &options),
            ShownSwap {
                total: 60,
                used: 60,
                free: 0
            }
        );
        assert_eq!(shown(None, 1000, 1000, &options), ShownSwap::default());
    }
}
