//! What a daemon says of itself when it is asked, in one piece: for people, scripts and monitoring.
//!
//! It is said by whoever has the control socket, from memory that it shares with those who answer requests. So it is said too
//! when none of those answers.
//!
//! Times are of `CLOCK_BOOTTIME`, in milliseconds; numbers only grow while the file system is mounted, whoever serves it.

mod latency;
mod told;

pub use latency::Latency;
pub(crate) use latency::{CLASSES, class_of};
pub(crate) use told::{Teller, millis_since_boot};

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::counters::{Counts, Gauges};

/// What a daemon says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// When this was so.
    pub at_ms: u64,
    /// When the file system was mounted.
    pub mounted_at_ms: u64,
    /// The mount point.
    pub mount_point: String,
    /// Whether pressure triggers may be set.
    pub psi_poll: bool,
    /// Whether everybody is shown the host's files (`SIGUSR2`).
    pub shows_host: bool,
    /// The process that answers this: a keeper, or a daemon without one.
    pub answered_by: Process,
    /// Whether that is a keeper.
    pub is_kept: bool,
    /// The process that serves the file system, or is about to. `None`: nobody does at the moment, and readers wait.
    pub worker: Option<Worker>,
    /// How many processes have been started to serve it, with the first.
    pub workers_started: u64,
    /// How many of them have died, instead of leaving as they were told.
    pub workers_died: u64,
    /// What has been done for all containers, also those that have ended.
    pub counts: Counts,
    /// What is had at the moment; unknown where only a worker could tell.
    pub gauges: Option<Gauges>,
    /// The containers that are known, in no particular order.
    pub containers: Vec<Container>,
}

/// A process of a daemon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Its number, in its own pid namespace.
    pub pid: u32,
    /// When it was started.
    pub started_at_ms: u64,
    /// The version of its program.
    pub version: String,
}

/// The process that serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Worker {
    /// Its number, in the keeper's pid namespace.
    pub pid: u32,
    /// When it was started.
    pub started_at_ms: u64,
    /// What it does.
    pub state: WorkerState,
    /// For how long it has not answered its keeper, which has asked.
    pub silent_for_ms: Option<u64>,
}

/// What a worker does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WorkerState {
    /// It begins.
    Starts,
    /// It answers requests.
    Serves,
    /// It was told to end.
    Leaves,
}

/// What has been done for a container since it was first met.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Container {
    /// Its first process, in the daemon's pid namespace. `None`: it has no pid namespace of its own.
    pub pid: Option<u32>,
    /// Its cgroup, below the root of the hierarchy that its memory is limited by. Bytes that are no UTF-8 are written as `\xNN`.
    /// Of a path of more than 600 bytes this is the end, after `…`.
    pub cgroup: String,
    /// When it was met.
    pub met_at_ms: u64,
    /// When it asked last.
    pub asked_at_ms: u64,
    /// How often each file was rendered for it, or shown as it was a moment before: by paths such as `proc/meminfo`. A file
    /// that was never read is left out.
    pub reads: BTreeMap<String, u64>,
    /// How many requests were answered with an error, without those whose answer is that there is no such thing.
    pub errors: u64,
    /// How long its readers have waited for a text, or for the error that came instead when the kernel had not answered in
    /// time; from when the request was taken up.
    pub latency: Latency,
}

impl Container {
    /// How many texts it was given.
    ///
    /// ```
    /// # let container: lxcfs_fuse::status::Container = serde_json::from_str(r#"{"pid": 7, "cgroup": "/a", "met_at_ms": 0,
    /// #    "asked_at_ms": 0, "errors": 0, "latency": {"buckets": [], "sum_ns": 0},
    /// #    "reads": {"proc/meminfo": 2, "proc/stat": 3}}"#).unwrap();
    /// assert_eq!(container.reads.len(), 2);
    /// assert_eq!(container.all_reads(), 5);
    /// ```
    pub fn all_reads(&self) -> u64 {
        self.reads.values().fold(0, |sum, reads| sum.saturating_add(*reads))
    }
}

/// A time in milliseconds.
pub(crate) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
