//! Amounts on the command line: sizes, numbers of CPUs, lists of CPUs.

use lxcfs_core::CpuList;

/// One CPU for a whole period of the CPU controller.
pub(crate) const PERIOD_USEC: u64 = 100_000;

/// The kernel refuses quotas below a millisecond.
const LEAST_QUOTA_USEC: u64 = 1_000;

/// A size in bytes: `256M`, `1.5G`, `512MiB`, `1048576`. Units count by 1024, as everything about memory does.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    let error = || {
        "not a size; give a number and, if you like, a unit by 1024, such as 268435456, 256M, 1.5G or 512MiB".to_owned()
    };
    let digits = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(digits).ok_or_else(error)?;
    let unit = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" | "kib" => 1 << 10,
        "m" | "mb" | "mib" => 1 << 20,
        "g" | "gb" | "gib" => 1 << 30,
        "t" | "tb" | "tib" => 1 << 40,
        _ => return Err(error()),
    };
    let bytes = decimal(number, unit).ok_or_else(error)?;
    // The kernel's counters are signed.
    match i64::try_from(bytes) {
        Ok(_) => Ok(bytes),
        Err(_) => Err("more than any machine has".to_owned()),
    }
}

/// A number of CPUs, as the microseconds of CPU time in each [`PERIOD_USEC`].
pub(crate) fn quota_usec(text: &str) -> Result<u64, String> {
    let quota = decimal(text, PERIOD_USEC)
        .ok_or_else(|| "not a number of CPUs; give a decimal number such as 0.5, 1.5 or 2".to_owned())?;
    if quota < LEAST_QUOTA_USEC {
        return Err("too little: the kernel's least is 0.01".to_owned());
    }
    if quota > PERIOD_USEC.saturating_mul(u64::from(lxcfs_core::cpu_list::MAX_CPUS)) {
        return Err("more CPUs than any kernel has".to_owned());
    }
    Ok(quota)
}

/// A list of CPUs, not empty.
pub(crate) fn cpu_list(text: &str) -> Result<CpuList, String> {
    match text.parse::<CpuList>() {
        Ok(list) if !list.is_empty() => Ok(list),
        _ => Err("not a list of CPUs; give numbers and ranges such as 1 or 0-2,5".to_owned()),
    }
}

/// A decimal number times `unit`, rounded down; no sign, no exponent.
fn decimal(text: &str, unit: u64) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    // More digits than these make no difference to a byte or a microsecond.
    if !all_digits(whole) || !all_digits(fraction) || fraction.len() > 15 {
        return None;
    }
    let whole = whole.parse::<u64>().ok()?.checked_mul(unit)?;
    let scale = 10_u128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let fraction = fraction
        .parse::<u128>()
        .ok()?
        .checked_mul(u128::from(unit))?
        .checked_div(scale)?;
    whole.checked_add(u64::try_from(fraction).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_count_by_1024() {
        for (text, bytes) in [
            ("268435456", 268_435_456),
            ("256M", 256 << 20),
            ("256m", 256 << 20),
            ("512MiB", 512 << 20),
            ("512mb", 512 << 20),
            ("1.5G", 1536 << 20),
            ("0.5k", 512),
            ("2T", 2 << 40),
            ("0", 0),
            ("12b", 12),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn what_is_no_size_is_an_error_that_shows_one() {
        for text in [
            "",
            "M",
            "256X",
            "-1",
            "1e9",
            "1..5G",
            "1.G",
            ".5G",
            "256 M",
            "0x10",
            "NaN",
            "5µ",
            "99999999T",
        ] {
            let error = size(text).unwrap_err();
            assert!(
                error.contains("256M") || error.contains("any machine"),
                "{text}: {error}"
            );
        }
    }

    #[test]
    fn cpus_become_a_quota() {
        assert_eq!(quota_usec("1.5"), Ok(150_000));
        assert_eq!(quota_usec("2"), Ok(200_000));
        assert_eq!(quota_usec("0.01"), Ok(1_000));
        for text in ["0", "0.001", "-1", "inf", "nan", "1e3", "", "99999999"] {
            assert!(quota_usec(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_cpuset_is_not_empty() {
        assert_eq!(cpu_list("0-2,5").unwrap().to_string(), "0-2,5");
        for text in ["", ",", "a", "3-1"] {
            assert!(cpu_list(text).unwrap_err().contains("0-2,5"), "{text}");
        }
    }
}
