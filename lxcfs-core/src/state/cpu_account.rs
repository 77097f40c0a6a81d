//! The CPU counters of a container: they add up to what it used and what it could have used, and they never fall.
//!
//! The kernel tells what a cgroup has used since it was made, on v1 for each CPU, on v2 in all. The counters that
//! `/proc/stat` shows are advanced by the difference between two samples:
//!
//! * *used* goes to the CPU that it was used on where that is known and shown; the rest is spread over the shown CPUs,
//!   none more than the time that has passed, as evenly as that allows. (An approximation on v2, which does not tell.)
//! * *idle* is capacity × time − used, so that 100 % means "my limit". Each shown CPU has an equal share of the capacity.
//!
//! A CPU that is no longer shown keeps its counters; they still count in the sum, as those of an offline CPU do in the
//! kernel's own `cpu` line, and go on from there if it is shown again.

use std::time::Duration;

use crate::cgroup::{CpuTime, CpuTimes};
use crate::cpu_list::CpuId;
use crate::cpu_model::CpuModel;

/// A quota is kept over periods of up to a second: for so long a CPU may have been busier than its share before what it
/// has overdrawn is forgotten.
const OVERDRAFT_NSEC: u64 = 1_000_000_000;

/// The counters of one CPU, in nanoseconds.
///
/// ```
/// use std::time::Duration;
/// use lxcfs_core::cgroup::{CpuTime, CpuTimes};
/// use lxcfs_core::{CpuIds, CpuModel, CpuView, Remembered};
///
/// let one_cpu = CpuModel::new(&"0".parse().unwrap(), None, None, CpuView::Quota, CpuIds::Host);
/// let second_used = CpuTimes { user: 1_000_000_000, ..CpuTimes::default() };
/// let sample = CpuTime { total: second_used, per_cpu: Vec::new() };
/// // Three seconds after its start.
/// let counters = Remembered::new().advance_cpu(sample, &one_cpu, Duration::ZERO, Duration::from_secs(3));
/// assert_eq!((counters[0].1.used, counters[0].1.idle), (second_used, 2_000_000_000));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[cfg_attr(feature = "save", derive(serde::Serialize, serde::Deserialize))]
pub struct CpuCounters {
    /// What was used.
    pub used: CpuTimes,
    /// What could have been used and was not.
    pub idle: u64,
    /// This CPU's share of the capacity so far.
    budget: u64,
}

impl CpuCounters {
    fn advance(&mut self, used: CpuTimes, share: u64) {
        self.used = self.used.plus(&used);
        let total = self.used.total();
        self.budget = self
            .budget
            .saturating_add(share)
            .max(total.saturating_sub(OVERDRAFT_NSEC));
        self.idle = self.idle.max(self.budget.saturating_sub(total));
    }
}

/// The account of one container.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "save", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct CpuAccount {
    at: Duration,
    seen: CpuTime,
    counters: Vec<(CpuId, CpuCounters)>,
}

impl CpuAccount {
    /// The account of a container that started at `since` (time since boot) and has been looked at never yet.
    #[must_use]
    pub(crate) fn new(since: Duration) -> Self {
        Self {
            at: since,
            seen: CpuTime::default(),
            counters: Vec::new(),
        }
    }

    /// The counters of every CPU that has ever been shown, ascending by the number that the container is told.
    #[must_use]
    pub(crate) fn counters(&self) -> &[(CpuId, CpuCounters)] {
        &self.counters
    }

    /// The account at the time `now`, when the cgroup has used `sample` since it was made.
    ///
    /// Of two samples that were taken at once, the older one may come later: it changes nothing.
    #[must_use]
    pub(crate) fn advance(mut self, sample: CpuTime, model: &CpuModel, now: Duration) -> Self {
        if now < self.at {
            return self;
        }
        let passed = nsec(now.saturating_sub(self.at));
        let used = Usage::between(&self.seen, &sample);
        let count = u64::from(model.count());
        let share = nsec_share(passed, model.capacity_milli(), count);
        for (cpu, times) in used.spread(model, passed) {
            // By the number that the container is told: that is the counter which must not fall.
            let Some(number) = model.number_of(cpu) else { continue };
            self.entry(number).advance(times, share);
        }
        self.at = self.at.max(now);
        self.seen = sample;
        self
    }

    /// Whether it is one: CPUs are in order, each once.
    #[cfg(feature = "save")]
    pub(super) fn is_in_order(&self) -> bool {
        self.counters.is_sorted_by(|(one, _), (two, _)| one < two)
            && self.seen.per_cpu.is_sorted_by(|(one, _), (two, _)| one < two)
    }

    fn entry(&mut self, cpu: CpuId) -> &mut CpuCounters {
        let at = match self.counters.binary_search_by_key(&cpu, |(id, _)| *id) {
            Ok(at) => at,
            Err(at) => {
                self.counters.insert(at, (cpu, CpuCounters::default()));
                at
            }
        };
        #[expect(
            clippy::indexing_slicing,
            reason = "the entry at this place was found or put there just now"
        )]
        let (_, counters) = &mut self.counters[at];
        counters
    }
}

/// CPU time used between two samples: what is known to belong to a CPU, and all of it.
struct Usage {
    per_cpu: Vec<(CpuId, CpuTimes)>,
    total: CpuTimes,
}

impl Usage {
    fn between(earlier: &CpuTime, later: &CpuTime) -> Self {
        if later.per_cpu.is_empty() {
            return Self {
                per_cpu: Vec::new(),
                total: later.total.since(&earlier.total),
            };
        }
        let mut total = CpuTimes::default();
        let mut old = earlier.per_cpu.iter().peekable();
        let per_cpu = later
            .per_cpu
            .iter()
            .map(|(cpu, times)| {
                while old.next_if(|(id, _)| id < cpu).is_some() {}
                let before = old
                    .next_if(|(id, _)| id == cpu)
                    .map(|(_, times)| *times)
                    .unwrap_or_default();
                let used = times.since(&before);
                total = total.plus(&used);
                (*cpu, used)
            })
            .collect();
        Self { per_cpu, total }
    }

    /// Gives each shown CPU what it used, or its part of what cannot be told apart.
    fn spread(&self, model: &CpuModel, passed: u64) -> Vec<(CpuId, CpuTimes)> {
        let mut known = self.per_cpu.iter().peekable();
        let mut left = self.total;
        let mut parts: Vec<(CpuId, CpuTimes)> = model
            .shown()
            .iter()
            .map(|cpu| {
                while known.next_if(|(id, _)| *id < cpu).is_some() {}
                let own = known
                    .next_if(|(id, _)| *id == cpu)
                    .map(|(_, times)| *times)
                    .unwrap_or_default();
                let own = part_of(&own, own.total().min(passed));
                left = left.since(&own);
                (cpu, own)
            })
            .collect();
        if left.total() == 0 {
            return parts;
        }
        // The CPUs with the least room first: what they cannot take is left for the others.
        let mut by_room: Vec<&mut (CpuId, CpuTimes)> = parts.iter_mut().collect();
        by_room.sort_by_key(|(_, own)| std::cmp::Reverse(own.total()));
        let mut takers = u64::try_from(by_room.len()).unwrap_or(u64::MAX);
        for (_, own) in &mut by_room {
            let room = passed.saturating_sub(own.total());
            let fair = left.total().div_ceil(takers.max(1));
            let part = part_of(&left, fair.min(room));
            *own = own.plus(&part);
            left = left.since(&part);
            takers = takers.saturating_sub(1);
        }
        // More was used than time has passed: the clocks of usage and time are not read at one instant.
        let mut takers = u64::try_from(by_room.len()).unwrap_or(u64::MAX);
        for (_, own) in &mut by_room {
            let part = part_of(&left, left.total().div_ceil(takers.max(1)));
            *own = own.plus(&part);
            left = left.since(&part);
            takers = takers.saturating_sub(1);
        }
        parts
    }
}

/// `amount` nanoseconds of `times`, of each kind its proportion; all of it if `amount` is all.
fn part_of(times: &CpuTimes, amount: u64) -> CpuTimes {
    let total = times.total();
    if amount >= total {
        return *times;
    }
    let of = |kind: u64| {
        let part = u128::from(kind)
            .saturating_mul(u128::from(amount))
            .checked_div(u128::from(total));
        u64::try_from(part.unwrap_or(0)).unwrap_or(u64::MAX)
    };
    let (user, nice) = (of(times.user), of(times.nice));
    let system = amount.saturating_sub(user).saturating_sub(nice).min(times.system);
    CpuTimes { user, nice, system }
}

fn nsec(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn nsec_share(passed: u64, capacity_milli: u64, count: u64) -> u64 {
    let all = u128::from(passed).saturating_mul(u128::from(capacity_milli));
    let share = all.checked_div(u128::from(count).saturating_mul(1000)).unwrap_or(0);
    u64::try_from(share).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cgroup::CpuBandwidth;
    use crate::options::{CpuIds, CpuView};

    const SEC: u64 = 1_000_000_000;

    fn model(online: &str, milli: Option<u64>) -> CpuModel {
        let quota = milli.map(|milli| CpuBandwidth {
            quota_usec: milli,
            period_usec: 1000,
            levels_up: 0,
        });
        CpuModel::new(
            &online.parse().unwrap(),
            None,
            quota.as_ref(),
            CpuView::Quota,
            CpuIds::Host,
        )
    }

    fn unified(user: u64, system: u64) -> CpuTime {
        CpuTime {
            total: CpuTimes { user, nice: 0, system },
            per_cpu: Vec::new(),
        }
    }

    fn per_cpu(times: &[(u32, u64)]) -> CpuTime {
        let per_cpu: Vec<_> = times
            .iter()
            .map(|(cpu, user)| {
                (
                    *cpu,
                    CpuTimes {
                        user: *user,
                        ..Default::default()
                    },
                )
            })
            .collect();
        let total = per_cpu
            .iter()
            .fold(CpuTimes::default(), |sum, (_, times)| sum.plus(times));
        CpuTime { total, per_cpu }
    }

    fn at(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    #[test]
    fn a_container_at_its_limit_has_no_idle() {
        let account = CpuAccount::new(at(0)).advance(unified(12 * SEC, 3 * SEC), &model("0-3", Some(1500)), at(10));
        assert_eq!(
            account.counters().iter().map(|(_, one)| one.used.total()).sum::<u64>(),
            15 * SEC
        );
        assert_eq!(account.counters().iter().map(|(_, one)| one.idle).sum::<u64>(), 0);
    }

    #[test]
    fn no_cpu_is_busier_than_time_has_passed() {
        let account = CpuAccount::new(at(0)).advance(
            per_cpu(&[(0, 9 * SEC), (3, 8 * SEC)]),
            &model("0-3", Some(2000)),
            at(10),
        );
        let used: Vec<_> = account
            .counters()
            .iter()
            .map(|(cpu, one)| (*cpu, one.used.total()))
            .collect();
        assert_eq!(used, [(0, 10 * SEC), (1, 7 * SEC)]);
    }

    #[test]
    fn a_known_cpu_keeps_what_it_used() {
        let account = CpuAccount::new(at(0)).advance(per_cpu(&[(0, SEC), (1, 5 * SEC)]), &model("0-1", None), at(10));
        let shown: Vec<_> = account
            .counters()
            .iter()
            .map(|(_, one)| (one.used.user, one.idle))
            .collect();
        assert_eq!(shown, [(SEC, 9 * SEC), (5 * SEC, 5 * SEC)]);
    }

    #[test]
    fn a_quota_that_was_lowered_does_not_look_busy_for_ever() {
        // Ten hours of four CPUs, and only then a quota of half a CPU.
        let account =
            CpuAccount::new(at(0)).advance(unified(36_000 * 4 * SEC, 0), &model("0-3", Some(500)), at(36_000));
        let later = account
            .clone()
            .advance(unified(36_000 * 4 * SEC, 0), &model("0-3", Some(500)), at(36_010));
        assert_eq!(later.counters()[0].1.idle, 4 * SEC);
    }

    #[test]
    fn a_cpu_that_is_hidden_and_shown_again_goes_on_where_it_was() {
        let one = CpuAccount::new(at(0)).advance(unified(8 * SEC, 0), &model("0-1", None), at(10));
        let two = one
            .clone()
            .advance(unified(9 * SEC, 0), &model("0-1", Some(1000)), at(20));
        let three = two.clone().advance(unified(9 * SEC, 0), &model("0-1", None), at(30));
        assert_eq!(two.counters()[1], one.counters()[1]);
        assert_eq!(three.counters()[1].1.used, one.counters()[1].1.used);
        assert!(three.counters()[1].1.idle > one.counters()[1].1.idle);
    }

    #[test]
    fn a_sample_that_comes_late_changes_nothing() {
        let one = CpuAccount::new(at(0)).advance(unified(8 * SEC, 0), &model("0", None), at(10));
        let late = one.clone().advance(unified(7 * SEC, 0), &model("0", None), at(9));
        assert_eq!(late, one);
    }

    #[test]
    fn a_cgroup_that_starts_anew_takes_nothing_away() {
        let one = CpuAccount::new(at(0)).advance(unified(8 * SEC, 0), &model("0", None), at(10));
        let two = one.clone().advance(unified(0, 0), &model("0", None), at(11));
        assert_eq!(two.counters()[0].1.used, one.counters()[0].1.used);
        let three = two.advance(unified(SEC, 0), &model("0", None), at(13));
        assert_eq!(three.counters()[0].1.used.user, 9 * SEC);
    }
}
