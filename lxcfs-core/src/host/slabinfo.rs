//! `/proc/slabinfo`: two header lines, and a line for each slab cache.
//!
//! # References
//!
//! slabinfo(5); `mm/slab_common.c`, `print_slabinfo_header`.

use crate::text::Text;

/// The host's `/proc/slabinfo`.
///
/// ```
/// use lxcfs_core::host::slabinfo::Slabinfo;
///
/// let slabinfo = Slabinfo::parse(b"slabinfo - version: 2.1\n# name\ndentry 1 2 3\n");
/// assert_eq!(slabinfo.header(), b"slabinfo - version: 2.1\n# name\n");
/// assert_eq!(slabinfo.caches(), b"dentry 1 2 3\n");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slabinfo<'a> {
    header: &'a [u8],
    caches: &'a [u8],
}

impl<'a> Slabinfo<'a> {
    /// Parses the text. The header is what stands at its beginning as `slabinfo - version` and as comment.
    ///
    /// ```
    /// use lxcfs_core::host::slabinfo::Slabinfo;
    ///
    /// let slabinfo = Slabinfo::parse(b"slabinfo - version: 2.1\n# name\n");
    /// assert!(slabinfo.caches().is_empty());
    /// ```
    #[must_use]
    pub fn parse(text: &'a [u8]) -> Self {
        let is_header = |line: &&[u8]| line.starts_with(b"slabinfo - ") || line.starts_with(b"#");
        let header: usize = text
            .split_inclusive(|byte| *byte == b'\n')
            .take_while(is_header)
            .fold(0, |length, line| length.saturating_add(line.len()));
        let (header, caches) = text.split_at_checked(header).unwrap_or((text, b""));
        Self { header, caches }
    }

    /// Adds the text, as it was parsed.
    ///
    /// ```
    /// use lxcfs_core::{Text, host::slabinfo::Slabinfo};
    ///
    /// let (host, mut text) = ("slabinfo - version: 2.1\n# name\ndentry 1 2 3\n", Text::new());
    /// Slabinfo::parse(host.as_bytes()).print(&mut text);
    /// assert_eq!(text.take(), host);
    /// ```
    pub fn print(&self, out: &mut Text) {
        out.push(self.header).push(self.caches);
    }

    /// The lines that name version and columns.
    ///
    /// ```
    /// use lxcfs_core::host::slabinfo::Slabinfo;
    ///
    /// let slabinfo = Slabinfo::parse(b"slabinfo - version: 2.1\n# name\ndentry 1 2 3\n");
    /// assert!(slabinfo.header().ends_with(b"# name\n"));
    /// ```
    #[must_use]
    pub fn header(&self) -> &'a [u8] {
        self.header
    }

    /// The lines of the caches.
    ///
    /// ```
    /// use lxcfs_core::host::slabinfo::Slabinfo;
    ///
    /// let slabinfo = Slabinfo::parse(b"slabinfo - version: 2.1\n# name\ndentry 1 2 3\n");
    /// assert_eq!(slabinfo.caches(), b"dentry 1 2 3\n");
    /// ```
    #[must_use]
    pub fn caches(&self) -> &'a [u8] {
        self.caches
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_understood_is_kept() {
        for text in [
            &b""[..],
            b"\n",
            b"#",
            b"# name",
            b"dentry 1\n# late\n",
            b"slabinfo - version: 2.1\n\n# x",
        ] {
            let mut out = Text::new();
            Slabinfo::parse(text).print(&mut out);
            assert_eq!(out.take(), text);
        }
        assert_eq!(Slabinfo::parse(b"slabinfo_cache 1\n").header(), b"");
    }
}
