use std::collections::BTreeMap;

use super::*;
use crate::counters::Counts;
use crate::status::{Process, Worker, WorkerState};

fn container(cgroup: &str, reads: u64, sum_ns: u64) -> Container {
    Container {
        pid: Some(7),
        cgroup: cgroup.to_owned(),
        met_at_ms: 0,
        asked_at_ms: 0,
        reads: BTreeMap::from([("proc/meminfo".to_owned(), reads)]),
        errors: 1,
        latency: Latency {
            buckets: vec![(1024, reads)],
            sum_ns,
        },
    }
}

/// A status in which every number is another one.
pub(in super::super) fn status() -> Status {
    Status {
        at_ms: 10_000,
        mounted_at_ms: 1_500,
        mount_point: "/var/lib/lxcfs".to_owned(),
        psi_poll: false,
        shows_host: false,
        answered_by: Process {
            pid: 1,
            started_at_ms: 1_250,
            version: "1.2.3".to_owned(),
        },
        is_kept: true,
        worker: Some(Worker {
            pid: 2,
            started_at_ms: 9_000,
            state: WorkerState::Serves,
            silent_for_ms: Some(2_500),
        }),
        workers_started: 2,
        workers_died: 3,
        counts: Counts {
            renderings: 11,
            coalesced: 12,
            retries: 13,
            last_good: 14,
            refused: 15,
            failures: 16,
            deadlines: 17,
            panics: 18,
            containers_met: 19,
            containers_gone: 20,
        },
        reads: BTreeMap::from([("proc/meminfo".to_owned(), 6), ("proc/stat".to_owned(), 5)]),
        latency: Latency {
            buckets: vec![(1024, 1), (16384, 2), (20480, 3), (1 << 37, 4)],
            sum_ns: 1_250_000_000,
        },
        gauges: None,
        containers: vec![
            container("/a", 1, 1_000_000_000),
            container("/b \"x\"\n\\", 2, 0),
            container("/a", 4, 500_000_000),
        ],
    }
}

fn lines(status: Status, format: Format) -> Vec<String> {
    let text = text(status, 1_000_000_000_000, format).unwrap();
    text.lines().map(str::to_owned).collect()
}

fn samples(status: Status) -> Vec<String> {
    let lines = lines(status, Format::Prometheus).into_iter();
    lines.filter(|line| !line.starts_with('#')).collect()
}

#[test]
fn every_number_has_its_place() {
    let expected = r#"
lxcfs_build_info{version="1.2.3"} 1
lxcfs_mount_info{mountpoint="/var/lib/lxcfs",kept="true",psi_poll="false"} 1
lxcfs_mount_timestamp_seconds 1000000001.5
lxcfs_process_start_timestamp_seconds 1000000001.25
lxcfs_serving 1
lxcfs_worker_silent_seconds 2.5
lxcfs_worker_starts_total 2
lxcfs_worker_deaths_total 3
lxcfs_shows_host 0
lxcfs_reads_total 11
lxcfs_reads_coalesced_total 12
lxcfs_reads_last_good_total 14
lxcfs_captures_retried_total 13
lxcfs_requests_refused_total 15
lxcfs_requests_failed_total 16
lxcfs_requests_late_total 17
lxcfs_requests_panicked_total 18
lxcfs_read_duration_seconds_sum 1.25
lxcfs_read_duration_seconds_count 10
lxcfs_file_reads_total{file="proc/meminfo"} 6
lxcfs_file_reads_total{file="proc/stat"} 5
lxcfs_containers 3
lxcfs_containers_met_total 19
lxcfs_containers_gone_total 20
lxcfs_container_reads_total{id="/a"} 5
lxcfs_container_reads_total{id="/b \"x\"\n\\"} 2
lxcfs_container_errors_total{id="/a"} 2
lxcfs_container_errors_total{id="/b \"x\"\n\\"} 1
lxcfs_container_read_seconds_total{id="/a"} 1.5
lxcfs_container_read_seconds_total{id="/b \"x\"\n\\"} 0.0
"#;
    let found: Vec<_> = samples(status())
        .into_iter()
        .filter(|line| !line.contains("_bucket"))
        .collect();
    assert_eq!(found, expected.trim().lines().collect::<Vec<_>>());
}

#[test]
fn a_request_is_in_the_first_bucket_that_it_belongs_to_and_all_after() {
    let counts: Vec<u64> = samples(status())
        .iter()
        .filter(|line| line.contains("_bucket"))
        .map(|line| line.rsplit_once(' ').unwrap().1.parse().unwrap())
        .collect();
    // Up to 16 µs, to 33 µs, …, to 4.3 s, and all.
    assert_eq!(counts[..2], [3, 6]);
    assert_eq!(counts[counts.len() - 2..], [6, 10]);
    assert_eq!(counts.len(), BUCKETS.count() + 1);
}

#[test]
fn the_end_of_a_bucket_is_that_of_a_class() {
    for power in BUCKETS {
        let end = 1_u64 << power;
        let class = crate::status::class_of(end);
        assert_ne!(class, crate::status::class_of(end + 1));
    }
}

#[test]
fn what_is_not_known_is_left_out_and_nobody_who_serves_is_said() {
    let samples = samples(Status {
        worker: None,
        ..status()
    });
    assert!(samples.contains(&"lxcfs_serving 0".to_owned()));
    for name in ["lxcfs_worker_silent_seconds", "lxcfs_open_files", "lxcfs_known_threads"] {
        assert!(!samples.iter().any(|line| line.starts_with(name)), "{name}");
    }
}

#[test]
fn every_row_is_described_once_and_has_one_name_in_both_formats() {
    let known = Status {
        gauges: Some(crate::counters::Gauges::default()),
        ..status()
    };
    for (format, end) in [(Format::Prometheus, None), (Format::OpenMetrics, Some("# EOF"))] {
        let lines = lines(known.clone(), format);
        let types = lines.iter().filter(|line| line.starts_with("# TYPE ")).count();
        assert_eq!(types, METRICS.len());
        assert_eq!(lines.iter().filter(|line| line.starts_with("# HELP ")).count(), types);
        assert_eq!(lines.last().map(String::as_str).filter(|_| end.is_some()), end);
        for metric in METRICS {
            assert!(
                lines.iter().any(|line| line.starts_with(metric.name)),
                "{}",
                metric.name
            );
        }
    }
}

#[test]
fn a_thousand_containers_are_three_lines_each() {
    let containers = (0..1000).map(|number| container(&format!("/kubepods/burstable/pod{number}"), 1, 1));
    let status = Status {
        containers: containers.collect(),
        ..status()
    };
    let mine = samples(status);
    assert_eq!(mine.iter().filter(|line| line.contains("/kubepods/")).count(), 3000);
}
