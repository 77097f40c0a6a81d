//! The clock that processes of one machine have in common, whatever pid namespace they are in.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// The time since some moment that is the same for all processes.
#[must_use]
pub fn now() -> Duration {
    clock_gettime(ClockId::CLOCK_MONOTONIC)
        .expect("there is a clock that never goes back")
        .into()
}
