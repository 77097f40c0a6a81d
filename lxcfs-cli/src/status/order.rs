//! In which order the containers of a daemon are shown. Pure.

use std::cmp::Ordering;

use clap::ValueEnum;

use super::rows::Row;
use crate::screen::{Order, View};

/// What containers are sorted by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Sort {
    /// By name
    Name,
    /// By the pid of the first process
    Pid,
    /// Those first that read most now
    #[default]
    Rate,
    /// Those first that have read most
    Reads,
    /// The most errors first
    Errors,
    /// Those first whose readers wait longest now
    P99,
    /// Those first that have asked last
    Idle,
}

impl Order for Sort {
    fn of_letter(letter: char) -> Option<Self> {
        Some(match letter {
            'n' => Self::Name,
            'p' => Self::Pid,
            's' => Self::Rate,
            't' => Self::Reads,
            'e' => Self::Errors,
            'l' => Self::P99,
            'i' => Self::Idle,
            _ => return None,
        })
    }
}

impl Sort {
    fn compare(self, one: &Row, other: &Row) -> Ordering {
        let rate = |row: &Row| row.now.as_ref().map(|now| now.rate_milli);
        let p99 = |row: &Row| row.waits_ns()[1];
        match self {
            Self::Name => one.name.cmp(&other.name),
            Self::Pid => one.container.pid.cmp(&other.container.pid),
            Self::Rate => rate(other).cmp(&rate(one)),
            Self::Reads => other.container.all_reads().cmp(&one.container.all_reads()),
            Self::Errors => other.container.errors.cmp(&one.container.errors),
            Self::P99 => p99(other).cmp(&p99(one)),
            Self::Idle => one.idle.cmp(&other.idle),
        }
    }
}

/// The lines that the filter lets through, in order.
pub(super) fn shown<'r>(rows: &'r [Row], view: &View<Sort>) -> Vec<&'r Row> {
    let passes = |row: &&Row| {
        let pid = row.container.pid.map(|pid| pid.to_string()).unwrap_or_default();
        view.lets_through(&[&row.name, &row.container.cgroup, &pid])
    };
    let mut rows: Vec<&Row> = rows.iter().filter(passes).collect();
    rows.sort_by(|one, other| {
        let order = view.turned(view.sort.compare(one, other));
        // Those that do nothing now are sorted by what they have done; equal ones stay where they are from look to look.
        let order = order.then_with(|| Sort::Reads.compare(one, other));
        order.then_with(|| one.identity().cmp(&other.identity()))
    });
    rows
}

#[cfg(test)]
mod tests {
    use super::super::example::{container, status};
    use super::super::rows::rows;
    use super::*;

    fn names(view: &View<Sort>) -> Vec<String> {
        let containers = |of_first, of_second| {
            vec![
                container(1, 0, &[("proc/stat", of_first)]),
                container(2, 0, &[("proc/stat", of_second)]),
                container(3, 0, &[("proc/stat", 500)]),
            ]
        };
        let rows = rows(
            Some(&status(1000, containers(900, 10))),
            &status(2000, containers(901, 60)),
        );
        shown(&rows, view).iter().map(|row| row.name.clone()).collect()
    }

    #[test]
    fn who_reads_most_now_comes_first_then_who_has_read_most() {
        assert_eq!(names(&View::new(Sort::Rate, "")), ["lxc ct2", "lxc ct1", "lxc ct3"]);
        assert_eq!(names(&View::new(Sort::Reads, "")), ["lxc ct1", "lxc ct3", "lxc ct2"]);
        assert_eq!(names(&View::new(Sort::Errors, "")), ["lxc ct1", "lxc ct3", "lxc ct2"]);
        let mut turned = View::new(Sort::Name, "");
        turned.reversed = true;
        assert_eq!(names(&turned), ["lxc ct3", "lxc ct2", "lxc ct1"]);
    }

    #[test]
    fn a_filter_looks_at_names_cgroups_and_pids() {
        for filter in ["CT2", "/lxc/ct2", "2"] {
            assert_eq!(names(&View::new(Sort::Rate, filter)), ["lxc ct2"], "{filter}");
        }
    }
}
