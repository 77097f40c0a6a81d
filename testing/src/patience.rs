//! How long a test waits for anything before it fails.

use std::time::{Duration, Instant};

/// Far more than anything takes here, in an emulated machine on a busy host too.
pub const PATIENCE: Duration = Duration::from_secs(150);

/// Waits until something is so; fails if it never is.
pub fn wait_until(what: &str, holds: impl FnMut() -> bool) {
    assert!(becomes_true(PATIENCE, holds), "waited too long until {what}");
}

/// Waits for something to be so, but not for longer than that. Answers whether it is.
#[must_use]
pub fn becomes_true(patience: Duration, mut holds: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    let mut pause = Duration::from_micros(200);
    loop {
        if holds() {
            return true;
        }
        if start.elapsed() > patience {
            return false;
        }
        std::thread::sleep(pause);
        pause = pause.saturating_mul(2).min(Duration::from_millis(20));
    }
}
