//! The text that sets a trigger: `some 150000 1000000`.

/// A trigger that a caller wants: tasks stalled for that long in a window of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wanted {
    kind: &'static str,
    threshold_usec: u32,
    window_usec: u32,
}

impl Wanted {
    /// The kernel reads no more than this.
    const MOST_BYTES: usize = 31;
    /// The kernel gathers averages so often. Triggers with such windows are told then, and need no thread of the
    /// kernel's.
    const EVERYBODYS_WINDOW_USEC: u32 = 2_000_000;

    /// Reads it as the kernel's scanf does: space before a number is optional, and what follows is ignored. A number
    /// that the kernel would cut to 32 bits is no trigger. Whether the numbers make sense, the kernel says.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let text = text.get(..Self::MOST_BYTES).unwrap_or(text);
        let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
        let (kind, rest) = ["some", "full"]
            .into_iter()
            .find_map(|kind| Some((kind, text.strip_prefix(kind.as_bytes())?)))?;
        let (threshold_usec, rest) = number(rest)?;
        let (window_usec, _) = number(rest)?;
        Some(Self {
            kind,
            threshold_usec,
            window_usec,
        })
    }

    /// Whether the kernel takes it from callers without `CAP_SYS_RESOURCE`.
    pub(super) const fn is_for_everybody(&self) -> bool {
        self.window_usec.is_multiple_of(Self::EVERYBODYS_WINDOW_USEC)
    }

    /// What the kernel gets: nothing but what has been understood. `/proc/pressure/*` takes the last byte for the end
    /// of the text, whatever it is.
    pub(super) fn text(&self) -> String {
        format!("{} {} {}\0", self.kind, self.threshold_usec, self.window_usec)
    }
}

fn number(text: &[u8]) -> Option<(u32, &[u8])> {
    let text = text.trim_ascii_start();
    let digits = text
        .iter()
        .position(|byte| !byte.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, rest) = text.split_at_checked(digits)?;
    let number = std::str::from_utf8(digits).ok()?.parse().ok()?;
    Some((number, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn understood(text: &str) -> Option<String> {
        Wanted::parse(text.as_bytes()).map(|wanted| wanted.text())
    }

    #[test]
    fn a_trigger_ends_with_its_text_a_newline_or_a_zero() {
        for end in ["", "\n", "\0", "\0garbage", " and more"] {
            assert_eq!(
                understood(&format!("some 150000 1000000{end}")).as_deref(),
                Some("some 150000 1000000\0")
            );
        }
    }

    #[test]
    fn space_is_as_free_as_for_the_kernel() {
        assert_eq!(understood("full\t1  2000000").as_deref(), Some("full 1 2000000\0"));
        assert_eq!(understood("some1 2").as_deref(), Some("some 1 2\0"));
        assert_eq!(understood(" some 1 2"), None);
    }

    #[test]
    fn what_is_no_trigger_is_none() {
        for text in [
            "",
            "some",
            "some 1",
            "some 1 ",
            "any 1 2",
            "some -1 2",
            "some 1 -2",
            "some 0x10 2",
            "SOME 1 2",
            "some 1 4294967296",
            "some 99999999999999999999 1",
        ] {
            assert_eq!(understood(text), None, "{text:?}");
        }
    }

    #[test]
    fn what_the_kernel_would_not_read_is_not_read() {
        assert_eq!(understood(&format!("some 1{}2000000", " ".repeat(25))), None);
        assert_eq!(
            understood(&format!("some 1{}2000000", " ".repeat(20))).as_deref(),
            Some("some 1 20000\0"),
            "31 bytes"
        );
    }

    #[test]
    fn everybody_may_have_windows_of_multiples_of_two_seconds() {
        let is_for_everybody = |window: u32| {
            Wanted::parse(format!("some 1 {window}").as_bytes())
                .unwrap()
                .is_for_everybody()
        };
        assert!([2_000_000, 4_000_000, 10_000_000].into_iter().all(is_for_everybody));
        assert!(
            ![500_000, 1_000_000, 1_999_999, 3_000_000]
                .into_iter()
                .any(is_for_everybody)
        );
    }
}
