//! `/proc/stat`: a word, then numbers, on each line; one `cpu` line for all CPUs and one for each that is online.
//!
//! # References
//!
//! proc(5); `fs/proc/stat.c`.

use crate::cpu_list::{CpuId, cpu_of_name};
use crate::parse;
use crate::text::Text;

/// The host's `/proc/stat`.
///
/// ```
/// use lxcfs_core::host::stat::{Key, Stat};
///
/// let stat = Stat::parse(b"cpu  9 0 4 90 0 0 0 0 0 0\ncpu1 9 0 4 90 0 0 0 0 0 0\nbtime 1700000000\n");
/// let keys: Vec<_> = stat.lines().map(|line| line.key()).collect();
/// assert_eq!(keys, [Key::AllCpus, Key::Cpu(1), Key::Other(b"btime")]);
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Stat<'a> {
    text: &'a [u8],
}

/// One line: its first word, and the rest with the newline.
///
/// ```
/// use lxcfs_core::host::stat::{Key, Stat};
///
/// let stat = Stat::parse(b"cpu  9 0 4 90 0 0 0 0 0 0\nbtime 1700000000\n");
/// let btime = stat.lines().find(|line| line.key() == Key::Other(b"btime")).unwrap();
/// assert_eq!(btime.numbers().next(), Some(1_700_000_000));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line<'a> {
    word: &'a [u8],
    rest: &'a [u8],
}

/// What a line is about.
///
/// ```
/// use lxcfs_core::host::stat::{Key, Stat};
///
/// let stat = Stat::parse(b"cpu  9 0\ncpu0 4 0\ncpu1 5 0\n");
/// let per_cpu: Vec<_> = stat.lines().filter_map(|line| match line.key() {
///     Key::Cpu(id) => Some((id, line.numbers().next()?)),
///     Key::AllCpus | Key::Other(_) => None,
/// }).collect();
/// assert_eq!(per_cpu, [(0, 4), (1, 5)]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key<'a> {
    /// `cpu`: all CPUs together.
    AllCpus,
    /// `cpuN`.
    Cpu(CpuId),
    /// Any other first word.
    Other(&'a [u8]),
}

impl<'a> Stat<'a> {
    /// Takes the text apart. Any text has lines.
    ///
    /// ```
    /// use lxcfs_core::host::stat::{Key, Stat};
    ///
    /// assert_eq!(Stat::parse(b"nonsense\n").lines().next().unwrap().key(), Key::Other(b"nonsense"));
    /// ```
    #[must_use]
    pub fn parse(text: &'a [u8]) -> Self {
        Self { text }
    }

    /// The lines, in the kernel's order.
    ///
    /// ```
    /// use lxcfs_core::host::stat::Stat;
    ///
    /// assert_eq!(Stat::parse(b"cpu  9 0\ncpu0 9 0\nctxt 1\n").lines().count(), 3);
    /// ```
    pub fn lines(&self) -> impl Iterator<Item = Line<'a>> + use<'a> {
        parse::whole_lines(self.text).map(Line::parse)
    }

    /// Adds the lines to a text, as they were.
    ///
    /// ```
    /// use lxcfs_core::{Text, host::stat::Stat};
    ///
    /// let (host, mut text) = ("cpu  9 0 4 90 0 0 0 0 0 0\nctxt 1\n", Text::new());
    /// Stat::parse(host.as_bytes()).print(&mut text);
    /// assert_eq!(text.take(), host);
    /// ```
    pub fn print(&self, out: &mut Text) {
        for line in self.lines() {
            out.push(line.word).push(line.rest);
        }
    }
}

impl<'a> Line<'a> {
    fn parse(line: &'a [u8]) -> Self {
        let end = line.iter().position(u8::is_ascii_whitespace).unwrap_or(line.len());
        let (word, rest) = line.split_at_checked(end).unwrap_or((line, &[]));
        Self { word, rest }
    }

    /// What the line is about.
    ///
    /// ```
    /// use lxcfs_core::host::stat::{Key, Stat};
    ///
    /// assert_eq!(Stat::parse(b"cpu12 9 0\n").lines().next().unwrap().key(), Key::Cpu(12));
    /// ```
    #[must_use]
    pub fn key(&self) -> Key<'a> {
        match self.word {
            b"cpu" => Key::AllCpus,
            word => cpu_of_name(word).map_or(Key::Other(word), Key::Cpu),
        }
    }

    /// The numbers behind the first word; what is no number counts as 0.
    ///
    /// ```
    /// use lxcfs_core::host::stat::Stat;
    ///
    /// let stat = Stat::parse(b"cpu  9 0 4 90\n");
    /// assert_eq!(stat.lines().next().unwrap().numbers().collect::<Vec<_>>(), [9, 0, 4, 90]);
    /// ```
    pub fn numbers(&self) -> impl Iterator<Item = u64> + use<'a> {
        parse::words(self.rest).map(|word| parse::number(word).unwrap_or(0))
    }

    /// The line behind its first word, with the newline.
    ///
    /// ```
    /// use lxcfs_core::host::stat::Stat;
    ///
    /// assert_eq!(Stat::parse(b"cpu  9 0\n").lines().next().unwrap().rest(), b"  9 0\n");
    /// ```
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_parsed_is_printed_as_it_was() {
        for text in [
            &b"cpu  1 2\ncpu0 1 2\nintr 3 4\n"[..],
            b"\n \ncpu\ncpux 1",
            b"\0\xff\tcpu 1\r\n",
            b"",
        ] {
            let mut out = Text::new();
            Stat::parse(text).print(&mut out);
            assert_eq!(out.take(), text);
        }
    }

    #[test]
    fn only_a_number_behind_cpu_names_a_cpu() {
        let keys: Vec<_> = Stat::parse(b"cpu 1\ncpu12 1\ncpu01 1\ncpuset 1\n")
            .lines()
            .map(|line| line.key())
            .collect();
        assert_eq!(
            keys,
            [Key::AllCpus, Key::Cpu(12), Key::Other(b"cpu01"), Key::Other(b"cpuset")]
        );
    }
}
