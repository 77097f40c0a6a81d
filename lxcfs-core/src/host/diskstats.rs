//! `/proc/diskstats`: a line for each block device, with as many counters as the kernel has.
//!
//! # References
//!
//! `Documentation/admin-guide/iostats.rst`; `block/genhd.c`, `diskstats_show`.

use crate::parse;
use crate::text::Text;

/// The host's `/proc/diskstats`.
///
/// ```
/// use lxcfs_core::host::diskstats::Diskstats;
///
/// let diskstats = Diskstats::parse(b" 254       0 vda 1 2 3 4\n");
/// let disk = diskstats.disks().next().unwrap();
/// assert_eq!((disk.device(), disk.prefix()), (Some((254, 0)), &b" 254       0 vda"[..]));
/// assert_eq!(disk.counters().collect::<Vec<_>>(), [1, 2, 3, 4]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diskstats<'a> {
    disks: Vec<Disk<'a>>,
}

/// One line, cut behind the device's name. A line of another form is all `prefix` and has no device.
///
/// ```
/// use lxcfs_core::host::diskstats::Diskstats;
///
/// let diskstats = Diskstats::parse(b" 254       0 vda 1 2 3 4\n 254       1 vda1 1 2 3 4\n");
/// let devices: Vec<_> = diskstats.disks().filter_map(|disk| disk.device()).collect();
/// assert_eq!(devices, [(254, 0), (254, 1)]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disk<'a> {
    device: Option<(u32, u32)>,
    prefix: &'a [u8],
    rest: &'a [u8],
}

impl<'a> Diskstats<'a> {
    /// Parses the text.
    ///
    /// ```
    /// use lxcfs_core::host::diskstats::Diskstats;
    ///
    /// let diskstats = Diskstats::parse(b" 254       0 vda 1 2 3 4\nnonsense\n");
    /// assert_eq!(diskstats.disks().map(|disk| disk.device()).collect::<Vec<_>>(), [Some((254, 0)), None]);
    /// ```
    #[must_use]
    pub fn parse(text: &'a [u8]) -> Self {
        Self {
            disks: parse::whole_lines(text).map(Disk::parse).collect(),
        }
    }

    /// Adds the text, as it was parsed.
    ///
    /// ```
    /// use lxcfs_core::{Text, host::diskstats::Diskstats};
    ///
    /// let (host, mut text) = (" 254       0 vda 1 2 3 4\n", Text::new());
    /// Diskstats::parse(host.as_bytes()).print(&mut text);
    /// assert_eq!(text.take(), host);
    /// ```
    pub fn print(&self, out: &mut Text) {
        for disk in &self.disks {
            out.push(disk.prefix).push(disk.rest);
        }
    }

    /// The lines, in the kernel's order.
    ///
    /// ```
    /// use lxcfs_core::host::diskstats::Diskstats;
    ///
    /// let diskstats = Diskstats::parse(b" 254       0 vda 1 2 3 4\n   8       0 sda 5 6 7 8\n");
    /// let reads: Vec<_> = diskstats.disks().filter_map(|disk| disk.counters().next()).collect();
    /// assert_eq!(reads, [1, 5]);
    /// ```
    pub fn disks(&self) -> impl Iterator<Item = &Disk<'a>> {
        self.disks.iter()
    }
}

impl<'a> Disk<'a> {
    fn parse(line: &'a [u8]) -> Self {
        Self::cut(line).unwrap_or(Self {
            device: None,
            prefix: line,
            rest: b"",
        })
    }

    fn cut(line: &'a [u8]) -> Option<Self> {
        let (major, behind) = first_word(line)?;
        let (minor, behind) = first_word(behind)?;
        let (_name, rest) = first_word(behind)?;
        let part = |word| parse::number(word).and_then(|number| u32::try_from(number).ok());
        let device = Some((part(major)?, part(minor)?));
        let (prefix, rest) = line.split_at_checked(line.len().saturating_sub(rest.len()))?;
        Some(Self { device, prefix, rest })
    }

    /// The device's number; `None` where the line does not have the kernel's form.
    ///
    /// ```
    /// use lxcfs_core::host::diskstats::Diskstats;
    ///
    /// let diskstats = Diskstats::parse(b"   8      16 sdb 0 0 0 0\n");
    /// assert_eq!(diskstats.disks().next().unwrap().device(), Some((8, 16)));
    /// ```
    #[must_use]
    pub fn device(&self) -> Option<(u32, u32)> {
        self.device
    }

    /// Number and name, spaced as the kernel spaces them.
    ///
    /// ```
    /// use lxcfs_core::host::diskstats::Diskstats;
    ///
    /// let diskstats = Diskstats::parse(b"   8      16 sdb 0 0 0 0\n");
    /// assert_eq!(diskstats.disks().next().unwrap().prefix(), b"   8      16 sdb");
    /// ```
    #[must_use]
    pub fn prefix(&self) -> &'a [u8] {
        self.prefix
    }

    /// The counters behind the name. One that is not a number counts as 0: it holds its column.
    ///
    /// ```
    /// use lxcfs_core::host::diskstats::Diskstats;
    ///
    /// let diskstats = Diskstats::parse(b"   8      16 sdb 7 x 9\n");
    /// assert_eq!(diskstats.disks().next().unwrap().counters().collect::<Vec<_>>(), [7, 0, 9]);
    /// ```
    pub fn counters(&self) -> impl Iterator<Item = u64> + 'a {
        parse::words(self.rest).map(|word| parse::number(word).unwrap_or(0))
    }
}

/// The first word of a text, and what stands behind it.
fn first_word(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let text = text.trim_ascii_start();
    let end = text.iter().position(u8::is_ascii_whitespace).unwrap_or(text.len());
    text.split_at_checked(end).filter(|(word, _)| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(text: &[u8]) -> Vec<u8> {
        let mut out = Text::new();
        Diskstats::parse(text).print(&mut out);
        out.take().to_vec()
    }

    #[test]
    fn a_line_is_cut_behind_the_name() {
        let text = b" 259       0 nvme0n1 10 x 30\n   8       0 sda\n";
        let diskstats = Diskstats::parse(text);
        let disks: Vec<_> = diskstats.disks().collect();
        assert_eq!(disks[0].prefix(), b" 259       0 nvme0n1");
        assert_eq!(disks[0].counters().collect::<Vec<_>>(), [10, 0, 30]);
        assert_eq!((disks[1].device(), disks[1].counters().count()), (Some((8, 0)), 0));
        assert_eq!(printed(text), text);
    }

    #[test]
    fn what_is_not_understood_is_kept() {
        for text in [
            &b""[..],
            b"\n\n",
            b"8 0",
            b"a b c 1 2\n",
            b"8 -1 sda 1",
            b"  \n 8\t0\tsda\t1 \xff",
            b"99999999999 0 x 1\n",
        ] {
            assert_eq!(printed(text), text);
        }
    }
}
