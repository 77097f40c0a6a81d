//! Numbers as people read them: amounts of memory, lengths of time, shares, counts.

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

/// How long somebody waited, in two or three digits: `0.9µs`, `12µs`, `1.5ms`, `30s`.
pub(crate) fn wait(ns: u64) -> String {
    const UNITS: [(&str, u64); 3] = [("µs", 1000), ("ms", 1_000_000), ("s", 1_000_000_000)];
    let mut units = UNITS.iter().peekable();
    while let Some((unit, length)) = units.next() {
        let tenths = ns.saturating_mul(10).checked_div(*length).unwrap_or(0);
        if tenths < 10_000 || units.peek().is_none() {
            return if tenths < 100 {
                format!("{}.{}{unit}", tenths / 10, tenths % 10)
            } else {
                format!("{}{unit}", tenths / 10)
            };
        }
    }
    String::new()
}

/// A count, whole up to six digits, then in three digits and a letter: `123456`, `1.23M`, `45.6G`.
pub(crate) fn count(number: u64) -> String {
    const UNITS: [(&str, u64); 4] = [
        ("M", 1_000_000),
        ("G", 1_000_000_000),
        ("T", 1_000_000_000_000),
        ("E", 1_000_000_000_000_000_000),
    ];
    let Some((letter, unit)) = UNITS.iter().rev().find(|(_, unit)| number >= *unit) else {
        return number.to_string();
    };
    let hundredths = u128::from(number)
        .saturating_mul(100)
        .checked_div(u128::from(*unit))
        .unwrap_or(0);
    match hundredths {
        0..1000 => format!("{}.{:02}{letter}", hundredths / 100, hundredths % 100),
        1000..10_000 => format!("{}.{}{letter}", hundredths / 100, hundredths % 100 / 10),
        _ => format!("{}{letter}", hundredths / 100),
    }
}

/// A number and what there are so many of: `1 container is`, `2 containers are`.
pub(crate) fn plural(number: u64, one: &str, several: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { several })
}

/// How often in a second, of thousandths: with a decimal below a hundred.
pub(crate) fn per_second(milli: u64) -> String {
    match milli {
        0 => "0".to_owned(),
        1..100_000 => {
            let tenths = milli.saturating_add(50) / 100;
            format!("{}.{}", tenths / 10, tenths % 10)
        }
        _ => count(milli.saturating_add(500) / 1000),
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
    fn waits_and_counts_have_few_digits() {
        let waits = [0, 940, 12_288, 999_999, 1_572_864, 30_000_000_000, 90_000_000_000_000];
        assert_eq!(
            waits.map(wait),
            ["0.0µs", "0.9µs", "12µs", "999µs", "1.5ms", "30s", "90000s"]
        );
        let counts = [0, 999_999, 1_234_567, 45_678_901, 456_789_012, 7_000_000_000, u64::MAX];
        assert_eq!(
            counts.map(count),
            ["0", "999999", "1.23M", "45.6M", "456M", "7.00G", "18.4E"]
        );
        let rates = [0, 40, 2991, 99_949, 812_300, 12_000_000_000];
        assert_eq!(rates.map(per_second), ["0", "0.0", "3.0", "99.9", "812", "12.0M"]);
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
