//! What readers have done: how many reads, how long they took, what failed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::histogram::Histogram;

/// The sum of some reads.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Tally {
    /// Reads that were all right.
    pub(crate) reads: u64,
    pub(crate) bytes: u64,
    /// How often what has failed, by file and error.
    pub(crate) failures: BTreeMap<String, u64>,
    pub(crate) times: Histogram,
    /// When the last read was done, by the monotonic clock.
    pub(crate) finished: u64,
}

impl Tally {
    pub(crate) fn merge(&mut self, other: &Self) {
        self.reads = self.reads.saturating_add(other.reads);
        self.bytes = self.bytes.saturating_add(other.bytes);
        for (what, count) in &other.failures {
            self.fail_times(what.clone(), *count);
        }
        self.times.merge(&other.times);
        self.finished = self.finished.max(other.finished);
    }

    pub(crate) fn fail(&mut self, what: String) {
        self.fail_times(what, 1);
    }

    fn fail_times(&mut self, what: String, count: u64) {
        let failures = self.failures.entry(what).or_default();
        *failures = failures.saturating_add(count);
    }

    pub(crate) fn failed(&self) -> u64 {
        self.failures.values().sum()
    }

    /// A line about all that has failed.
    pub(crate) fn failures(&self) -> String {
        let each: Vec<_> = self
            .failures
            .iter()
            .map(|(what, count)| format!("{what} x{count}"))
            .collect();
        each.join(", ")
    }
}
