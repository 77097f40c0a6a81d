//! Numbers as people read them: amounts of memory, lengths of time, shares.

use std::time::Duration;

/// An amount of memory in three digits and a unit: `61.2M`, `256M`, `1.5G`.
pub(crate) fn memory(kib: u64) -> String {
    const UNITS: [&str; 5] = ["K", "M", "G", "T", "P"];
    let mut tenths = u128::from(kib).saturating_mul(10);
    let mut units = UNITS.iter().peekable();
    while let Some(unit) = units.next() {
        if tenths < 10_240 || units.peek().is_none() {
            return if tenths < 1000 && tenths % 10 != 0 {
                format!("{}.{}{unit}", tenths / 10, tenths % 10)
            } else {
                format!("{}{unit}", tenths / 10)
            };
        }
        tenths /= 1024;
    }
    String::new()
}

/// A length of time in its two greatest units: `12s`, `5m07s`, `3h20m`, `14d06h`.
pub(crate) fn time(length: Duration) -> String {
    let secs = length.as_secs();
    let (mins, hours, days) = (secs / 60, secs / 3600, secs / 86_400);
    match (days, hours, mins) {
        (0, 0, 0) => format!("{secs}s"),
        (0, 0, _) => format!("{mins}m{:02}s", secs % 60),
        (0, _, _) => format!("{hours}h{:02}m", mins % 60),
        _ => format!("{days}d{:02}h", hours % 24),
    }
}

/// Hundredths with their point: `1.25`.
pub(crate) fn hundredths(number: u64) -> String {
    format!("{}.{:02}", number / 100, number % 100)
}

/// Hundredths, rounded to tenths: `1.3`.
pub(crate) fn tenths(hundredths: u64) -> String {
    let tenths = hundredths.saturating_add(5) / 10;
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// Thousandths of a CPU, with as many decimals as they need: `2`, `0.5`, `1.25`.
pub(crate) fn cpus(milli: u64) -> String {
    let text = format!("{}.{:03}", milli / 1000, milli % 1000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// How many thousandths `part` is of `whole`; nothing of nothing.
pub(crate) fn per_mille(part: u128, whole: u128) -> u64 {
    let share = part.saturating_mul(1000).checked_div(whole).unwrap_or(0);
    u64::try_from(share).unwrap_or(u64::MAX)
}

/// Thousandths as a percentage: whole from 10 % on, with a decimal below.
pub(crate) fn percent(per_mille: u64) -> String {
    if per_mille < 100 {
        format!("{}.{}%", per_mille / 10, per_mille % 10)
    } else {
        format!("{}%", per_mille / 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_has_three_digits_at_most_before_its_unit() {
        for (kib, text) in [
            (0, "0K"),
            (1023, "1023K"),
            (1024, "1M"),
            (262_144, "256M"),
            (62_669, "61.2M"),
            (24_684_096, "23.5G"),
            (1 << 30, "1T"),
            (1 << 51, "2048P"),
        ] {
            assert_eq!(memory(kib), text);
        }
        assert!(memory(u64::MAX).ends_with('P'));
    }

    #[test]
    fn times_have_two_units() {
        for (secs, text) in [
            (0, "0s"),
            (59, "59s"),
            (307, "5m07s"),
            (12_000, "3h20m"),
            (1_231_200, "14d06h"),
        ] {
            assert_eq!(time(Duration::from_secs(secs)), text);
        }
    }

    #[test]
    fn shares_and_cpus_have_the_decimals_that_they_need() {
        assert_eq!([0, 99, 100, 1000].map(percent), ["0.0%", "9.9%", "10%", "100%"]);
        assert_eq!([2000, 500, 1250, 1].map(cpus), ["2", "0.5", "1.25", "0.001"]);
        assert_eq!(per_mille(1, 0), 0);
        assert_eq!(per_mille(1, 4), 250);
        assert_eq!(hundredths(105), "1.05");
        assert_eq!([0, 104, 9996].map(tenths), ["0.0", "1.0", "100.0"]);
    }
}
