//! Whether the run is to end: standard input is a pipe from the process outside, which closes it when it gets a signal,
//! or dies. So there are no signals to handle inside.

use std::os::fd::AsFd as _;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::failure::Failure;

/// Answers at once.
pub(crate) fn check() -> Result<(), Failure> {
    let input = std::io::stdin();
    let mut watched = [PollFd::new(input.as_fd(), PollFlags::POLLIN)];
    match poll(&mut watched, PollTimeout::ZERO) {
        // Nothing is ever written there, so that what is ready is the end.
        Ok(ready) if ready > 0 => Err(Failure::Stopped),
        _ => Ok(()),
    }
}
