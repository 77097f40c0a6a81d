//! Text as the kernel prints it: columns, centiseconds, fixed-point loads; becomes [`Bytes`].

use bytes::{Bytes, BytesMut};

/// A buffer that a virtual file is rendered into.
///
/// [`take`](Self::take) hands the text out without copying. A `Text` that is kept and used again allocates nothing
/// once the [`Bytes`] of the last rendering have been dropped.
///
/// ```
/// use lxcfs_core::Text;
///
/// let mut text = Text::new();
/// text.push("MemTotal:       ").number_in(262_144, 8).push(" kB\n");
/// assert_eq!(text.take(), "MemTotal:         262144 kB\n");
/// ```
#[derive(Debug, Default)]
pub struct Text {
    buffer: BytesMut,
}

const SPACES: &[u8; 64] = &[b' '; 64];

impl Text {
    /// An empty text.
    ///
    /// ```
    /// use lxcfs_core::Text;
    ///
    /// assert!(Text::new().is_empty());
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty text with room for `capacity` bytes.
    ///
    /// ```
    /// use lxcfs_core::Text;
    ///
    /// let mut text = Text::with_capacity(4096);
    /// assert_eq!(text.push("MemTotal:").len(), 9);
    /// ```
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self {
            buffer: BytesMut::with_capacity(capacity),
        }
    }

    /// Adds bytes as they are.
    ///
    /// ```
    /// use lxcfs_core::Text;
    ///
    /// let mut text = Text::new();
    /// text.push("cpu").push(b"  0\n");
    /// assert_eq!(text.take(), "cpu  0\n");
    /// ```
    pub fn push(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.buffer.extend_from_slice(bytes.as_ref());
        self
    }

    /// Adds a decimal number.
    ///
    /// ```
    /// use lxcfs_core::Text;
    ///
    /// let mut text = Text::new();
    /// text.push("btime ").number(1_700_000_000).push("\n");
    /// assert_eq!(text.take(), "btime 1700000000\n");
    /// ```
    pub fn number(&mut self, number: u64) -> &mut Self {
        self.push(itoa::Buffer::new().format(number))
    }

    /// Adds a decimal number, right-aligned in `width` columns; a longer number takes the room that it needs.
    ///
    /// ```
    /// use lxcfs_core::Text;
    ///
    /// let mut text = Text::new();
    /// text.number_in(42, 4).push("|").number_in(12345, 4);
    /// assert_eq!(text.take(), "  42|12345");
    /// ```
    pub fn number_in(&mut self, number: u64, width: usize) -> &mut Self {
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(number);
        self.spaces(width.saturating_sub(digits.len())).push(digits)
    }

    /// Adds that many spaces.
    ///
    /// ```
    /// use lxcfs_core::Text;
    ///
    /// assert_eq!(Text::new().push("a").spaces(3).push("b").as_bytes(), b"a   b");
    /// ```
    pub fn spaces(&mut self, count: usize) -> &mut Self {
        let mut left = count;
        while left > 0 {
            let chunk = SPACES.get(..left).unwrap_or(SPACES);
            self.buffer.extend_from_slice(chunk);
            left = left.saturating_sub(chunk.len());
        }
        self
    }

    /// Adds hundredths as `units.hh`, as `/proc/uptime` shows centiseconds.
    ///
    /// ```
    /// use lxcfs_core::Text;
    ///
    /// let mut text = Text::new();
    /// text.hundredths(35_073_547).push(" ").hundredths(5).push("\n");
    /// assert_eq!(text.take(), "350735.47 0.05\n");
    /// ```
    pub fn hundredths(&mut self, hundredths: u64) -> &mut Self {
        let fraction = hundredths % 100;
        self.number(hundredths / 100)
            .push(if fraction < 10 { ".0" } else { "." })
            .number(fraction)
    }

    /// The number of bytes so far.
    ///
    /// ```
    /// use lxcfs_core::Text;
    ///
    /// assert_eq!(Text::new().number(4096).len(), 4);
    /// ```
    #[must_use]
    pub fn len(&self) -> usize {
        self.buffer.len()
    }

    /// Whether nothing has been added yet.
    ///
    /// ```
    /// use lxcfs_core::Text;
    ///
    /// let mut text = Text::new();
    /// assert!(!text.push("0-3\n").is_empty());
    /// text.take();
    /// assert!(text.is_empty());
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// What has been added so far.
    ///
    /// ```
    /// use lxcfs_core::Text;
    ///
    /// assert_eq!(Text::new().push("0-3\n").as_bytes(), b"0-3\n");
    /// ```
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.buffer
    }

    /// Hands the text out and leaves an empty buffer behind.
    ///
    /// ```
    /// use lxcfs_core::Text;
    ///
    /// let mut text = Text::new();
    /// let first = text.push("1\n").take();
    /// let second = text.push("2\n").take();
    /// assert_eq!((&first[..], &second[..]), (&b"1\n"[..], &b"2\n"[..]));
    /// ```
    pub fn take(&mut self) -> Bytes {
        self.buffer.split().freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(add: impl FnOnce(&mut Text)) -> Bytes {
        let mut text = Text::new();
        add(&mut text);
        text.take()
    }

    #[test]
    fn numbers_are_aligned_as_printf_does() {
        for (number, width) in [
            (0, 0),
            (0, 8),
            (7, 1),
            (12_345_678, 8),
            (123_456_789, 8),
            (u64::MAX, 5),
            (1, 70),
        ] {
            let ours = shown(|text| {
                text.number_in(number, width);
            });
            assert_eq!(ours, format!("{number:>width$}"));
        }
    }

    #[test]
    fn hundredths_always_have_two_digits() {
        for (value, text) in [
            (0, "0.00"),
            (5, "0.05"),
            (50, "0.50"),
            (100, "1.00"),
            (35_073_547, "350735.47"),
        ] {
            assert_eq!(
                shown(|out| {
                    out.hundredths(value);
                }),
                text
            );
        }
    }

    #[test]
    fn a_text_that_is_used_again_keeps_its_buffer() {
        let mut text = Text::with_capacity(4096);
        let first = text.push("x".repeat(4000)).take();
        let address = first.as_ptr();
        drop(first);
        let second = text.push("y".repeat(4000)).take();
        assert_eq!(second.as_ptr(), address);
    }
}
