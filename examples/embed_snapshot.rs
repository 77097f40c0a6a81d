//! A runtime that already knows its container renders the container's files from what it knows, without reading anything.

#![allow(clippy::disallowed_methods)]

use std::time::Duration;

use lxcfs_core::cgroup::Cgroups;
use lxcfs_core::{Container, ContainerView, Init, MemorySource, Remembered, find};

/// What the host looks like. A runtime reads these files once and keeps them.
fn host() -> MemorySource {
    MemorySource::new()
        .with("/proc/meminfo", "MemTotal:       24684096 kB\nMemFree:        20000000 kB\nMemAvailable:   22000000 kB\nSwapTotal:             0 kB\nSwapFree:              0 kB\n")
        .with("/proc/stat", "cpu  0 0 0 0 0 0 0 0 0 0\ncpu0 0 0 0 0 0 0 0 0 0 0\nctxt 1\nbtime 1700000000\nprocesses 1\nprocs_running 1\nprocs_blocked 0\n")
        .with("/sys/devices/system/cpu/online", "0-7\n")
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // What the runtime knows of its container, in the words of cgroup v2.
    let machine = host()
        .with("/sys/fs/cgroup/web/cgroup.procs", "")
        .with("/sys/fs/cgroup/web/memory.max", "268435456\n")
        .with("/sys/fs/cgroup/web/memory.current", "100663296\n")
        .with(
            "/sys/fs/cgroup/web/memory.stat",
            "anon 67108864\nfile 33554432\ninactive_file 33554432\n",
        )
        .with("/sys/fs/cgroup/web/cpu.max", "150000 100000\n")
        .with(
            "/sys/fs/cgroup/web/cpu.stat",
            "user_usec 6000000\nsystem_usec 3000000\n",
        );
    let container = Container {
        caller: 4711,
        init: Some(Init {
            pid: 4700,
            start_ticks: 100_000,
        }),
        cgroups: Cgroups::unified("/sys/fs/cgroup", "/web"),
    };

    // One memory for each container: counters go on from one rendering to the next.
    let remembered = Remembered::new();
    let view = ContainerView::new(&machine, &container, Duration::from_secs(1010)).with_remembered(&remembered);
    for name in ["meminfo", "stat", "uptime", "online"] {
        let place = find(name).ok_or("no such virtual file")?;
        println!("--- /{}", place.file.path);
        print!("{}", String::from_utf8_lossy(&place.render(&view)?));
    }
    Ok(())
}
