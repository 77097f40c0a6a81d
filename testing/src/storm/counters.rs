//! Counters of a text, by name: what must never fall.

use std::collections::BTreeMap;

/// The highest values that were seen.
pub(crate) type Counters = BTreeMap<String, u64>;

/// The counters of a file.
pub(crate) fn counters(file: &str, text: &str) -> Counters {
    match file {
        "proc/stat" => of_lines(text.lines().filter(|line| line.starts_with("cpu")), 0, &[]),
        // Major and minor number and name; the ninth column after these is what is in flight.
        "proc/diskstats" => of_lines(text.lines(), 2, &[8]),
        "proc/uptime" => of_uptime(text),
        _ if file.starts_with("proc/pressure/") => of_pressure(text),
        _ => Counters::new(),
    }
}

/// Lines of numbers; which column has the name, and which of those behind it are no counters.
fn of_lines<'t>(lines: impl Iterator<Item = &'t str>, name: usize, except: &[usize]) -> Counters {
    let mut all = Counters::new();
    for line in lines {
        let mut words = line.split_whitespace().skip(name);
        let name = words.next().unwrap_or_default();
        for (column, word) in words.enumerate().filter(|(column, _)| !except.contains(column)) {
            if let Ok(value) = word.parse() {
                all.insert(format!("{name} {column}"), value);
            }
        }
    }
    all
}

fn of_uptime(text: &str) -> Counters {
    let hundredths = |word: &str| word.replace('.', "").parse().ok();
    let values = text.split_whitespace().map_while(hundredths);
    ["up", "idle"].map(str::to_owned).into_iter().zip(values).collect()
}

fn of_pressure(text: &str) -> Counters {
    text.lines()
        .filter_map(|line| {
            let (before, total) = line.split_once("total=")?;
            let name = before.split(' ').next()?;
            Some((name.to_owned(), total.trim().parse().ok()?))
        })
        .collect()
}

/// Which counter is lower than it was, if one is.
pub(crate) fn fallen(before: &Counters, now: &Counters) -> Option<String> {
    before.iter().find_map(|(name, before)| {
        let now = now.get(name)?;
        (now < before).then(|| format!("{name} was {before} and is {now}"))
    })
}

/// The higher of both, of each.
pub(crate) fn raise(highest: &mut Counters, more: &Counters) {
    for (name, value) in more {
        let highest = highest.entry(name.clone()).or_default();
        *highest = (*highest).max(*value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_flight_may_fall_and_nothing_else() {
        let before = counters("proc/diskstats", "   8 0 sda 1 2 3 4 5 6 7 8 9 10 11\n");
        let less_in_flight = counters("proc/diskstats", "   8 0 sda 1 2 3 4 5 6 7 8 0 10 11\n");
        let less_read = counters("proc/diskstats", "   8 0 sda 0 2 3 4 5 6 7 8 9 10 11\n");
        assert_eq!(fallen(&before, &less_in_flight), None);
        assert_eq!(fallen(&before, &less_read).unwrap(), "sda 0 was 1 and is 0");
    }

    #[test]
    fn a_second_is_more_than_its_hundredths() {
        let before = counters("proc/uptime", "9.99 0.50\n");
        assert_eq!(before["up"], 999);
        assert_eq!(fallen(&before, &counters("proc/uptime", "10.00 0.50\n")), None);
        assert!(fallen(&before, &counters("proc/uptime", "10.00 0.49\n")).is_some());
    }

    #[test]
    fn the_highest_of_all_is_kept() {
        let mut highest = counters("proc/pressure/cpu", "some avg10=0.00 total=7\n");
        raise(
            &mut highest,
            &counters("proc/pressure/cpu", "some avg10=0.00 total=5\n"),
        );
        assert_eq!(highest["some"], 7);
        assert_eq!(counters("proc/stat", "cpu  1 2\nintr 5\n").len(), 2);
    }
}
