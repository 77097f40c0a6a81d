//! `/proc/loadavg`: three averages, running and all tasks, the last pid.
//!
//! # References
//!
//! proc(5); `fs/proc/loadavg.c`.

use crate::parse;
use crate::text::Text;

/// The host's, or a container's, `/proc/loadavg`.
///
/// ```
/// use lxcfs_core::host::loadavg::Loadavg;
///
/// let loadavg = Loadavg::parse(b"0.20 0.18 1.12 1/80 11206\n").unwrap();
/// assert_eq!(loadavg.averages_hundredths, [20, 18, 112]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loadavg {
    /// The averages over 1, 5 and 15 minutes, in hundredths.
    pub averages_hundredths: [u64; 3],
    /// Threads that run or could run.
    pub running: u64,
    /// All threads.
    pub threads: u64,
    /// The pid that was given out last.
    pub last_pid: u64,
}

impl Loadavg {
    /// Parses the text; `None` if it does not have the kernel's form.
    ///
    /// ```
    /// use lxcfs_core::host::loadavg::Loadavg;
    ///
    /// let loadavg = Loadavg::parse(b"0.20 0.18 1.12 1/80 11206\n").unwrap();
    /// assert_eq!((loadavg.running, loadavg.threads, loadavg.last_pid), (1, 80, 11206));
    /// assert_eq!(Loadavg::parse(b"0.20 0.18\n"), None);
    /// ```
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let mut words = parse::words(text);
        let mut average = || {
            let (whole, fraction) = parse::split_once(words.next()?, b'.')?;
            parse::number(whole)?
                .checked_mul(100)?
                .checked_add(parse::number(fraction)?)
        };
        let averages_hundredths = [average()?, average()?, average()?];
        let (running, threads) = parse::split_once(words.next()?, b'/')?;
        let loadavg = Self {
            averages_hundredths,
            running: parse::number(running)?,
            threads: parse::number(threads)?,
            last_pid: parse::number(words.next()?)?,
        };
        // Only the form that the kernel prints is understood, so that printing gives it back.
        let mut printed = Text::new();
        loadavg.print(&mut printed);
        (printed.as_bytes() == text).then_some(loadavg)
    }

    /// Adds the line to a text.
    ///
    /// ```
    /// use lxcfs_core::{Text, host::loadavg::Loadavg};
    ///
    /// let mut text = Text::new();
    /// let idle = Loadavg { averages_hundredths: [0, 5, 110], running: 1, threads: 3, last_pid: 42 };
    /// idle.print(&mut text);
    /// assert_eq!(text.take(), "0.00 0.05 1.10 1/3 42\n");
    /// ```
    pub fn print(&self, out: &mut Text) {
        for average in self.averages_hundredths {
            out.hundredths(average).push(" ");
        }
        out.number(self.running)
            .push("/")
            .number(self.threads)
            .push(" ")
            .number(self.last_pid)
            .push("\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_kernels_form_is_understood() {
        assert!(Loadavg::parse(b"0.00 0.01 0.05 1/2 3\n").is_some());
        for bad in [
            &b""[..],
            b"0.00 0.01 0.05 1/2 3",
            b"0.00 0.01 1/2 3\n",
            b"0.0 0.01 0.05 1/2 3\n",
            b"a b c d e\n",
        ] {
            assert_eq!(Loadavg::parse(bad), None, "{}", String::from_utf8_lossy(bad));
        }
    }
}
