//! How containers of each runtime are limited, and which of the daemon's files they have.

use std::path::Path;

use lxcfs_testing::runtime::{Contained, Runtime};
use lxcfs_testing::{Daemon, Finished};
use serde_json::json;

use crate::rig::host_cpus;

/// What runc lets be mounted below `/proc`; it refuses all else.
const RUNC_ALLOWS: [&str; 8] = [
    "cpuinfo",
    "diskstats",
    "loadavg",
    "meminfo",
    "slabinfo",
    "stat",
    "swaps",
    "uptime",
];

/// What a container is limited to, and so what it sees.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    pub(crate) memory: u64,
    pub(crate) quota_percent: Option<u32>,
    pub(crate) cpuset: Option<String>,
    /// The CPUs that it sees.
    pub(crate) shown: Vec<u32>,
    /// The number of CPUs that the scheduler gives it, which is what `sched_getaffinity(2)` tells.
    pub(crate) affinity: usize,
}

impl Limits {
    const MEMORY: u64 = 384 << 20;

    /// Half a CPU less than as many as are shown, and fewer than there are.
    pub(crate) fn quota() -> Self {
        let mut shown = host_cpus();
        let affinity = shown.len();
        shown.truncate((affinity / 2).max(1));
        Self {
            memory: Self::MEMORY,
            quota_percent: Some(u32::try_from(shown.len()).unwrap() * 100 - 50),
            cpuset: None,
            shown,
            affinity,
        }
    }

    /// The last CPU.
    pub(crate) fn cpuset() -> Self {
        let shown = vec![*host_cpus().last().unwrap()];
        Self {
            memory: Self::MEMORY,
            quota_percent: None,
            cpuset: Some(shown.first().unwrap().to_string()),
            shown,
            affinity: 1,
        }
    }
}

/// Runs that script in a container of that runtime, with all of the daemon's files that it allows.
pub(crate) fn run(
    runtime: Runtime,
    daemon: &Daemon,
    rootfs: &Path,
    limits: &Limits,
    unprivileged: bool,
    script: &str,
) -> Finished {
    let mut binds = daemon.binds();
    binds.retain(|(_, to)| allows(runtime, to));
    let mut contained = Contained::new(rootfs, script, limits.memory);
    contained.quota_percent = limits.quota_percent;
    contained.cpuset.clone_from(&limits.cpuset);
    contained.unprivileged = unprivileged;
    for (from, to) in &binds {
        contained
            .mounts
            .push(json!({"destination": to, "source": from, "type": "bind", "options": ["rbind"]}));
        contained.podman_arguments.push(format!("--volume={from}:{to}"));
    }
    runtime.run(&contained)
}

fn allows(runtime: Runtime, path: &str) -> bool {
    // podman runs containers by runc.
    runtime == Runtime::Crun
        || path
            .strip_prefix("/proc/")
            .is_none_or(|name| RUNC_ALLOWS.contains(&name))
}
