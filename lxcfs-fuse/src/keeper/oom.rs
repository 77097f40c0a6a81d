//! How likely the kernel is to kill this process when memory is short: a keeper is small, and needed by all others.
//!
//! # References
//!
//! proc(5), `/proc/PID/oom_score_adj`.

use std::fs;

const FILE: &str = "/proc/self/oom_score_adj";

/// Never, if that may be said; what it was before, for workers.
pub(crate) fn never() -> Option<Vec<u8>> {
    let before = fs::read(FILE).ok()?;
    // Who may not have the first may have the second, which is the last to be killed.
    let done = ["-1000", "-999"].iter().any(|score| fs::write(FILE, score).is_ok());
    if !done {
        tracing::info!("may not say that the kernel is not to kill the keeper when memory is short");
    }
    Some(before)
}
