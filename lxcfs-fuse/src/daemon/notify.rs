//! What the service manager is told, if there is one.
//!
//! # References
//!
//! sd_notify(3)

use sd_notify::NotifyState::{MonotonicUsec, Ready, Reloading, Status, Stopping};
use sd_notify::{NotifyState, notify};

const CONTAINERS: &str = "containers see themselves";
const PASSTHROUGH: &str = "passed through: everybody sees the host";

/// Mounted, or done with a reload.
pub(super) fn ready(passthrough: bool) {
    tell(&[Ready, mode(passthrough)]);
}

/// What is shown has changed.
pub(super) fn shows(passthrough: bool) {
    tell(&[mode(passthrough)]);
}

/// Reading the configuration file again.
pub(super) fn reloading() {
    // The manager wants to know since when, so as not to take an older message for the answer.
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[Reloading, now]),
        Err(_) => tell(&[Reloading, MonotonicUsec(0)]),
    }
}

/// About to end.
pub(super) fn stopping() {
    tell(&[Stopping, Status("unmounting")]);
}

fn mode(passthrough: bool) -> NotifyState<'static> {
    Status(if passthrough { PASSTHROUGH } else { CONTAINERS })
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = notify(states) {
        tracing::warn!(%error, "cannot tell the service manager");
    }
}
