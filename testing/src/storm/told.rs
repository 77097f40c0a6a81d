//! How big a storm is, and what one reader of it is told.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How big a storm is.
#[derive(Debug, Clone)]
pub struct Size {
    /// How many containers there are.
    pub containers: u32,
    /// How many threads of each mode read in each of them.
    pub threads: u32,
    /// How long each of these rests after each file.
    pub rest: Duration,
    /// Whether some of them wait for pressure, which the daemon must have been told to allow.
    pub waiters: bool,
    /// Whether the connection may be lost: readers then open their files again, and counters
    /// may begin again.
    pub may_be_lost: bool,
}

impl Default for Size {
    fn default() -> Self {
        Self {
            containers: 4,
            threads: 1,
            rest: Duration::from_millis(2),
            waiters: false,
            may_be_lost: false,
        }
    }
}

/// A file that a reader reads, by one of its paths there.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Shown {
    /// Below the mount point: `proc/meminfo`.
    pub(crate) name: String,
    /// Where it is opened.
    pub(crate) path: PathBuf,
}

/// What a reader is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Told {
    pub(crate) files: Vec<Shown>,
    pub(crate) threads: u32,
    pub(crate) rest: Duration,
    pub(crate) waiters: bool,
    pub(crate) may_be_lost: bool,
    /// It reads until this is there.
    pub(crate) until: PathBuf,
    /// How long a thread may take to notice that.
    pub(crate) patience: Duration,
    /// The container's memory.
    pub(crate) memory_kib: u64,
    /// How many CPUs it has.
    pub(crate) cpus: u64,
    /// A moment before it was started.
    pub(crate) born: Duration,
    /// More threads than it ever has, and fewer than the host.
    pub(crate) tasks: u64,
}
