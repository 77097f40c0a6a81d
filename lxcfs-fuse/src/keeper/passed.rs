//! Descriptors that this process was started with, by name: from systemd, from our keeper, or from itself before an exec.
//!
//! They are numbered from 3 as sd_listen_fds(3) has it. A process that starts itself anew cannot put them there, where
//! other descriptors are in use until the last moment; it says in `LXCFS_LISTEN_AT` where they are.
//!
//! # References
//!
//! sd_listen_fds(3)

use std::env;
use std::os::fd::{FromRawFd as _, OwnedFd, RawFd};

use rustix::io::{FdFlags, fcntl_getfd, fcntl_setfd};

/// The pid of the process that they are for.
pub(crate) const PID: &str = "LISTEN_PID";
/// How many.
pub(crate) const COUNT: &str = "LISTEN_FDS";
/// Their names, with colons between them.
pub(crate) const NAMES: &str = "LISTEN_FDNAMES";
/// Their numbers, with colons between them, where they are not 3, 4, 5 …
pub(crate) const AT: &str = "LXCFS_LISTEN_AT";

/// The first of them.
pub(crate) const FIRST: RawFd = 3;

/// What was passed. A process looks once, before it opens anything of its own.
pub(crate) fn take() -> Vec<(String, OwnedFd)> {
    let pid = env::var(PID).ok().and_then(|pid| pid.parse::<u32>().ok());
    let count = env::var(COUNT).ok().and_then(|count| count.parse::<usize>().ok());
    let (Some(pid), Some(count)) = (pid, count) else {
        return Vec::new();
    };
    if std::process::id() != pid {
        return Vec::new();
    }
    let names = env::var(NAMES).unwrap_or_default();
    let at = env::var(AT).ok();
    let numbers: Vec<RawFd> = match &at {
        Some(at) => at.split(':').filter_map(|number| number.parse().ok()).collect(),
        None => (FIRST..).take(count).collect(),
    };
    let named = names.split(':').zip(numbers).take(count);
    named
        .filter_map(|(name, number)| Some((name.to_owned(), own(number)?)))
        .collect()
}

/// Takes the one with that name out.
pub(crate) fn named(passed: &mut Vec<(String, OwnedFd)>, name: &str) -> Option<OwnedFd> {
    let index = passed.iter().position(|(known, _)| known == name)?;
    Some(passed.swap_remove(index).1)
}

#[expect(
    unsafe_code,
    reason = "a number that another process has given us becomes a descriptor"
)]
fn own(number: RawFd) -> Option<OwnedFd> {
    if number < FIRST {
        return None;
    }
    // SAFETY: the environment says that it is for this process, which has not looked before and opened nothing that
    // could have the number; whether it is open is asked before it is believed.
    let descriptor = unsafe {
        let borrowed = std::os::fd::BorrowedFd::borrow_raw(number);
        fcntl_getfd(borrowed).ok()?;
        OwnedFd::from_raw_fd(number)
    };
    // Whoever comes after us is told anew.
    fcntl_setfd(&descriptor, FdFlags::CLOEXEC).ok()?;
    Some(descriptor)
}
