//! One window: so many readers on one candidate, and what that costs its daemon.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::Bench;
use crate::candidate::Candidate;
use crate::cgroup::PERIOD;
use crate::clock;
use crate::failure::Failure;
use crate::order::Load;
use crate::statistics::number;

/// What came of a window.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Round {
    reads: u64,
    pub(crate) reads_per_s: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    /// The daemon's.
    pub(crate) cpu_us_per_read: Option<f64>,
    pub(crate) wakeups_per_read: Option<f64>,
    /// Periods in which the readers had used up their own quota: then it is not the daemon that is measured.
    pub(crate) throttled_periods: u64,
}

impl Bench<'_> {
    /// Answers with the measured values, and what has failed how often.
    pub(super) fn window(
        &mut self,
        candidate: &Candidate,
        load: Load,
        readers: usize,
        round: usize,
    ) -> Result<(Round, BTreeMap<String, u64>), Failure> {
        let shares = self.fleet.shares(readers, round);
        let throttled = self.fleet.throttled_periods(&shares);
        let callers = if self.args.turns.is_some() {
            self.fleet.containers.len()
        } else {
            shares.len()
        };
        let before = candidate.spent();
        let start = clock::now().saturating_add(clock::nanos(lead(callers)));
        let end = start.saturating_add(clock::nanos(Duration::from_millis(self.args.window_ms)));
        let load = Load { start, end, ..load };
        let tally = match self.args.turns {
            Some(reads) => self.fleet.carry_out_by_turns(&load, readers, reads)?,
            None => self.fleet.carry_out(&load, &shares)?,
        };
        let spent = before.zip(candidate.spent()).filter(|_| tally.reads > 0);
        let throttled_periods = self.fleet.throttled_periods(&shares).saturating_sub(throttled);
        if throttled_periods > 0 {
            // The next candidate is not to pay for it.
            std::thread::sleep(PERIOD);
        }

        let seconds = number(tally.finished.saturating_sub(start)) / 1e9;
        let quantile = |per_mille| number(tally.times.quantile(per_mille).unwrap_or_default()) / 1e3;
        let per_read = |before: u64, after: u64| number(after.saturating_sub(before)) / number(tally.reads);
        let measured = Round {
            reads: tally.reads,
            reads_per_s: if tally.reads > 0 {
                number(tally.reads) / seconds
            } else {
                0.0
            },
            p50_us: quantile(500),
            p99_us: quantile(990),
            cpu_us_per_read: spent.map(|(before, after)| per_read(before.cpu_nanos, after.cpu_nanos) / 1e3),
            wakeups_per_read: spent.map(|(before, after)| per_read(before.wakeups, after.wakeups)),
            throttled_periods,
        };
        Ok((measured, tally.failures))
    }
}

/// Time enough for the order to reach all, and for their threads to start.
fn lead(callers: usize) -> Duration {
    let each = Duration::from_micros(100).saturating_mul(u32::try_from(callers).unwrap_or(u32::MAX));
    Duration::from_millis(3).saturating_add(each)
}
