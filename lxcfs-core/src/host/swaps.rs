//! `/proc/swaps`: a header, and a line for each swap area.
//!
//! # References
//!
//! proc(5); `mm/swapfile.c`, `swap_show`.

use crate::parse;
use crate::text::Text;

/// The host's `/proc/swaps`.
///
/// ```
/// use lxcfs_core::host::swaps::Swaps;
///
/// let swaps = Swaps::parse(b"Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n/dev/sda2 partition\t1000\t\t10\t\t-2\n");
/// assert_eq!((swaps.total_kib(), swaps.used_kib()), (1000, 10));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Swaps<'a> {
    header: &'a [u8],
    areas: Vec<Area<'a>>,
}

/// One line below the header, cut around its two sizes. A line of another form stands in `before` whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Area<'a> {
    before: &'a [u8],
    size: &'a [u8],
    between: &'a [u8],
    used: &'a [u8],
    after: &'a [u8],
}

impl<'a> Swaps<'a> {
    /// Parses the text. The first line is the header, whatever it says.
    ///
    /// ```
    /// use lxcfs_core::host::swaps::Swaps;
    ///
    /// let none = Swaps::parse(b"Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
    /// assert_eq!(none.total_kib(), 0);
    /// ```
    #[must_use]
    pub fn parse(text: &'a [u8]) -> Self {
        let mut lines = parse::whole_lines(text);
        Self {
            header: lines.next().unwrap_or_default(),
            areas: lines.map(Area::parse).collect(),
        }
    }

    /// Adds the text, as it was parsed.
    ///
    /// ```
    /// use lxcfs_core::{Text, host::swaps::Swaps};
    ///
    /// let (host, mut text) = ("Filename\tType\tSize\tUsed\tPriority\n/a file partition\t1000\t10\t-2\n", Text::new());
    /// Swaps::parse(host.as_bytes()).print(&mut text);
    /// assert_eq!(text.take(), host);
    /// ```
    pub fn print(&self, out: &mut Text) {
        out.push(self.header);
        for area in &self.areas {
            out.push(area.before)
                .push(area.size)
                .push(area.between)
                .push(area.used)
                .push(area.after);
        }
    }

    /// The first line, with its newline; empty where the text is.
    ///
    /// ```
    /// use lxcfs_core::host::swaps::Swaps;
    ///
    /// let swaps = Swaps::parse(b"Filename\tType\tSize\tUsed\tPriority\n/dev/sda2 partition\t1000\t10\t-2\n");
    /// assert_eq!(swaps.header(), b"Filename\tType\tSize\tUsed\tPriority\n");
    /// ```
    #[must_use]
    pub fn header(&self) -> &'a [u8] {
        self.header
    }

    /// The size of all areas, in KiB.
    ///
    /// ```
    /// use lxcfs_core::host::swaps::Swaps;
    ///
    /// let swaps = Swaps::parse(b"Filename\tType\tSize\tUsed\tPriority\n/a file\t1000\t10\t-2\n/b file\t24\t0\t-3\n");
    /// assert_eq!(swaps.total_kib(), 1024);
    /// ```
    #[must_use]
    pub fn total_kib(&self) -> u64 {
        self.sum(|area| area.size)
    }

    /// What is used of all areas, in KiB.
    ///
    /// ```
    /// use lxcfs_core::host::swaps::Swaps;
    ///
    /// let swaps = Swaps::parse(b"Filename\tType\tSize\tUsed\tPriority\n/a file\t1000\t10\t-2\n/b file\t24\t1\t-3\n");
    /// assert_eq!(swaps.used_kib(), 11);
    /// ```
    #[must_use]
    pub fn used_kib(&self) -> u64 {
        self.sum(|area| area.used)
    }

    fn sum(&self, column: fn(&Area<'a>) -> &'a [u8]) -> u64 {
        let numbers = self.areas.iter().filter_map(|area| parse::number(column(area)));
        numbers.fold(0, u64::saturating_add)
    }
}

impl<'a> Area<'a> {
    /// From the right: a file name may have any number of words, the kernel's own columns are the last three.
    fn parse(line: &'a [u8]) -> Self {
        let (rest, _priority) = last_word(line);
        let (between_and_before, used) = last_word(rest);
        let (before, size) = last_word(between_and_before);
        let behind =
            |text: &'a [u8], word_end: &'a [u8]| text.get(word_end.trim_ascii_end().len()..).unwrap_or_default();
        if parse::number(size).is_none() || parse::number(used).is_none() {
            return Self {
                before: line,
                size: b"",
                between: b"",
                used: b"",
                after: b"",
            };
        }
        Self {
            before,
            size,
            between: behind(between_and_before, between_and_before),
            used,
            after: behind(line, rest),
        }
    }
}

/// What stands before the last word of a text, with the space between, and that word.
fn last_word(text: &[u8]) -> (&[u8], &[u8]) {
    let text = text.trim_ascii_end();
    let start = text
        .iter()
        .rposition(u8::is_ascii_whitespace)
        .map_or(0, |at| at.saturating_add(1));
    text.split_at_checked(start).unwrap_or((text, b""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(text: &[u8]) -> Vec<u8> {
        let mut out = Text::new();
        Swaps::parse(text).print(&mut out);
        out.take().to_vec()
    }

    #[test]
    fn a_name_of_several_words_does_not_move_the_columns() {
        let text = b"Filename\n/swap file (deleted) file\t\t2097148\t4\t-2\n/dev/zram0  partition\t8\t\t1\t\t100\n";
        let swaps = Swaps::parse(text);
        assert_eq!((swaps.total_kib(), swaps.used_kib()), (2_097_156, 5));
        assert_eq!(printed(text), text);
    }

    #[test]
    fn what_is_not_understood_is_kept() {
        for text in [
            &b""[..],
            b"\n",
            b"Filename",
            b"H\n\n \n",
            b"H\nname type x y z\n1 2",
            b"H\n1 2 3",
            b"H\n 1\t2  3 \n",
            b"H\n99999999999999999999 1 2\n",
        ] {
            assert_eq!(printed(text), text);
        }
        assert_eq!(Swaps::parse(b"H\nname x 1 2\n").total_kib(), 0);
    }
}
