//! Values for tests.

use lxcfs_fuse::status::{Container, Latency, Process, Status, Worker, WorkerState};

/// A kept daemon that is well, at that time in milliseconds.
pub(super) fn status(at_ms: u64, containers: Vec<Container>) -> Status {
    Status {
        at_ms,
        mounted_at_ms: 0,
        mount_point: "/var/lib/lxcfs".to_owned(),
        psi_poll: false,
        shows_host: false,
        answered_by: Process {
            pid: 4711,
            started_at_ms: 0,
            version: env!("CARGO_PKG_VERSION").to_owned(),
        },
        is_kept: true,
        worker: Some(Worker {
            pid: 4712,
            started_at_ms: 0,
            state: WorkerState::Serves,
            silent_for_ms: None,
        }),
        workers_started: 1,
        workers_died: 0,
        counts: lxcfs_fuse::Counts::default(),
        gauges: None,
        reads: std::collections::BTreeMap::new(),
        latency: Latency::default(),
        containers,
    }
}

/// A container that was met at that time. Each of its readers has waited for 12 µs, but one for 1.5 ms.
pub(super) fn container(pid: u32, met_at_ms: u64, reads: &[(&str, u64)]) -> Container {
    let all = reads.iter().map(|(_, count)| *count).sum::<u64>();
    Container {
        pid: Some(pid),
        cgroup: format!("/lxc/ct{pid}"),
        met_at_ms,
        asked_at_ms: met_at_ms,
        reads: reads.iter().map(|(path, count)| ((*path).to_owned(), *count)).collect(),
        errors: 0,
        latency: Latency {
            buckets: vec![(12_288, all.saturating_sub(1)), (1_572_864, all.min(1))],
            sum_ns: all * 12_000,
        },
    }
}
