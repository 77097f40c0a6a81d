//! The grammars of `cgroup-v2.rst`: single value, "max", flat keyed, nested keyed; and numbers as the kernel prints them.
//!
//! # References
//!
//! `Documentation/admin-guide/cgroup-v2.rst`, "Interface Files, Format".

/// An unsigned decimal number, all of the bytes and nothing else.
///
/// ```
/// use lxcfs_core::parse::number;
///
/// assert_eq!((number(b"4096"), number(b"4096\n"), number(b"max")), (Some(4096), None, None));
/// ```
#[must_use]
pub fn number(bytes: &[u8]) -> Option<u64> {
    if bytes.is_empty() {
        return None;
    }
    bytes.iter().try_fold(0_u64, |sum, byte| {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit < 10)?;
        sum.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

/// The one value of a single-value file, without its newline.
#[must_use]
pub(crate) fn value(text: &[u8]) -> &[u8] {
    text.trim_ascii()
}

/// A limit: a number, or `max` for none. What is neither counts as none too.
#[must_use]
pub(crate) fn limit(text: &[u8]) -> Option<u64> {
    number(value(text))
}

/// The lines of a text, each with its newline.
pub(crate) fn whole_lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at.saturating_add(1));
        let (line, behind) = rest.split_at_checked(end)?;
        rest = behind;
        (!line.is_empty()).then_some(line)
    })
}

/// The lines of a text, each without its newline.
///
/// ```
/// use lxcfs_core::parse::lines;
///
/// let all: Vec<_> = lines(b"0::/web\n1:name=systemd:/\n").collect();
/// assert_eq!(all, [&b"0::/web"[..], &b"1:name=systemd:/"[..]]);
/// ```
pub fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    whole_lines(text).map(|line| line.strip_suffix(b"\n").unwrap_or(line))
}

/// The words of a line: what stands between spaces and tabs.
pub(crate) fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty())
}

/// A flat keyed file (`memory.stat`, `cpu.stat`): `KEY VALUE` a line. Lines of another form are passed over.
pub(crate) fn flat_keyed(text: &[u8]) -> impl Iterator<Item = (&[u8], u64)> {
    lines(text).filter_map(|line| {
        let (key, rest) = split_once(line, b' ')?;
        Some((key, number(rest.trim_ascii())?))
    })
}

/// One key of a flat keyed file. The key is compared whole: `file` is not `file_mapped`.
#[must_use]
pub(crate) fn flat_key(text: &[u8], key: &[u8]) -> Option<u64> {
    flat_keyed(text).find(|(name, _)| *name == key).map(|(_, value)| value)
}

/// The pairs of one line of a nested keyed file (`io.stat`), behind its first word: `SUB_KEY=VALUE …`.
pub(crate) fn nested_pairs(line: &[u8]) -> impl Iterator<Item = (&[u8], u64)> {
    words(line).skip(1).filter_map(|pair| {
        let (key, rest) = split_once(pair, b'=')?;
        Some((key, number(rest)?))
    })
}

/// What stands before and behind the first `separator`.
#[must_use]
pub(crate) fn split_once(bytes: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let at = memchr::memchr(separator, bytes)?;
    let (before, rest) = bytes.split_at_checked(at)?;
    Some((before, rest.get(1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_digits_and_nothing_else() {
        assert_eq!(number(b"0"), Some(0));
        assert_eq!(number(b"18446744073709551615"), Some(u64::MAX));
        for bad in [&b""[..], b"max", b"-1", b"+1", b"1 ", b"18446744073709551616", b"1.5"] {
            assert_eq!(number(bad), None, "{}", String::from_utf8_lossy(bad));
        }
    }

    #[test]
    fn max_is_no_limit() {
        assert_eq!(limit(b"max\n"), None);
        assert_eq!(limit(b"268435456\n"), Some(268_435_456));
    }

    #[test]
    fn keys_are_compared_whole() {
        let stat = b"file_mapped 1\nfile 2\nbroken\nanon x\n\nslab 3";
        assert_eq!(flat_key(stat, b"file"), Some(2));
        assert_eq!(flat_key(stat, b"slab"), Some(3));
        assert_eq!(flat_key(stat, b"anon"), None);
    }

    #[test]
    fn nested_pairs_skip_the_device() {
        let line = b"8:0 rbytes=90 wbytes=0 bad=x rios=3";
        let pairs: Vec<_> = nested_pairs(line).collect();
        assert_eq!(pairs, [(&b"rbytes"[..], 90), (b"wbytes", 0), (b"rios", 3)]);
    }
}
