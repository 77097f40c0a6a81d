//! Load averages: the kernel's fixed-point `calc_load` over the tasks of one container.
//!
//! # References
//!
//! `include/linux/sched/loadavg.h`, `kernel/sched/loadavg.c`; proc(5), `/proc/loadavg`.

use std::time::Duration;

use super::SAMPLE_EVERY;

/// Bits behind the point of a fixed-point load.
pub const FSHIFT: u32 = 11;
/// 1.0 as a fixed-point load.
pub const FIXED_1: u64 = 1 << FSHIFT;
/// 1/exp(5 s/1 min), 1/exp(5 s/5 min), 1/exp(5 s/15 min), in fixed point.
pub const EXP: [u64; 3] = [1884, 2014, 2037];

/// The tasks of a container at one moment.
///
/// ```
/// use std::time::Duration;
/// use lxcfs_core::{Remembered, state::load::Tasks};
///
/// let tasks = Tasks { running: 2, blocked: 1, threads: 40, last_pid: 117 };
/// let load = Remembered::new().advance_load(tasks, Duration::from_secs(3600), Duration::from_secs(7200));
/// assert_eq!(load.tasks(), tasks);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[cfg_attr(feature = "save", derive(serde::Serialize, serde::Deserialize))]
pub struct Tasks {
    /// Threads that run or could run (state `R`).
    pub running: u64,
    /// Threads in uninterruptible sleep (state `D`).
    pub blocked: u64,
    /// All threads.
    pub threads: u64,
    /// The highest pid that lives, as the container numbers them.
    pub last_pid: u64,
}

/// One step of a load average: `active` tasks (fixed point) for one interval.
///
/// ```
/// use lxcfs_core::state::load::{calc_load, EXP, FIXED_1};
///
/// // Two busy tasks for five seconds, from nothing: 0.16 over a minute.
/// assert_eq!(calc_load(0, EXP[0], 2 * FIXED_1) * 100 / FIXED_1, 16);
/// ```
#[must_use]
pub fn calc_load(load: u64, exp: u64, active: u64) -> u64 {
    let mut new = load
        .saturating_mul(exp)
        .saturating_add(active.saturating_mul(FIXED_1.saturating_sub(exp)));
    if active >= load {
        new = new.saturating_add(FIXED_1.saturating_sub(1));
    }
    new / FIXED_1
}

/// `steps` steps at once, with the same number of active tasks all the time: the kernel's `calc_load_n`.
#[must_use]
pub(crate) fn calc_load_n(load: u64, exp: u64, active: u64, steps: u64) -> u64 {
    calc_load(load, fixed_power(exp, steps), active)
}

/// `base` to the power of `exponent`, in fixed point, rounded at each step: the kernel's `fixed_power_int`.
fn fixed_power(base: u64, exponent: u64) -> u64 {
    let round = |product: u64| product.saturating_add(FIXED_1 >> 1) >> FSHIFT;
    let (mut base, mut left, mut result) = (base, exponent, FIXED_1);
    while left > 0 {
        if left & 1 == 1 {
            result = round(result.saturating_mul(base));
        }
        left >>= 1;
        base = round(base.saturating_mul(base));
    }
    result
}

/// Load averages and the look at the tasks that they were last advanced by.
///
/// ```
/// use std::time::Duration;
/// use lxcfs_core::{Remembered, state::load::Tasks};
///
/// // Two tasks that have run for a day, then none for a minute.
/// let (remembered, day) = (Remembered::new(), Duration::from_secs(86_400));
/// remembered.advance_load(Tasks { running: 2, ..Tasks::default() }, day, day);
/// let load = remembered.advance_load(Tasks::default(), day, day + Duration::from_secs(60));
/// let [one_minute, five_minutes, _] = load.hundredths();
/// assert!(one_minute < five_minutes && five_minutes < 200);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "save", derive(serde::Serialize, serde::Deserialize))]
pub struct Load {
    averages: [u64; 3],
    tasks: Tasks,
    /// The highest pid ever seen.
    most_pids: u64,
    stepped_at: Duration,
    sampled_at: Duration,
}

impl Load {
    /// The averages when nobody has looked before: as if the tasks had been as active as they are now for the whole
    /// `age` of the container.
    #[must_use]
    pub(crate) fn first(tasks: Tasks, age: Duration, now: Duration) -> Self {
        let steps = steps_in(age);
        let averages = EXP.map(|exp| {
            if steps == 0 {
                0
            } else {
                calc_load_n(0, exp, active(&tasks), steps)
            }
        });
        Self {
            averages,
            tasks,
            most_pids: tasks.last_pid,
            stepped_at: now,
            sampled_at: now,
        }
    }

    /// The averages after another look. They move by one step for each whole interval since the last step.
    #[must_use]
    pub(crate) fn advance(self, tasks: Tasks, now: Duration) -> Self {
        let steps = steps_in(now.saturating_sub(self.stepped_at));
        let mut next = Self {
            tasks,
            most_pids: self.most_pids.max(tasks.last_pid),
            sampled_at: now,
            ..self
        };
        if steps > 0 {
            next.averages = [0, 1, 2].map(|which: usize| {
                let (load, exp) = (self.averages.get(which), EXP.get(which));
                calc_load_n(
                    load.copied().unwrap_or(0),
                    exp.copied().unwrap_or(0),
                    active(&tasks),
                    steps,
                )
            });
            next.stepped_at = now;
        }
        next
    }

    /// The averages over 1, 5 and 15 minutes, in hundredths, rounded as the kernel prints them.
    ///
    /// ```
    /// use std::time::Duration;
    /// use lxcfs_core::{Remembered, state::load::Tasks};
    ///
    /// let (tasks, day) = (Tasks { running: 2, ..Tasks::default() }, Duration::from_secs(86_400));
    /// assert_eq!(Remembered::new().advance_load(tasks, day, day).hundredths(), [200, 200, 200]);
    /// ```
    #[must_use]
    pub fn hundredths(&self) -> [u64; 3] {
        self.averages.map(|load| {
            let rounded = load.saturating_add(FIXED_1 / 200);
            let whole = (rounded >> FSHIFT).saturating_mul(100);
            whole.saturating_add((rounded & (FIXED_1 - 1)).saturating_mul(100) >> FSHIFT)
        })
    }

    /// The tasks at the last look.
    ///
    /// ```
    /// use std::time::Duration;
    /// use lxcfs_core::{Remembered, state::load::Tasks};
    ///
    /// let tasks = Tasks { threads: 3, ..Tasks::default() };
    /// let load = Remembered::new().advance_load(tasks, Duration::ZERO, Duration::ZERO);
    /// assert_eq!(load.tasks().threads, 3);
    /// ```
    #[must_use]
    pub fn tasks(&self) -> Tasks {
        self.tasks
    }

    /// The highest pid seen so far: the nearest there is to a count of the processes ever made.
    #[must_use]
    pub(crate) fn most_pids(&self) -> u64 {
        self.most_pids
    }

    /// When the last look was taken.
    ///
    /// ```
    /// use std::time::Duration;
    /// use lxcfs_core::{Remembered, state::load::Tasks};
    ///
    /// let now = Duration::from_secs(7200);
    /// assert_eq!(Remembered::new().advance_load(Tasks::default(), Duration::ZERO, now).sampled_at(), now);
    /// ```
    #[must_use]
    pub fn sampled_at(&self) -> Duration {
        self.sampled_at
    }
}

/// How many whole intervals there are in that time.
fn steps_in(time: Duration) -> u64 {
    time.as_secs().checked_div(SAMPLE_EVERY.as_secs()).unwrap_or(0)
}

fn active(tasks: &Tasks) -> u64 {
    tasks.running.saturating_add(tasks.blocked).saturating_mul(FIXED_1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn busy(running: u64) -> Tasks {
        Tasks {
            running,
            threads: running,
            ..Tasks::default()
        }
    }

    fn at(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    #[test]
    fn many_steps_at_once_are_as_many_single_steps() {
        for exp in EXP {
            let mut load = 0;
            for _ in 0..60 {
                load = calc_load(load, exp, 3 * FIXED_1);
            }
            let at_once = calc_load_n(0, exp, 3 * FIXED_1, 60);
            assert!(load.abs_diff(at_once) <= FIXED_1 / 20, "{load} {at_once}");
        }
    }

    #[test]
    fn a_steady_load_is_reached_and_kept() {
        let mut load = Load::first(busy(0), at(0), at(0));
        for step in 1..=1200 {
            load = load.advance(busy(2), at(step * 5));
        }
        assert_eq!(load.hundredths(), [200, 200, 200]);
    }

    #[test]
    fn the_first_look_weighs_by_the_containers_age() {
        assert_eq!(Load::first(busy(1), at(3), at(100)).hundredths(), [0, 0, 0]);
        let [one, five, fifteen] = Load::first(busy(1), at(60), at(100)).hundredths();
        assert!((60..=66).contains(&one) && (16..=20).contains(&five) && (5..=8).contains(&fifteen));
        assert_eq!(
            Load::first(busy(4), at(86_400), at(90_000)).hundredths(),
            [400, 400, 400]
        );
    }

    #[test]
    fn looks_within_one_interval_do_not_move_the_averages() {
        let first = Load::first(busy(1), at(600), at(600));
        let again = first.advance(busy(50), at(604));
        assert_eq!(again.hundredths(), first.hundredths());
        assert_eq!(again.tasks().running, 50);
        assert!(again.advance(busy(50), at(605)).hundredths()[0] > first.hundredths()[0]);
    }

    #[test]
    fn absurd_numbers_do_not_overflow() {
        let absurd = Tasks {
            running: u64::MAX,
            blocked: u64::MAX,
            threads: u64::MAX,
            last_pid: u64::MAX,
        };
        let load = Load::first(absurd, Duration::MAX, Duration::MAX).advance(absurd, Duration::MAX);
        let _ = load.hundredths();
    }
}
