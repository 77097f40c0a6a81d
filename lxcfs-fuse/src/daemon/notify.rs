//! What the service manager is told, if there is one.
//!
//! # References
//!
//! sd_notify(3)

use std::os::fd::BorrowedFd;
use std::time::Duration;

use sd_notify::NotifyState::{MonotonicUsec, Ready, Reloading, Status, Stopping};
use sd_notify::{NotifyState, notify};

const CONTAINERS: &str = "containers see themselves";
const PASSTHROUGH: &str = "passed through: everybody sees the host";

/// Mounted, or done with a reload.
pub(crate) fn ready(passthrough: bool) {
    tell(&[Ready, mode(passthrough)]);
}

/// What is shown has changed.
pub(crate) fn shows(passthrough: bool) {
    tell(&[mode(passthrough)]);
}

/// Reading the configuration file again.
pub(crate) fn reloading() {
    // The manager wants to know since when, so as not to take an older message for the answer.
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[Reloading, now]),
        Err(_) => tell(&[Reloading, MonotonicUsec(0)]),
    }
}

/// About to end.
pub(crate) fn stopping(why: &str) {
    tell(&[Stopping, Status(why)]);
}

/// Still alive.
pub(crate) fn alive() {
    tell(&[NotifyState::Watchdog]);
}

/// How often the manager wants to hear that: twice in the time after which it loses patience.
pub(crate) fn alive_every() -> Option<Duration> {
    let patience = sd_notify::watchdog_enabled()?;
    patience.checked_div(2).filter(|every| !every.is_zero())
}

/// Whether there is a manager.
pub(crate) fn has_manager() -> bool {
    std::env::var_os("NOTIFY_SOCKET").is_some()
}

/// To be kept for whoever comes next. The manager must not poll it (`FDPOLL=0`): FUSE would wake it for each request.
pub(crate) fn store(name: &str, descriptor: BorrowedFd<'_>) {
    let states = [
        NotifyState::FdStore,
        NotifyState::FdName(name),
        NotifyState::Custom("FDPOLL=0"),
    ];
    if let Err(error) = sd_notify::notify_with_fds(&states, &[descriptor]) {
        tracing::warn!(%error, name, "cannot have the service manager keep a descriptor");
    }
}

/// Not to be kept any more.
pub(crate) fn forget(name: &str) {
    tell(&[NotifyState::FdStoreRemove, NotifyState::FdName(name)]);
}

fn mode(passthrough: bool) -> NotifyState<'static> {
    Status(if passthrough { PASSTHROUGH } else { CONTAINERS })
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = notify(states) {
        tracing::warn!(%error, "cannot tell the service manager");
    }
}
