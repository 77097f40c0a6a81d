//! What is shown of the looks, and what keys do to it. Pure: looks and keys in, rows out.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;
use lxcfs_core::Init;

use super::beside_fuse::Reading;
use super::collect::{Facts, Look};
use crate::figures::per_mille;
use crate::screen::{Order, View};

/// What containers are sorted by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Sort {
    /// By name
    Name,
    /// By the pid of the first process
    Pid,
    /// The most memory in use first
    Memory,
    /// The busiest first, of what each may use
    #[default]
    Cpu,
    /// The highest load first
    Load,
    /// The youngest first
    Uptime,
    /// The most tasks first
    Tasks,
}

/// One line.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    pub(super) facts: Facts,
    /// How busy it was since the look before, in thousandths of its CPUs.
    pub(super) cpu_per_mille: Option<u64>,
    /// It was there at the look before, and now it is not.
    pub(super) has_ended: bool,
}

/// All that the screen shows.
#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) host: Option<Row>,
    rows: Vec<Row>,
    /// CPU time and when it was read, at the last look.
    before: HashMap<Option<Init>, (u64, Duration)>,
    pub(super) view: View<Sort>,
    /// What is being read, to be named if it takes too long.
    pub(super) reading: Reading,
    /// The file that has been waited for, for longer than it should take.
    pub(super) waits_for: Option<PathBuf>,
    pub(super) look: Look,
}

impl Model {
    pub(super) fn new(sort: Sort, filter: &str, reading: Reading) -> Self {
        Self {
            view: View::new(sort, filter),
            reading,
            ..Self::default()
        }
    }

    /// Takes a look into account. While paused, none is.
    pub(super) fn take(&mut self, mut look: Look) {
        self.waits_for = None;
        if self.view.is_paused {
            return;
        }
        let ended: Vec<Row> = self
            .rows
            .drain(..)
            .filter(|row| !row.has_ended && !look.containers.iter().any(|one| one.init == row.facts.init))
            .map(|row| Row {
                has_ended: true,
                cpu_per_mille: None,
                ..row
            })
            .collect();
        let containers = std::mem::take(&mut look.containers);
        self.host = Some(self.row(look.host.clone()));
        self.rows = containers.into_iter().map(|facts| self.row(facts)).collect();
        self.rows.extend(ended);
        self.before = self
            .rows
            .iter()
            .chain(&self.host)
            .filter(|row| !row.has_ended)
            .filter_map(|row| Some((row.facts.init, (row.facts.cpu_time?, row.facts.at))))
            .collect();
        self.look = look;
    }

    fn row(&self, facts: Facts) -> Row {
        let busy = || {
            let (time, at) = self.before.get(&facts.init)?;
            let used = u128::from(facts.cpu_time?.saturating_sub(*time)).saturating_mul(1000);
            let passed = facts.at.saturating_sub(*at).as_nanos();
            let could = passed.saturating_mul(u128::from(facts.capacity_milli?));
            (could > 0).then(|| per_mille(used, could))
        };
        Row {
            cpu_per_mille: busy(),
            has_ended: false,
            facts,
        }
    }

    /// How many containers there are, filter or not.
    pub(super) fn count(&self) -> usize {
        self.rows.iter().filter(|row| !row.has_ended).count()
    }

    /// The lines that the filter lets through, in order.
    pub(super) fn shown(&self) -> Vec<&Row> {
        let mut rows: Vec<_> = self.rows.iter().filter(|row| row.facts.pass(&self.view)).collect();
        rows.sort_by(|one, other| {
            let order = self.view.turned(self.view.sort.compare(one, other));
            // Equal ones stay where they are from look to look.
            order.then_with(|| Sort::Pid.compare(one, other))
        });
        rows
    }

    /// The part of the lines that is on a screen of that height; scrolls back to where there is something.
    pub(super) fn page(&mut self, height: usize) -> (Vec<Row>, usize) {
        let rows: Vec<Row> = self.shown().into_iter().cloned().collect();
        let total = rows.len();
        self.view.stay_within(total, height);
        (rows.into_iter().skip(self.view.scrolled).take(height).collect(), total)
    }
}

impl Facts {
    fn pass(&self, view: &View<Sort>) -> bool {
        let pid = self.init.map(|init| init.pid.to_string()).unwrap_or_default();
        let hostname = self.hostname.as_deref().unwrap_or_default();
        view.lets_through(&[&self.name, hostname, &self.command, &pid])
    }
}

impl Order for Sort {
    fn of_letter(letter: char) -> Option<Self> {
        Some(match letter {
            'n' => Self::Name,
            'p' => Self::Pid,
            'm' => Self::Memory,
            'c' => Self::Cpu,
            'l' => Self::Load,
            'u' => Self::Uptime,
            't' => Self::Tasks,
            _ => return None,
        })
    }
}

impl Sort {
    fn compare(self, one: &Row, other: &Row) -> Ordering {
        let pid = |row: &Row| row.facts.init.map(|init| init.pid);
        let memory = |row: &Row| row.facts.memory.map(|memory| memory.used());
        let load = |row: &Row| row.facts.load.map(|load| load.averages_hundredths);
        let tasks = |row: &Row| row.facts.load.map(|load| load.threads);
        match self {
            Self::Name => one.facts.name.cmp(&other.facts.name),
            Self::Pid => pid(one).cmp(&pid(other)),
            Self::Memory => memory(other).cmp(&memory(one)),
            Self::Cpu => other.cpu_per_mille.cmp(&one.cpu_per_mille),
            Self::Load => load(other).cmp(&load(one)),
            Self::Uptime => one.facts.age.cmp(&other.facts.age),
            Self::Tasks => tasks(other).cmp(&tasks(one)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::screen::Asked;

    fn facts(pid: u32, secs: u64, used_millis: u64) -> Facts {
        Facts {
            init: Some(Init { pid, start_ticks: 1 }),
            name: format!("ct{pid}"),
            cpu_time: Some(used_millis * 1_000_000),
            capacity_milli: Some(500),
            at: Duration::from_secs(secs),
            ..Facts::default()
        }
    }

    fn look(containers: Vec<Facts>) -> Look {
        Look {
            containers,
            ..Look::default()
        }
    }

    fn names(model: &Model) -> Vec<&str> {
        model.shown().iter().map(|row| row.facts.name.as_str()).collect()
    }

    #[test]
    fn all_of_its_quota_is_a_hundred_percent() {
        let mut model = Model::new(Sort::Cpu, "", Reading::default());
        model.take(look(vec![facts(1, 10, 100), facts(2, 10, 0)]));
        assert!(model.shown().iter().all(|row| row.cpu_per_mille.is_none()));
        model.take(look(vec![facts(1, 12, 100), facts(2, 12, 1000)]));
        let shown: Vec<_> = model.shown().iter().map(|row| row.cpu_per_mille).collect();
        assert_eq!(shown, [Some(1000), Some(0)]);
        assert_eq!(names(&model), ["ct2", "ct1"]);
    }

    #[test]
    fn a_container_that_has_ended_is_shown_once_more() {
        let mut model = Model::new(Sort::Pid, "", Reading::default());
        model.take(look(vec![facts(1, 10, 0), facts(2, 10, 0)]));
        model.take(look(vec![facts(2, 12, 0)]));
        assert_eq!(names(&model), ["ct1", "ct2"]);
        assert!(model.shown()[0].has_ended && !model.shown()[1].has_ended);
        assert_eq!(model.count(), 1);
        model.take(look(vec![facts(2, 14, 0)]));
        assert_eq!(names(&model), ["ct2"]);
    }

    #[test]
    fn another_container_with_the_same_pid_does_not_go_on_where_the_first_was() {
        let mut model = Model::new(Sort::Pid, "", Reading::default());
        model.take(look(vec![facts(1, 10, 900)]));
        let mut other = facts(1, 12, 10);
        other.init = Some(Init { pid: 1, start_ticks: 2 });
        model.take(look(vec![other]));
        assert!(model.shown().iter().all(|row| row.cpu_per_mille.is_none()));
    }

    #[test]
    fn a_pause_stops_the_lines_and_not_the_counters() {
        let mut model = Model::new(Sort::Pid, "", Reading::default());
        model.take(look(vec![facts(1, 10, 0)]));
        model.view.apply(Asked::Pause);
        model.take(look(vec![]));
        assert_eq!(names(&model), ["ct1"]);
        model.view.apply(Asked::Pause);
        model.take(look(vec![facts(1, 20, 2500)]));
        assert_eq!(model.shown()[0].cpu_per_mille, Some(500));
    }

    #[test]
    fn a_filter_looks_at_names_and_pids_whatever_the_case() {
        let mut model = Model::new(Sort::Pid, "", Reading::default());
        let mut web = facts(7, 1, 0);
        web.hostname = Some("Web".to_owned());
        model.take(look(vec![web, facts(8, 1, 0)]));
        model.view.apply(Asked::Filter);
        for letter in "wEB".chars() {
            model.view.apply(Asked::Letter(letter));
        }
        assert_eq!(names(&model), ["ct7"]);
        model.view.apply(Asked::Erase);
        assert_eq!(model.view.filter, "wE");
        model.view.apply(Asked::Clear);
        assert!(!model.view.is_typing);
        model.view.filter = "8".to_owned();
        assert_eq!(names(&model), ["ct8"]);
    }

    #[test]
    fn scrolling_ends_where_the_lines_do() {
        let mut model = Model::new(Sort::Pid, "", Reading::default());
        model.take(look((1..=30).map(|pid| facts(pid, 1, 0)).collect()));
        model.view.apply(Asked::Last);
        let (page, total) = model.page(10);
        assert_eq!((page[0].facts.name.as_str(), page.len(), total), ("ct21", 10, 30));
        model.view.apply(Asked::Scroll(-5));
        assert_eq!(model.page(10).0[0].facts.name, "ct16");
        model.view.apply(Asked::First);
        assert_eq!(model.page(100).0.len(), 30);
    }

    #[test]
    fn every_order_can_be_turned_around() {
        let mut model = Model::new(Sort::Name, "", Reading::default());
        model.take(look(vec![facts(1, 1, 0), facts(2, 1, 0)]));
        for sort in Sort::value_variants() {
            model.view.apply(Asked::Sort(*sort));
            assert_eq!(names(&model)[0], "ct1", "{sort:?}: equal ones are sorted by pid");
        }
        model.view.apply(Asked::Sort(Sort::Name));
        model.view.apply(Asked::Reverse);
        assert_eq!(names(&model), ["ct2", "ct1"]);
    }
}
