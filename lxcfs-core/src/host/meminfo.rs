//! `/proc/meminfo`: a line a value, `KEY:   NUMBER kB`.
//!
//! # References
//!
//! proc(5); `fs/proc/meminfo.c`; `mm/hugetlb.c`, `hugetlb_report_meminfo`.

use crate::parse;
use crate::text::Text;

/// The host's `/proc/meminfo`.
///
/// ```
/// use lxcfs_core::host::meminfo::Meminfo;
///
/// let meminfo = Meminfo::parse(b"MemTotal:       24684096 kB\nHugePages_Total:       0\n");
/// assert_eq!(meminfo.value(b"MemTotal"), Some(24_684_096));
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Meminfo<'a> {
    text: &'a [u8],
}

/// One line of `/proc/meminfo`.
///
/// ```
/// use lxcfs_core::host::meminfo::{Line, Meminfo};
///
/// let meminfo = Meminfo::parse(b"MemFree:        20000000 kB\nnonsense\n");
/// let lines: Vec<_> = meminfo.lines().collect();
/// assert!(matches!(lines[0], Line::Value { key: b"MemFree", value: 20_000_000, tail: b" kB\n", .. }));
/// assert_eq!(lines[1], Line::Other(b"nonsense\n"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line<'a> {
    /// `KEY:   NUMBER kB`, or without a unit where the number is a count.
    Value {
        /// What stands before the colon.
        key: &'a [u8],
        /// The spaces between the colon and the number.
        gap: &'a [u8],
        /// The number, as it was written.
        digits: &'a [u8],
        /// The number, in KiB if there is a unit.
        value: u64,
        /// What stands behind the number, with the newline.
        tail: &'a [u8],
    },
    /// A line of another form, with its newline.
    Other(&'a [u8]),
}

impl<'a> Meminfo<'a> {
    /// Takes the text apart. Any text has lines; what is not understood is [`Line::Other`].
    ///
    /// ```
    /// use lxcfs_core::host::meminfo::Meminfo;
    ///
    /// assert_eq!(Meminfo::parse(b"").lines().count(), 0);
    /// assert_eq!(Meminfo::parse(b"MemTotal: 1 kB\nnonsense\n").lines().count(), 2);
    /// ```
    #[must_use]
    pub fn parse(text: &'a [u8]) -> Self {
        Self { text }
    }

    /// The lines, in the kernel's order.
    ///
    /// ```
    /// use lxcfs_core::host::meminfo::{Line, Meminfo};
    ///
    /// let meminfo = Meminfo::parse(b"MemTotal:       24684096 kB\nHugePages_Total:       0\n");
    /// let keys: Vec<_> = meminfo.lines().filter_map(|line| match line {
    ///     Line::Value { key, .. } => Some(key),
    ///     Line::Other(_) => None,
    /// }).collect();
    /// assert_eq!(keys, [&b"MemTotal"[..], &b"HugePages_Total"[..]]);
    /// ```
    pub fn lines(&self) -> impl Iterator<Item = Line<'a>> + use<'a> {
        parse::whole_lines(self.text).map(Line::parse)
    }

    /// The value of that key, in KiB if it has a unit.
    ///
    /// ```
    /// use lxcfs_core::host::meminfo::Meminfo;
    ///
    /// let meminfo = Meminfo::parse(b"SwapTotal:       8388608 kB\n");
    /// assert_eq!((meminfo.value(b"SwapTotal"), meminfo.value(b"Swap")), (Some(8_388_608), None));
    /// ```
    #[must_use]
    pub fn value(&self, key: &[u8]) -> Option<u64> {
        self.lines().find_map(|line| match line {
            Line::Value { key: name, value, .. } if name == key => Some(value),
            _ => None,
        })
    }

    /// Adds the lines to a text, as they were.
    ///
    /// ```
    /// use lxcfs_core::{Text, host::meminfo::Meminfo};
    ///
    /// let (host, mut text) = ("MemTotal:       24684096 kB\nA line of a later kernel\n", Text::new());
    /// Meminfo::parse(host.as_bytes()).print(&mut text);
    /// assert_eq!(text.take(), host);
    /// ```
    pub fn print(&self, out: &mut Text) {
        for line in self.lines() {
            line.print(out);
        }
    }
}

impl<'a> Line<'a> {
    fn parse(line: &'a [u8]) -> Self {
        Self::value(line).unwrap_or(Self::Other(line))
    }

    fn value(line: &'a [u8]) -> Option<Self> {
        let (key, rest) = parse::split_once(line, b':')?;
        let (gap, rest) = split_while(rest, |byte| byte == b' ');
        let (digits, tail) = split_while(rest, |byte| byte.is_ascii_digit());
        Some(Self::Value {
            key,
            gap,
            digits,
            value: parse::number(digits)?,
            tail,
        })
    }

    /// Adds the line to a text, as it was.
    ///
    /// ```
    /// use lxcfs_core::{Text, host::meminfo::Meminfo};
    ///
    /// let meminfo = Meminfo::parse(b"MemTotal:       24684096 kB\nMemFree:        20000000 kB\n");
    /// let mut text = Text::new();
    /// meminfo.lines().skip(1).for_each(|line| line.print(&mut text));
    /// assert_eq!(text.take(), "MemFree:        20000000 kB\n");
    /// ```
    pub fn print(&self, out: &mut Text) {
        match self {
            Self::Value {
                key, gap, digits, tail, ..
            } => {
                out.push(key).push(":").push(gap).push(digits).push(tail);
            }
            Self::Other(line) => {
                out.push(line);
            }
        }
    }

    /// Adds the line with another value, in the same columns.
    ///
    /// ```
    /// use lxcfs_core::{Text, host::meminfo::Meminfo};
    ///
    /// let (meminfo, mut text) = (Meminfo::parse(b"MemTotal:       24684096 kB\n"), Text::new());
    /// meminfo.lines().for_each(|line| line.print_with(262_144, &mut text));
    /// assert_eq!(text.take(), "MemTotal:         262144 kB\n");
    /// ```
    pub fn print_with(&self, new: u64, out: &mut Text) {
        match self {
            Self::Value {
                key, gap, digits, tail, ..
            } => {
                // The kernel's numbers end at column 24. A longer one of the host's goes beyond, and must not show by where
                // ours ends. A number that fills the columns still stands apart from its key.
                let before = key.len().saturating_add(1);
                let end = before.saturating_add(gap.len()).saturating_add(digits.len()).min(24);
                let width = end.saturating_sub(before).saturating_sub(1);
                out.push(key).push(": ").number_in(new, width).push(tail);
            }
            Self::Other(line) => {
                out.push(line);
            }
        }
    }
}

fn split_while(bytes: &[u8], belongs: impl Fn(u8) -> bool) -> (&[u8], &[u8]) {
    let end = bytes.iter().position(|byte| !belongs(*byte)).unwrap_or(bytes.len());
    bytes.split_at_checked(end).unwrap_or((bytes, &[]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(text: &[u8]) -> Vec<u8> {
        let mut out = Text::new();
        Meminfo::parse(text).print(&mut out);
        out.take().to_vec()
    }

    #[test]
    fn what_is_parsed_is_printed_as_it_was() {
        for text in [
            &b"MemTotal:       24684096 kB\nActive(anon):   001 kB\nHugePages_Total:       0\n"[..],
            b"Foo\n: 3 kB\nBar:\nBaz: x\nEnd: 1",
            b"\n\n\0:\xff 7\r\n",
            b"",
        ] {
            assert_eq!(printed(text), text);
        }
    }

    #[test]
    fn another_value_keeps_the_columns() {
        let with = |text: &[u8], new| {
            let mut out = Text::new();
            for line in Meminfo::parse(text).lines() {
                line.print_with(new, &mut out);
            }
            String::from_utf8(out.take().to_vec()).unwrap()
        };
        assert_eq!(
            with(b"MemTotal:       24684096 kB\n", 262_144),
            "MemTotal:         262144 kB\n"
        );
        assert_eq!(
            with(b"VmallocTotal:   34359738367 kB\n", 0),
            "VmallocTotal:          0 kB\n"
        );
        assert_eq!(with(b"A: 1 kB\n", 123), "A: 123 kB\n");
        assert_eq!(with(b"A:1 kB\n", 123), "A: 123 kB\n");
        assert_eq!(
            with(b"MemTotal:       24684096 kB\n", 6_442_450_944),
            "MemTotal:       6442450944 kB\n".replace("       6", "     6")
        );
    }
}
