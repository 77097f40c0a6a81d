//! The same complaint is logged at most once a minute, however often there is reason for it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How long a cause is not logged again.
const PAUSE: Duration = Duration::from_secs(60);
/// How many causes are told apart.
const MOST: usize = 1024;

/// What is complained of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Cause {
    /// What happened.
    pub(crate) what: &'static str,
    /// To which container, by a number that no other has.
    pub(crate) container: u64,
}

/// What has been logged lately.
///
/// Containers can neither fill the log nor our memory: when [`MOST`] causes are known and none of them is old, further
/// containers share one entry for each `what`.
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    seen: Mutex<HashMap<(&'static str, Option<u64>), Seen>>,
}

#[derive(Debug)]
struct Seen {
    logged: Duration,
    suppressed: u64,
}

impl Throttle {
    /// Whether to log it now, and if so, how often it has been kept back since it was logged last. `now` is the time
    /// since any fixed moment.
    pub(crate) fn allow(&self, cause: Cause, now: Duration) -> Option<u64> {
        let is_fresh = |seen: &Seen| now.saturating_sub(seen.logged) < PAUSE;
        // A panic while the lock is held leaves a map that is as good as any.
        let mut all = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let mut key = (cause.what, Some(cause.container));
        if all.len() >= MOST && !all.contains_key(&key) {
            all.retain(|_, seen| is_fresh(seen));
            if all.len() >= MOST {
                key.1 = None;
            }
        }
        match all.entry(key) {
            Entry::Vacant(entry) => {
                entry.insert(Seen {
                    logged: now,
                    suppressed: 0,
                });
                Some(0)
            }
            Entry::Occupied(mut entry) if is_fresh(entry.get()) => {
                let seen = entry.get_mut();
                seen.suppressed = seen.suppressed.saturating_add(1);
                None
            }
            Entry::Occupied(mut entry) => {
                let seen = entry.get_mut();
                seen.logged = now;
                Some(std::mem::take(&mut seen.suppressed))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allow(throttle: &Throttle, what: &'static str, container: u64, second: u64) -> Option<u64> {
        throttle.allow(Cause { what, container }, Duration::from_secs(second))
    }

    #[test]
    fn the_first_is_logged_and_then_one_a_minute_with_the_number_kept_back() {
        let throttle = Throttle::default();
        assert_eq!(allow(&throttle, "slow", 1, 100), Some(0));
        for second in [100, 101, 159] {
            assert_eq!(allow(&throttle, "slow", 1, second), None);
        }
        assert_eq!(allow(&throttle, "slow", 1, 160), Some(3));
        assert_eq!(allow(&throttle, "slow", 1, 219), None);
        assert_eq!(allow(&throttle, "slow", 1, 1000), Some(1));
        assert_eq!(allow(&throttle, "slow", 1, 2000), Some(0));
    }

    #[test]
    fn causes_and_containers_are_told_apart() {
        let throttle = Throttle::default();
        assert_eq!(allow(&throttle, "slow", 1, 0), Some(0));
        assert_eq!(allow(&throttle, "slow", 2, 0), Some(0));
        assert_eq!(allow(&throttle, "gone", 1, 0), Some(0));
        assert_eq!(allow(&throttle, "slow", 1, 0), None);
    }

    #[test]
    fn a_clock_that_goes_back_logs_nothing_twice() {
        let throttle = Throttle::default();
        assert_eq!(allow(&throttle, "slow", 1, 100), Some(0));
        assert_eq!(allow(&throttle, "slow", 1, 0), None);
    }

    #[test]
    fn a_flood_of_containers_fills_neither_the_log_nor_the_memory() {
        let throttle = Throttle::default();
        let flood = 10 * u64::try_from(MOST).unwrap();
        let logged = (0..flood)
            .filter(|&container| allow(&throttle, "slow", container, 0).is_some())
            .count();
        assert_eq!(logged, MOST + 1, "each of the first, and all others once");
        assert_eq!(throttle.seen.lock().unwrap().len(), MOST + 1);

        let shared = allow(&throttle, "slow", flood, 59);
        assert_eq!(shared, None);
        assert_eq!(
            allow(&throttle, "gone", flood, 59),
            Some(0),
            "another complaint is heard"
        );
    }

    #[test]
    fn old_causes_make_room_for_new_ones() {
        let throttle = Throttle::default();
        for container in 0..u64::try_from(MOST).unwrap() {
            assert_eq!(allow(&throttle, "slow", container, 0), Some(0));
        }
        assert_eq!(allow(&throttle, "slow", u64::MAX, 60), Some(0));
        assert_eq!(throttle.seen.lock().unwrap().len(), 1);
    }
}
