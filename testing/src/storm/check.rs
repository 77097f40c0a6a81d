//! What a text must be like to be a whole rendering of the reader's own container.

use super::clock::now;
use super::told::Told;

/// Ticks in a second, in `/proc/stat`.
const TICKS: u64 = 100;

/// Whether that is a whole rendering of a file, in the form that it had when nothing happened, and with the values of
/// this container.
pub(crate) fn check(file: &str, text: &str, form: &str, told: &Told) -> Result<(), String> {
    whole(file, text)?;
    let same_form = match file {
        // A device may be used for the first time.
        "proc/diskstats" => text.lines().all(|line| line.split_whitespace().count() >= 14),
        _ => shape(text) == form,
    };
    if !same_form {
        return Err("its form is another".to_owned());
    }
    own(file, text, told)
}

fn whole(file: &str, text: &str) -> Result<(), String> {
    if text.contains('\0') {
        return Err("there is a hole in it".to_owned());
    }
    let may_be_empty = matches!(file, "proc/diskstats" | "sys/devices/system/cpu/offline");
    if text.ends_with('\n') || may_be_empty && text.is_empty() {
        return Ok(());
    }
    Err("it does not end with its last line".to_owned())
}

fn own(file: &str, text: &str, told: &Told) -> Result<(), String> {
    match file {
        "proc/meminfo" => meminfo(text, told),
        "proc/cpuinfo" => equal("CPUs", lines_with(text, "processor"), told.cpus),
        "proc/stat" => stat(text, told),
        "proc/uptime" => uptime(text, told),
        "proc/loadavg" => loadavg(text, told),
        "sys/devices/system/cpu/online" => equal("CPUs", cpus_of(text), told.cpus),
        _ => Ok(()),
    }
}

fn meminfo(text: &str, told: &Told) -> Result<(), String> {
    let first = format!("MemTotal:{:>15} kB\n", told.memory_kib);
    if !text.starts_with(&first) {
        return Err(format!("it does not begin with {first:?}"));
    }
    for key in [
        "MemFree",
        "MemAvailable",
        "Cached",
        "Active",
        "Inactive",
        "AnonPages",
        "Slab",
    ] {
        let value = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
        let value = value.and_then(|value| value.trim().trim_end_matches(" kB").parse::<u64>().ok());
        // Kernels differ in the lines that they have.
        if value.is_some_and(|value| value > told.memory_kib) {
            return Err(format!("{key} is more than all memory"));
        }
    }
    Ok(())
}

fn stat(text: &str, told: &Told) -> Result<(), String> {
    // The first line is for all of them.
    equal("CPUs", lines_with(text, "cpu").saturating_sub(1), told.cpus)?;
    let all = text.lines().next().unwrap_or_default();
    let sum = all
        .split_whitespace()
        .filter_map(|word| word.parse::<u64>().ok())
        .fold(0, u64::saturating_add);
    // A container may use more than its share for a moment.
    let most = age(told)
        .saturating_add(5)
        .saturating_mul(TICKS)
        .saturating_mul(told.cpus);
    at_most("the sum of its time", sum, most)
}

fn uptime(text: &str, told: &Told) -> Result<(), String> {
    let seconds = text.split('.').next().and_then(|seconds| seconds.parse().ok());
    let seconds = seconds.ok_or("it does not begin with a number")?;
    at_most("the time since its start", seconds, age(told))
}

fn loadavg(text: &str, told: &Told) -> Result<(), String> {
    let tasks = text.split_whitespace().nth(3).and_then(|tasks| tasks.split_once('/'));
    let tasks = tasks
        .and_then(|(_, all)| all.parse().ok())
        .ok_or("there are no tasks in it")?;
    at_most("its number of tasks", tasks, told.tasks)
}

/// How many seconds the container cannot have been there longer than.
fn age(told: &Told) -> u64 {
    now().saturating_sub(told.born).as_secs().saturating_add(2)
}

fn lines_with(text: &str, start: &str) -> u64 {
    let count = text.lines().filter(|line| line.starts_with(start)).count();
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// How many CPUs `0-2,5` are.
fn cpus_of(list: &str) -> u64 {
    let of_range = |range: &str| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let number = |text: &str| text.parse::<u64>().ok();
        Some(number(last)?.checked_sub(number(first)?)?.saturating_add(1))
    };
    list.trim().split(',').filter_map(of_range).fold(0, u64::saturating_add)
}

fn equal(what: &str, is: u64, should_be: u64) -> Result<(), String> {
    (is == should_be)
        .then_some(())
        .ok_or_else(|| format!("{is} {what} instead of {should_be}"))
}

fn at_most(what: &str, is: u64, most: u64) -> Result<(), String> {
    (is <= most)
        .then_some(())
        .ok_or_else(|| format!("{what} is {is} and cannot be more than {most}"))
}

/// A text with every number, and the blanks before it, as `#`: what is the same in two renderings of one file.
pub(crate) fn shape(text: &str) -> String {
    let mut shape = String::new();
    for letter in text.chars() {
        match letter {
            '0'..='9' if shape.ends_with('#') => {}
            '0'..='9' => {
                shape.truncate(shape.trim_end_matches(' ').len());
                shape.push('#');
            }
            _ => shape.push(letter),
        }
    }
    shape
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::time::Duration;

    use super::*;

    fn told() -> Told {
        Told {
            files: Vec::new(),
            threads: 1,
            rest: Duration::ZERO,
            waiters: false,
            may_be_lost: false,
            until: PathBuf::new(),
            patience: Duration::ZERO,
            memory_kib: 65536,
            cpus: 1,
            born: now(),
            tasks: 10,
        }
    }

    fn checked(file: &str, text: &str) -> Result<(), String> {
        check(file, text, &shape(text), &told())
    }

    #[test]
    fn the_hosts_values_are_found() {
        assert_eq!(
            checked("proc/meminfo", "MemTotal:          65536 kB\nMemFree: 5 kB\n"),
            Ok(())
        );
        assert!(checked("proc/meminfo", "MemTotal:       24000000 kB\n").is_err());
        assert!(checked("proc/meminfo", "MemTotal:          65536 kB\nMemFree: 70000 kB\n").is_err());
        assert_eq!(checked("proc/stat", "cpu  1 2 3\ncpu0 1 2 3\n"), Ok(()));
        assert!(checked("proc/stat", "cpu  1 2 3\ncpu0 1 2 3\ncpu1 1 2 3\n").is_err());
        assert!(checked("proc/stat", "cpu  1 2 90000\ncpu0 1 2 3\n").is_err());
        assert_eq!(checked("proc/uptime", "0.00 0.00\n"), Ok(()));
        assert!(checked("proc/uptime", "5000.00 0.00\n").is_err());
        assert_eq!(checked("proc/loadavg", "0.00 0.00 0.00 1/4 7\n"), Ok(()));
        assert!(checked("proc/loadavg", "0.00 0.00 0.00 1/400 7\n").is_err());
        assert_eq!(checked("sys/devices/system/cpu/online", "0\n"), Ok(()));
        assert!(checked("sys/devices/system/cpu/online", "0-1\n").is_err());
    }

    #[test]
    fn a_torn_text_is_found() {
        let meminfo = "MemTotal:          65536 kB\nMemFree:            5 kB\nCached:  7 kB\n";
        let form = shape(meminfo);
        for torn in [
            "MemTotal:          65536 kB\nMemFree:            5 kB\n",
            "MemTotal:          65536 kB\nMemFree:            5 kB\nCached:  7",
            "MemTotal:          65536 kB\nMemFree:            5 kB\nhed:  7 kB\n",
            "",
        ] {
            assert!(check("proc/meminfo", torn, &form, &told()).is_err(), "{torn:?}");
        }
        assert_eq!(checked("proc/diskstats", ""), Ok(()));
        assert!(checked("proc/diskstats", " 8 0 sda 1 2 3\n").is_err());
    }
}
