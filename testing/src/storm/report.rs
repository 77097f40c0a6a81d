//! What readers have seen.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Most of what is wrong is the same; so much of it is told.
const MOST_TOLD: usize = 20;

/// So many long calls are kept in each process.
const MOST_LONG: usize = 200_000;

/// A call that took longer than this is kept with its time. Shorter ones are the scheduler's.
const LONG: Duration = Duration::from_millis(1);

/// What readers have seen.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Report {
    /// How many texts were read and checked.
    pub texts: u64,
    /// How many calls of open(2) and pread(2) that took, and others.
    pub calls: u64,
    /// How many of these failed, by error.
    pub errors: BTreeMap<String, u64>,
    /// How many texts were not what they should be.
    pub wrong: u64,
    /// What was wrong with the first of them.
    pub told: Vec<String>,
    /// Threads that did not come back from a call.
    pub stuck: Vec<String>,
    /// How many calls failed while each thread saw all files once more, in the end.
    pub last_errors: u64,
    /// How many events of pressure came, and how many times a waiter was told that its trigger is gone.
    pub pressure: (u64, u64),
    /// Calls that took long: when they began, and for how long.
    pub(crate) long: Vec<(Duration, Duration)>,
}

/// The numbers that count.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            texts,
            calls,
            errors,
            wrong,
            stuck,
            ..
        } = self;
        let stuck = stuck.len();
        write!(
            f,
            "{texts} texts in {calls} calls, errors {errors:?}, {wrong} wrong, {stuck} stuck"
        )
    }
}

impl Report {
    /// Takes another one in.
    pub fn merge(&mut self, other: Self) {
        self.texts = self.texts.saturating_add(other.texts);
        self.calls = self.calls.saturating_add(other.calls);
        self.wrong = self.wrong.saturating_add(other.wrong);
        self.last_errors = self.last_errors.saturating_add(other.last_errors);
        for (error, count) in other.errors {
            let sum = self.errors.entry(error).or_default();
            *sum = sum.saturating_add(count);
        }
        let room = MOST_TOLD.saturating_sub(self.told.len());
        self.told.extend(other.told.into_iter().take(room));
        self.stuck.extend(other.stuck);
        self.pressure.0 = self.pressure.0.saturating_add(other.pressure.0);
        self.pressure.1 = self.pressure.1.saturating_add(other.pressure.1);
        self.long.extend(other.long);
    }

    pub(crate) fn call(&mut self, began: Duration, took: Duration) {
        self.calls = self.calls.saturating_add(1);
        if took > LONG && self.long.len() < MOST_LONG {
            self.long.push((began, took));
        }
    }

    pub(crate) fn failures(&self) -> u64 {
        self.errors.values().fold(0, |sum, count| sum.saturating_add(*count))
    }

    pub(crate) fn error(&mut self, error: &str, told: String) {
        let count = self.errors.entry(error.to_owned()).or_default();
        *count = count.saturating_add(1);
        self.tell(told);
    }

    pub(crate) fn wrong(&mut self, told: String) {
        self.wrong = self.wrong.saturating_add(1);
        self.tell(told);
    }

    fn tell(&mut self, told: String) {
        if self.told.len() < MOST_TOLD {
            self.told.push(told);
        }
    }

    /// Fails if any call failed, any text was wrong, or any thread is stuck.
    pub fn assert_faultless(&self) {
        self.assert_only_lost();
        assert!(self.errors.is_empty(), "{:#?}\n{:#?}", self.errors, self.told);
    }

    /// As [`assert_faultless`](Self::assert_faultless), but the connection may have been lost for a while.
    pub fn assert_only_lost(&self) {
        assert!(self.stuck.is_empty(), "stuck: {:#?}", self.stuck);
        assert!(self.wrong == 0, "{} texts are wrong: {:#?}", self.wrong, self.told);
        let others: Vec<_> = self
            .errors
            .iter()
            .filter(|(error, _)| !matches!(error.as_str(), "ENOTCONN" | "ECONNABORTED"))
            .collect();
        assert!(others.is_empty(), "{others:?}\n{:#?}", self.told);
        assert!(
            self.last_errors == 0 && self.texts > 0,
            "not healed: {} errors in the end, {:?}",
            self.last_errors,
            self.errors
        );
    }
}
