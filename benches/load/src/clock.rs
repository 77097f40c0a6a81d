//! The monotonic clock as a number, which other processes understand as well.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// Nanoseconds of `CLOCK_MONOTONIC`.
pub(crate) fn now() -> u64 {
    of(ClockId::CLOCK_MONOTONIC).unwrap_or_default()
}

/// Nanoseconds of a clock; `None` if there is no such clock.
pub(crate) fn of(clock: ClockId) -> Option<u64> {
    let time = Duration::from(clock_gettime(clock).ok()?);
    Some(nanos(time))
}

/// A duration's nanoseconds.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Sleeps until the clock is there.
pub(crate) fn sleep_until(then: u64) {
    std::thread::sleep(Duration::from_nanos(then.saturating_sub(now())));
}
