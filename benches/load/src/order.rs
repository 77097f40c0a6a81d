//! What is said between the process that measures and those that read: one line of JSON each way.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::args::Mode;
use crate::tally::Tally;

/// What a caller is told to do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Order {
    /// Say what is in the file.
    Fetch { path: PathBuf },
    /// Read, again and again.
    Load(Load),
}

/// What to read, how, and for how long.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Load {
    /// Read in turn, beginning at a different one in each thread.
    pub(crate) targets: Vec<Target>,
    /// Each in turn, for all targets.
    pub(crate) modes: Vec<Mode>,
    pub(crate) threads: usize,
    /// When to begin, by the monotonic clock.
    pub(crate) start: u64,
    /// No read begins later.
    pub(crate) end: u64,
    /// No thread reads more often.
    pub(crate) count: Option<u64>,
    pub(crate) turns: Option<Turns>,
    /// Between reports; without it, there is one in the end.
    pub(crate) report_millis: Option<u64>,
}

/// One file in one tree.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Target {
    /// For people.
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    pub(crate) may_be_empty: bool,
}

/// Fewer readers than containers: who wants to read takes a byte out of the pipe, and puts it back.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Turns {
    pub(crate) pipe: PathBuf,
    /// So many reads, then the next one.
    pub(crate) reads: u64,
}

/// What a caller answers.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Reply {
    Text(Result<Vec<u8>, String>),
    /// What was done since the last report.
    SoFar(Tally),
    /// The same, and the order is carried out.
    Done(Tally),
}
