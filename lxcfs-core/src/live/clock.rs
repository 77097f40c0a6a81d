//! The clock that container ages are measured with.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// The time since the host's boot, suspended time included (`CLOCK_BOOTTIME`): the clock of `/proc/uptime` and of the
/// start times in `/proc/PID/stat`.
///
/// # References
///
/// `clock_gettime(2)`; `proc(5)`, `/proc/PID/stat`, field 22.
///
/// ```
/// use lxcfs_core::live::boot_time;
///
/// let now = boot_time();
/// assert!(now > std::time::Duration::ZERO && boot_time() >= now);
/// ```
#[must_use]
pub fn boot_time() -> Duration {
    // Every kernel since 2.6.39 has this clock, and the call cannot fail otherwise.
    clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(Duration::ZERO, Duration::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_on() {
        let before = boot_time();
        assert!(before > Duration::ZERO);
        assert!(boot_time() >= before);
    }
}
