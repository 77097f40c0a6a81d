//! `/proc/pressure/*` and `*.pressure`: how long tasks stalled for want of a resource.
//!
//! # References
//!
//! `Documentation/accounting/psi.rst`; `kernel/sched/psi.c`, `psi_show`.

use crate::parse;
use crate::text::Text;

/// Pressure stall information, of a host or a cgroup.
///
/// ```
/// use lxcfs_core::host::pressure::Pressure;
///
/// let pressure = Pressure::parse(b"some avg10=1.25 avg60=0.00 avg300=0.00 total=4200\n");
/// let some = pressure.some().unwrap();
/// assert_eq!((some.averages_hundredths, some.total_usec), ([125, 0, 0], 4200));
/// assert_eq!(pressure.full(), None);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pressure<'a> {
    lines: Vec<Row<'a>>,
}

/// One line, cut behind its first word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Row<'a> {
    label: &'a [u8],
    rest: &'a [u8],
}

/// How long tasks stalled.
///
/// ```
/// use lxcfs_core::host::pressure::Pressure;
///
/// let pressure = Pressure::parse(b"some avg10=12.50 avg60=3.00 avg300=0.75 total=4200\n");
/// let [over_10_seconds, ..] = pressure.some().unwrap().averages_hundredths;
/// assert_eq!(over_10_seconds, 1250, "12.5 %");
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stall {
    /// The share of the last 10, 60 and 300 seconds, in hundredths of a percent.
    pub averages_hundredths: [u64; 3],
    /// Since boot, or since the cgroup was made.
    pub total_usec: u64,
}

impl<'a> Pressure<'a> {
    /// Parses the text.
    ///
    /// ```
    /// use lxcfs_core::host::pressure::Pressure;
    ///
    /// let pressure = Pressure::parse(b"full avg10=0.00 avg60=0.00 avg300=0.00 total=17\n");
    /// assert_eq!((pressure.some(), pressure.full().unwrap().total_usec), (None, 17));
    /// ```
    #[must_use]
    pub fn parse(text: &'a [u8]) -> Self {
        let cut = |line: &'a [u8]| {
            let end = line.iter().position(u8::is_ascii_whitespace).unwrap_or(line.len());
            let (label, rest) = line.split_at_checked(end).unwrap_or((line, b""));
            Row { label, rest }
        };
        Self {
            lines: parse::whole_lines(text).map(cut).collect(),
        }
    }

    /// Adds the text, as it was parsed.
    ///
    /// ```
    /// use lxcfs_core::{Text, host::pressure::Pressure};
    ///
    /// let (host, mut text) = ("some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n", Text::new());
    /// Pressure::parse(host.as_bytes()).print(&mut text);
    /// assert_eq!(text.take(), host);
    /// ```
    pub fn print(&self, out: &mut Text) {
        for line in &self.lines {
            out.push(line.label).push(line.rest);
        }
    }

    /// While at least one task stalled. `irq` has no such line.
    ///
    /// ```
    /// use lxcfs_core::host::pressure::Pressure;
    ///
    /// let pressure = Pressure::parse(b"some avg10=0.10 avg60=0.02 avg300=0.00 total=900\n");
    /// assert_eq!(pressure.some().unwrap().averages_hundredths, [10, 2, 0]);
    /// ```
    #[must_use]
    pub fn some(&self) -> Option<Stall> {
        self.stall(b"some")
    }

    /// While all tasks that were not idle stalled at once. `cpu` has no such line before Linux 5.13.
    ///
    /// ```
    /// use lxcfs_core::host::pressure::Pressure;
    ///
    /// let pressure = Pressure::parse(
    ///     b"some avg10=0.00 avg60=0.00 avg300=0.00 total=9\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=4\n",
    /// );
    /// assert_eq!(pressure.full().unwrap().total_usec, 4);
    /// ```
    #[must_use]
    pub fn full(&self) -> Option<Stall> {
        self.stall(b"full")
    }

    fn stall(&self, label: &[u8]) -> Option<Stall> {
        let line = self.lines.iter().find(|line| line.label == label)?;
        let value = |key: &[u8]| parse::words(line.rest).find_map(|pair| pair.strip_prefix(key)?.strip_prefix(b"="));
        let average = |key: &[u8]| {
            let (whole, fraction) = parse::split_once(value(key)?, b'.')?;
            parse::number(whole)?
                .checked_mul(100)?
                .checked_add(parse::number(fraction)?)
        };
        Some(Stall {
            averages_hundredths: [average(b"avg10")?, average(b"avg60")?, average(b"avg300")?],
            total_usec: parse::number(value(b"total")?)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_lacks_nothing_or_is_no_stall() {
        let text = b"some avg10=0.00 avg60=0.01 avg300=10.00 total=5\nfull avg10=0.00 total=1\n";
        let pressure = Pressure::parse(text);
        assert_eq!(pressure.some().unwrap().averages_hundredths, [0, 1, 1000]);
        assert_eq!(pressure.full(), None);
    }

    #[test]
    fn what_is_not_understood_is_kept() {
        for text in [
            &b""[..],
            b"\n",
            b"some",
            b" some avg10\nfull\t\n\nnew x=1",
            b"full avg10=\xff",
        ] {
            let mut out = Text::new();
            Pressure::parse(text).print(&mut out);
            assert_eq!(out.take(), text);
        }
    }
}
