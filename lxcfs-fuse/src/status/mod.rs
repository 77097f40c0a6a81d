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
///
/// ```
/// use lxcfs_fuse::status::Status;
///
/// /// Which container asks most?
/// fn busiest(status: &Status) -> Option<&str> {
///     let busiest = status.containers.iter().max_by_key(|container| container.all_reads());
///     busiest.map(|container| container.cgroup.as_str())
/// }
/// # let told = r#"{"at_ms": 0, "mounted_at_ms": 0, "mount_point": "/", "psi_poll": false, "shows_host": false,
/// #    "is_kept": false, "answered_by": {"pid": 1, "started_at_ms": 0, "version": "0"}, "worker": null,
/// #    "workers_started": 1, "workers_died": 0, "gauges": null, "containers": [], "reads": {},
/// #    "latency": {"buckets": [], "sum_ns": 0},
/// #    "counts": {"renderings": 0, "coalesced": 0, "retries": 0, "last_good": 0, "refused": 0, "failures": 0,
/// #        "deadlines": 0, "panics": 0, "containers_met": 0, "containers_gone": 0}}"#;
/// let nobody: Status = serde_json::from_str(told).unwrap();
/// assert_eq!(busiest(&nobody), None);
/// ```
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
    /// How often each file was given to all of them, also to those that have ended: as [`Container::reads`].
    pub reads: BTreeMap<String, u64>,
    /// How long the readers of all of them have waited for a text, also of those that have ended.
    pub latency: Latency,
    /// What is had at the moment; unknown where only a worker could tell.
    pub gauges: Option<Gauges>,
    /// The containers that are known, in no particular order.
    pub containers: Vec<Container>,
}

/// A process of a daemon.
///
/// ```
/// use lxcfs_fuse::status::Process;
///
/// let process: Process = serde_json::from_str(r#"{"pid": 4711, "started_at_ms": 1200, "version": "0.1.0"}"#).unwrap();
/// assert_eq!((process.pid, process.started_at_ms), (4711, 1200));
/// ```
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
///
/// ```
/// use lxcfs_fuse::status::{Worker, WorkerState};
///
/// let hangs = Worker { pid: 4712, started_at_ms: 1300, state: WorkerState::Serves, silent_for_ms: Some(2500) };
/// assert!(hangs.silent_for_ms.is_some_and(|silent| silent > 1000));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Worker {
    /// Its number, in the keeper's pid namespace.
    pub pid: u32,
    /// When it was started.
    pub started_at_ms: u64,
    /// What it does.
    pub state: WorkerState,
    /// For how long it has not answered its keeper, which has asked; without a keeper, for how long all its threads have been
    /// late, so that nobody is served.
    pub silent_for_ms: Option<u64>,
}

/// What a worker does.
///
/// ```
/// use lxcfs_fuse::status::WorkerState;
///
/// assert_eq!(serde_json::to_string(&WorkerState::Serves).unwrap(), r#""serves""#);
/// ```
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
///
/// ```
/// use lxcfs_fuse::status::{Container, Latency};
///
/// let container = Container {
///     pid: Some(4700),
///     cgroup: "/web".to_owned(),
///     met_at_ms: 1000,
///     asked_at_ms: 61_000,
///     reads: [("proc/stat".to_owned(), 120)].into(),
///     errors: 0,
///     latency: Latency::default(),
/// };
/// assert_eq!(container.all_reads(), 120);
/// ```
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
