//! `/proc/uptime`: seconds since boot, and seconds that all CPUs together were idle.
//!
//! # References
//!
//! proc(5); `fs/proc/uptime.c`.

use std::time::Duration;

use crate::parse;
use crate::text::Text;

/// The host's `/proc/uptime`: two times in hundredths of a second, and what stands between and behind them.
///
/// ```
/// use lxcfs_core::host::uptime::Uptime;
///
/// let uptime = Uptime::parse(b"350735.47 234388.90\n").unwrap();
/// assert_eq!(uptime.boot_time().as_millis(), 350_735_470);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Uptime {
    up: u64,
    idle: u64,
}

impl Uptime {
    /// Parses the text; `None` if it does not have the kernel's form.
    ///
    /// ```
    /// use lxcfs_core::host::uptime::Uptime;
    ///
    /// assert!(Uptime::parse(b"350735.47 234388.90\n").is_some());
    /// assert_eq!(Uptime::parse(b"350735 234388\n"), None);
    /// ```
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let line = text.strip_suffix(b"\n")?;
        let (up, idle) = parse::split_once(line, b' ')?;
        let uptime = Self {
            up: hundredths(up)?,
            idle: hundredths(idle)?,
        };
        // Only the form that the kernel prints is understood, so that printing gives it back.
        let mut printed = Text::new();
        uptime.print(&mut printed);
        (printed.as_bytes() == text).then_some(uptime)
    }

    /// The time since boot, exact to a hundredth of a second.
    ///
    /// ```
    /// use std::time::Duration;
    /// use lxcfs_core::host::uptime::Uptime;
    ///
    /// let uptime = Uptime::parse(b"10.50 0.00\n").unwrap();
    /// assert_eq!(uptime.boot_time(), Duration::from_millis(10_500));
    /// ```
    #[must_use]
    pub fn boot_time(&self) -> Duration {
        Duration::from_millis(self.up.saturating_mul(10))
    }

    /// The time that all CPUs together were idle, in hundredths of a second.
    ///
    /// ```
    /// use lxcfs_core::host::uptime::Uptime;
    ///
    /// let uptime = Uptime::parse(b"10.50 38.05\n").unwrap();
    /// assert_eq!(uptime.idle_hundredths(), 3805);
    /// ```
    #[must_use]
    pub fn idle_hundredths(&self) -> u64 {
        self.idle
    }

    /// Adds the line to a text.
    ///
    /// ```
    /// use lxcfs_core::{Text, host::uptime::Uptime};
    ///
    /// let (host, mut text) = ("350735.47 234388.90\n", Text::new());
    /// Uptime::parse(host.as_bytes()).unwrap().print(&mut text);
    /// assert_eq!(text.take(), host);
    /// ```
    pub fn print(&self, out: &mut Text) {
        out.hundredths(self.up).push(" ").hundredths(self.idle).push("\n");
    }
}

/// `SECONDS.HH`.
fn hundredths(word: &[u8]) -> Option<u64> {
    let (seconds, fraction) = parse::split_once(word, b'.')?;
    let fraction = (fraction.len() == 2).then(|| parse::number(fraction))??;
    parse::number(seconds)?.checked_mul(100)?.checked_add(fraction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_kernels_form_is_understood() {
        assert!(Uptime::parse(b"0.05 10.00\n").is_some());
        for bad in [
            &b""[..],
            b"1 2\n",
            b"1.0 2.00\n",
            b"1.00 2.00",
            b"01.00 2.00\n",
            b"1.00  2.00\n",
            b"-1.00 2.00\n",
        ] {
            assert_eq!(Uptime::parse(bad), None, "{}", String::from_utf8_lossy(bad));
        }
    }
}
