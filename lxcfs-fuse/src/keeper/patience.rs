//! When a worker is started after one has ended, and when nobody waits for one any more.
//!
//! The first that ends is followed at once, and so are those that have served for a while. Those that die young are
//! followed later and later. All that is known of time comes in as an argument.

use std::time::{Duration, Instant};

use super::program::Image;

/// Who has served for so long did not die young.
const YOUNG: Duration = Duration::from_millis(500);
/// So many may die young before anybody gets suspicious.
const AT_ONCE: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// What is remembered of those that were.
#[derive(Debug)]
pub(crate) struct Patience {
    deadline: Duration,
    /// How many have died young, one after the other.
    young: u32,
    image: Image,
    /// Since when nobody serves.
    without: Option<Instant>,
    /// Not before.
    start_at: Instant,
}

impl Patience {
    /// Nobody serves yet.
    pub(crate) fn new(now: Instant, deadline: Duration) -> Self {
        Self {
            deadline,
            young: 0,
            image: Image::Own,
            without: Some(now),
            start_at: now,
        }
    }

    /// A worker serves.
    pub(crate) fn serves(&mut self) {
        self.without = None;
        self.image = Image::OnDisk;
    }

    /// The one that served has ended.
    pub(crate) fn died(&mut self, served_since: Instant, now: Instant) {
        self.without.get_or_insert(now);
        if now.saturating_duration_since(served_since) >= YOUNG {
            self.young = 0;
        } else {
            self.young = self.young.saturating_add(1);
        }
        self.start_at = later(now, self.pause());
    }

    /// The one that served is to be killed. It may take its time to end, if the kernel does not let go of it; nobody serves
    /// meanwhile.
    pub(crate) fn is_killed(&mut self, now: Instant) {
        self.without.get_or_insert(now);
    }

    /// The one that served has left, as it was told to.
    pub(crate) fn left(&mut self, now: Instant) {
        self.without.get_or_insert(now);
        self.start_at = now;
    }

    /// Somebody else had the time to serve, and has not.
    pub(crate) fn begins_anew(&mut self, now: Instant) {
        self.without = Some(now);
        self.start_at = now;
    }

    /// One has ended, or was ended, that never served.
    pub(crate) fn failed(&mut self, now: Instant) {
        self.young = self.young.saturating_add(1);
        // What is on the disk may be broken; what runs here is not. And the other way round.
        self.image = match self.image {
            Image::OnDisk => Image::Own,
            Image::Own => Image::OnDisk,
        };
        self.start_at = later(now, self.pause());
    }

    fn pause(&self) -> Duration {
        let Some(beyond) = self.young.checked_sub(AT_ONCE) else {
            return Duration::ZERO;
        };
        let factor = 2_u32.saturating_pow(beyond.min(16));
        FIRST_PAUSE.saturating_mul(factor).min(LONGEST_PAUSE)
    }

    /// Not to be started before.
    pub(crate) fn start_at(&self) -> Instant {
        self.start_at
    }

    /// What is started next.
    pub(crate) fn image(&self) -> Image {
        self.image
    }

    /// When it is over, if nobody serves until then.
    pub(crate) fn ends_at(&self) -> Option<Instant> {
        self.without.map(|since| later(since, self.deadline))
    }
}

/// A time from now on. So far away that it cannot be told is as good as never, and a day is.
pub(crate) fn later(now: Instant, by: Duration) -> Instant {
    const DAY: Duration = Duration::from_secs(86_400);
    now.checked_add(by).or_else(|| now.checked_add(DAY)).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEADLINE: Duration = Duration::from_secs(30);

    fn after(start: Instant, millis: u64) -> Instant {
        start + Duration::from_millis(millis)
    }

    #[test]
    fn who_has_served_for_a_while_is_followed_at_once() {
        let start = Instant::now();
        let mut patience = Patience::new(start, DEADLINE);
        for round in 1..100 {
            patience.serves();
            let now = after(start, round * 1000);
            patience.died(after(start, round * 1000 - 500), now);
            assert_eq!(patience.start_at(), now);
        }
    }

    #[test]
    fn who_dies_young_is_followed_later_and_later_but_never_too_late() {
        let start = Instant::now();
        let mut patience = Patience::new(start, DEADLINE);
        let mut last = Duration::ZERO;
        for round in 0..40 {
            patience.serves();
            patience.died(start, start);
            let pause = patience.start_at() - start;
            assert_eq!(pause.is_zero(), round < 2, "{round}");
            assert!(pause >= last && pause <= LONGEST_PAUSE, "{round}");
            last = pause;
        }
        assert_eq!(last, LONGEST_PAUSE);
        patience.serves();
        patience.died(start, after(start, 500));
        assert_eq!(patience.start_at(), after(start, 500), "all is forgotten");
    }

    #[test]
    fn the_deadline_counts_from_when_somebody_served_last() {
        let start = Instant::now();
        let mut patience = Patience::new(start, DEADLINE);
        assert_eq!(patience.ends_at(), Some(start + DEADLINE));
        patience.serves();
        assert_eq!(patience.ends_at(), None);
        let end = after(start, 5000);
        patience.died(start, end);
        patience.failed(after(end, 100));
        patience.failed(after(end, 200));
        assert_eq!(patience.ends_at(), Some(end + DEADLINE));
    }

    #[test]
    fn the_deadline_counts_for_one_that_is_killed_and_does_not_end() {
        let start = Instant::now();
        let mut patience = Patience::new(start, DEADLINE);
        patience.serves();
        let killed = after(start, 5000);
        patience.is_killed(killed);
        assert_eq!(patience.ends_at(), Some(killed + DEADLINE));
        patience.died(start, after(killed, 9000));
        assert_eq!(patience.ends_at(), Some(killed + DEADLINE));
    }

    #[test]
    fn who_leaves_as_told_does_not_die_young() {
        let start = Instant::now();
        let mut patience = Patience::new(start, DEADLINE);
        for _ in 0..100 {
            patience.serves();
            patience.left(start);
            assert_eq!(patience.start_at(), start);
        }
        assert_eq!(patience.ends_at(), Some(start + DEADLINE));
    }

    #[test]
    fn what_did_not_start_is_tried_in_turn_with_the_other_image() {
        let start = Instant::now();
        let mut patience = Patience::new(start, DEADLINE);
        assert_eq!(patience.image(), Image::Own, "it runs already");
        patience.serves();
        patience.died(start, start);
        assert_eq!(patience.image(), Image::OnDisk);
        patience.failed(start);
        assert_eq!(patience.image(), Image::Own);
        patience.failed(start);
        assert_eq!(patience.image(), Image::OnDisk);
    }
}
