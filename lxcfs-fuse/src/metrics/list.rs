//! Which metrics there are: one row each, from which the text, the documentation and the checks of the examples are made.
//!
//! # References
//!
//! Prometheus, "Metric and label naming": base units, `_total` for what only grows.

use std::collections::BTreeMap;

use prometheus_client::metrics::MetricType;

use crate::status::{Container, Latency, Status, WorkerState};

/// What a row has to say, found in a status.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Value {
    /// A number that only grows.
    Count(fn(&Status) -> u64),
    /// What is at the moment. `None`: it is not known, and left out.
    Now(fn(&Status) -> Option<u64>),
    /// A time of `CLOCK_BOOTTIME`, in milliseconds. It is shown as seconds since 1970.
    Time(fn(&Status) -> u64),
    /// A length of time, in milliseconds. It is shown in seconds. `None`: there is none, and it is left out.
    Lasting(fn(&Status) -> Option<u64>),
    /// Words as labels, with the value 1.
    Words(fn(&Status) -> Vec<(&'static str, String)>),
    /// How long something took.
    Took(fn(&Status) -> &Latency),
    /// A number that only grows, for each file.
    ByFile(fn(&Status) -> &BTreeMap<String, u64>),
    /// A number that only grows, for each container.
    ByContainer(fn(&Container) -> u64),
    /// Nanoseconds that only grow, for each container. They are shown in seconds.
    LastedByContainer(fn(&Container) -> u64),
}

/// A row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Metric {
    /// Its name, as a query has it.
    pub(crate) name: &'static str,
    /// What it says, in a sentence without its full stop.
    pub(crate) help: &'static str,
    pub(crate) value: Value,
}

/// The label of a container: its cgroup, by the name that cAdvisor has for it.
pub(crate) const CONTAINER: &str = "id";
/// The label of a file.
pub(crate) const FILE: &str = "file";

const fn row(name: &'static str, value: Value, help: &'static str) -> Metric {
    Metric { name, help, value }
}

/// All of them, in the order in which they are shown.
pub(crate) const METRICS: &[Metric] = &[
    row(
        "lxcfs_build_info",
        Value::Words(|status| vec![("version", status.answered_by.version.clone())]),
        "The version of the program that answers: of the keeper, or of a daemon without one",
    ),
    row(
        "lxcfs_mount_info",
        Value::Words(|status| {
            vec![
                ("mountpoint", status.mount_point.clone()),
                ("kept", status.is_kept.to_string()),
                ("psi_poll", status.psi_poll.to_string()),
            ]
        }),
        "Where the file system is mounted, whether a keeper holds it, and whether pressure triggers may be set",
    ),
    row(
        "lxcfs_mount_timestamp_seconds",
        Value::Time(|status| status.mounted_at_ms),
        "When the file system was mounted. Counters begin there, whoever serves it since",
    ),
    row(
        "lxcfs_process_start_timestamp_seconds",
        Value::Time(|status| status.answered_by.started_at_ms),
        "When the process that answers was started",
    ),
    row(
        "lxcfs_serving",
        Value::Now(|status| {
            let worker = status.worker.as_ref();
            Some(worker.is_some_and(|worker| worker.state == WorkerState::Serves).into())
        }),
        "Whether a process serves the file system. While it is 0, readers wait",
    ),
    row(
        "lxcfs_worker_silent_seconds",
        Value::Lasting(|status| Some(status.worker.as_ref()?.silent_for_ms.unwrap_or(0))),
        "For how long the process that serves has not answered its keeper, which has asked, or without a keeper has had all its threads late; 0 if it is well",
    ),
    row(
        "lxcfs_worker_starts_total",
        Value::Count(|status| status.workers_started),
        "Processes that have been started to serve, with the first",
    ),
    row(
        "lxcfs_worker_deaths_total",
        Value::Count(|status| status.workers_died),
        "Processes that have ended without being told to, or instead of serving",
    ),
    row(
        "lxcfs_shows_host",
        Value::Now(|status| Some(status.shows_host.into())),
        "Whether everybody is shown the host's own files (SIGUSR2)",
    ),
    row(
        "lxcfs_reads_total",
        Value::Count(|status| status.counts.renderings),
        "Reads of a file from its beginning",
    ),
    row(
        "lxcfs_reads_coalesced_total",
        Value::Count(|status| status.counts.coalesced),
        "Of the reads, those that were answered with what was shown a moment ago (--coalesce)",
    ),
    row(
        "lxcfs_reads_last_good_total",
        Value::Count(|status| status.counts.last_good),
        "Of the reads, those for which the kernel's files could not be read: what was shown last was shown again",
    ),
    row(
        "lxcfs_captures_retried_total",
        Value::Count(|status| status.counts.retries),
        "Times that the kernel's files could not be read and were read again",
    ),
    row(
        "lxcfs_requests_refused_total",
        Value::Count(|status| status.counts.refused),
        "Requests that were answered with an error which is nobody's fault: no such file, the caller has ended",
    ),
    row(
        "lxcfs_requests_failed_total",
        Value::Count(|status| status.counts.failures),
        "Requests that were answered with an error",
    ),
    row(
        "lxcfs_requests_late_total",
        Value::Count(|status| status.counts.deadlines),
        "Of the failed requests, those for which the kernel has not answered in time (--deadline)",
    ),
    row(
        "lxcfs_requests_panicked_total",
        Value::Count(|status| status.counts.panics),
        "Of the failed requests, those that met a bug",
    ),
    row(
        "lxcfs_read_duration_seconds",
        Value::Took(|status| &status.latency),
        "How long readers have waited for a text",
    ),
    row(
        "lxcfs_file_reads_total",
        Value::ByFile(|status| &status.reads),
        "Texts that were given, by file",
    ),
    row(
        "lxcfs_containers",
        Value::Now(|status| u64::try_from(status.containers.len()).ok()),
        "Containers that are known: they have read a file and have not ended",
    ),
    row(
        "lxcfs_containers_met_total",
        Value::Count(|status| status.counts.containers_met),
        "Containers that have read a file for the first time",
    ),
    row(
        "lxcfs_containers_gone_total",
        Value::Count(|status| status.counts.containers_gone),
        "Containers that have ended, or were forgotten for others",
    ),
    row(
        "lxcfs_open_files",
        Value::Now(|status| u64::try_from(status.gauges?.files).ok()),
        "Files of the host and of cgroups that are kept open. Not known to a keeper",
    ),
    row(
        "lxcfs_known_threads",
        Value::Now(|status| u64::try_from(status.gauges?.threads).ok()),
        "Threads of readers that are known, with a descriptor each. Not known to a keeper",
    ),
    row(
        "lxcfs_container_reads_total",
        Value::ByContainer(Container::all_reads),
        "Texts that were given to a container",
    ),
    row(
        "lxcfs_container_errors_total",
        Value::ByContainer(|container| container.errors),
        "Requests of a container that were answered with an error",
    ),
    row(
        "lxcfs_container_read_seconds_total",
        Value::LastedByContainer(|container| container.latency.sum_ns),
        "How long the readers of a container have waited for texts, together",
    ),
];

impl Metric {
    pub(crate) fn kind(&self) -> MetricType {
        match self.value {
            Value::Count(_) | Value::ByFile(_) | Value::ByContainer(_) | Value::LastedByContainer(_) => {
                MetricType::Counter
            }
            Value::Now(_) | Value::Time(_) | Value::Lasting(_) => MetricType::Gauge,
            Value::Words(_) => MetricType::Info,
            Value::Took(_) => MetricType::Histogram,
        }
    }

    /// The name without what the format puts behind it, by the kind.
    pub(crate) fn stem(&self) -> &'static str {
        let end = match self.kind() {
            MetricType::Counter => "_total",
            MetricType::Info => "_info",
            _ => "",
        };
        self.name.strip_suffix(end).unwrap_or(self.name)
    }
}

#[cfg(test)]
mod tests;
