//! Two looks at a daemon → a line for each container: what it does now. Pure.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use lxcfs_fuse::status::{Container, Latency, Status};

use crate::figures::per_mille;
use crate::name;

/// A container.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    pub(super) container: Container,
    pub(super) name: String,
    /// How long ago it was met.
    pub(super) age: Duration,
    /// How long ago it asked last.
    pub(super) idle: Duration,
    /// What it has done since the look before; `None` where there is nothing to compare with.
    pub(super) now: Option<Now>,
}

/// What a container has done from one look to the next.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Now {
    pub(super) reads: BTreeMap<String, u64>,
    pub(super) errors: u64,
    pub(super) latency: Latency,
    /// Thousandths of a read in a second.
    pub(super) rate_milli: u64,
    /// Of all that was read in that time, in thousandths.
    pub(super) share: u64,
}

/// What a container is known by from look to look.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Identity {
    pid: Option<u32>,
    cgroup: String,
    met_at_ms: u64,
}

impl Identity {
    pub(super) fn of(container: &Container) -> Self {
        Self {
            pid: container.pid,
            cgroup: container.cgroup.clone(),
            met_at_ms: container.met_at_ms,
        }
    }
}

impl Row {
    pub(super) fn identity(&self) -> Identity {
        Identity::of(&self.container)
    }

    /// How long half of its readers, and 99 of 100, have waited at most since the look before, in nanoseconds.
    pub(super) fn waits_ns(&self) -> [Option<u64>; 2] {
        let within = |permille| self.now.as_ref()?.latency.within_ns(permille);
        [within(500), within(990)]
    }

    /// The file that it reads most, and its share in thousandths: since the look before, or of all if nothing was read since then.
    pub(super) fn most_read(&self) -> Option<(&str, u64)> {
        let now = self.now.as_ref().map(|now| &now.reads);
        let reads = now.filter(|reads| !reads.is_empty()).unwrap_or(&self.container.reads);
        let all = reads.values().map(|count| u128::from(*count)).sum::<u128>();
        let (path, most) = reads.iter().max_by_key(|(_, count)| **count)?;
        Some((short(path), per_mille((*most).into(), all)))
    }

    /// Its files, the most read first: path, thousandths of a read in a second, all reads.
    pub(super) fn files(&self, seconds: Option<Duration>) -> Vec<(&str, Option<u64>, u64)> {
        let rate = |path: &str| {
            let count = self.now.as_ref()?.reads.get(path).copied().unwrap_or(0);
            Some(rate_milli(count, seconds?))
        };
        let files = self.container.reads.iter();
        let mut files: Vec<_> = files.map(|(path, all)| (path.as_str(), rate(path), *all)).collect();
        files.sort_by_key(|(_, rate, all)| Reverse((*rate, *all)));
        files
    }
}

/// How much time is between two looks; `None` if there is no look before.
pub(super) fn apart(before: Option<&Status>, now: &Status) -> Option<Duration> {
    let apart = Duration::from_millis(now.at_ms.saturating_sub(before?.at_ms));
    Some(apart).filter(|apart| !apart.is_zero())
}

/// Thousandths of how often something happens in a second.
pub(super) fn rate_milli(count: u64, within: Duration) -> u64 {
    let millionths = u128::from(count).saturating_mul(1_000_000);
    let rate = millionths.checked_div(within.as_millis()).unwrap_or(0);
    u64::try_from(rate).unwrap_or(u64::MAX)
}

/// A line for each container.
pub(super) fn rows(before: Option<&Status>, now: &Status) -> Vec<Row> {
    let apart = apart(before, now);
    let known: BTreeMap<Identity, &Container> = before
        .into_iter()
        .flat_map(|before| &before.containers)
        .map(|container| (Identity::of(container), container))
        .collect();
    let row = |container: &Container| {
        let earlier = known.get(&Identity::of(container)).copied();
        // One that was met since then has done all that it has done since then.
        let is_new = before.is_some_and(|before| container.met_at_ms >= before.at_ms);
        let ago = |at_ms| Duration::from_millis(now.at_ms.saturating_sub(at_ms));
        Row {
            name: name_of(container),
            age: ago(container.met_at_ms),
            idle: ago(container.asked_at_ms),
            now: apart
                .filter(|_| earlier.is_some() || is_new)
                .map(|apart| since(earlier, container, apart)),
            container: container.clone(),
        }
    };
    let mut rows: Vec<Row> = now.containers.iter().map(row).collect();
    let all = rows.iter().filter_map(|row| row.now.as_ref()).map(Now::all_reads);
    let all = all.fold(0, u128::saturating_add);
    for now in rows.iter_mut().filter_map(|row| row.now.as_mut()) {
        now.share = per_mille(now.all_reads(), all);
    }
    rows
}

impl Now {
    fn all_reads(&self) -> u128 {
        self.reads.values().map(|count| u128::from(*count)).sum()
    }
}

fn since(earlier: Option<&Container>, now: &Container, apart: Duration) -> Now {
    let none = (BTreeMap::new(), Latency::default());
    let (reads, latency) = earlier.map_or((&none.0, &none.1), |earlier| (&earlier.reads, &earlier.latency));
    let reads: BTreeMap<String, u64> = now
        .reads
        .iter()
        .map(|(path, count)| {
            let before = reads.get(path).copied().unwrap_or(0);
            (path.clone(), count.saturating_sub(before))
        })
        .filter(|(_, count)| *count > 0)
        .collect();
    let all = reads.values().fold(0, |sum: u64, count| sum.saturating_add(*count));
    Now {
        errors: now.errors.saturating_sub(earlier.map_or(0, |earlier| earlier.errors)),
        latency: now.latency.since(latency),
        rate_milli: rate_milli(all, apart),
        reads,
        share: 0,
    }
}

/// What the container is called, as `top` calls it.
fn name_of(container: &Container) -> String {
    let name = name::of_path(Path::new(&container.cgroup));
    match (name.is_empty(), container.pid) {
        (false, _) => name,
        (true, Some(pid)) => format!("process {pid}"),
        (true, None) => "host".to_owned(),
    }
}

/// The path of a file without what all paths of its kind begin with.
fn short(path: &str) -> &str {
    let short = path
        .strip_prefix("proc/")
        .or_else(|| path.strip_prefix("sys/devices/system/"));
    short.unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::super::example::{container, status};
    use super::*;

    #[test]
    fn what_is_shown_of_now_is_the_difference_of_two_looks() {
        let before = status(
            1000,
            vec![container(1, 500, &[("proc/meminfo", 100), ("proc/stat", 5)])],
        );
        let now = status(
            3000,
            vec![container(1, 500, &[("proc/meminfo", 106), ("proc/stat", 7)])],
        );
        let rows = rows(Some(&before), &now);
        let now = rows[0].now.as_ref().unwrap();
        assert_eq!(now.rate_milli, 4000);
        assert_eq!(now.share, 1000);
        assert_eq!(rows[0].most_read(), Some(("meminfo", 750)));
        let files = rows[0].files(Some(Duration::from_secs(2)));
        assert_eq!(files, [("proc/meminfo", Some(3000), 106), ("proc/stat", Some(1000), 7)]);
    }

    #[test]
    fn who_was_met_between_the_looks_has_done_all_since_then() {
        let before = status(1000, vec![]);
        let now = status(2000, vec![container(1, 1500, &[("proc/stat", 10)])]);
        assert_eq!(rows(Some(&before), &now)[0].now.as_ref().unwrap().rate_milli, 10_000);
        // It was there and not told of: nothing is known of now.
        let now = status(2000, vec![container(1, 500, &[("proc/stat", 10)])]);
        assert_eq!(rows(Some(&before), &now)[0].now, None);
    }

    #[test]
    fn another_container_with_the_same_pid_does_not_go_on_where_the_first_was() {
        let before = status(1000, vec![container(1, 500, &[("proc/stat", 1000)])]);
        let now = status(2000, vec![container(1, 1200, &[("proc/stat", 3)])]);
        assert_eq!(rows(Some(&before), &now)[0].now.as_ref().unwrap().rate_milli, 3000);
    }

    #[test]
    fn one_look_tells_nothing_of_now_and_the_most_read_file_of_all() {
        let now = status(2000, vec![container(1, 500, &[("sys/devices/system/cpu/online", 10)])]);
        let rows = rows(None, &now);
        assert_eq!(rows[0].now, None);
        assert_eq!(rows[0].waits_ns(), [None, None]);
        assert_eq!(rows[0].most_read(), Some(("cpu/online", 1000)));
    }

    #[test]
    fn shares_are_of_all_that_is_read() {
        let containers = |reads| {
            vec![
                container(1, 0, &[("proc/stat", 3 * reads)]),
                container(2, 0, &[("proc/stat", reads)]),
            ]
        };
        let rows = rows(Some(&status(1000, containers(10))), &status(2000, containers(20)));
        let shares: Vec<_> = rows.iter().map(|row| row.now.as_ref().unwrap().share).collect();
        assert_eq!(shares, [750, 250]);
    }

    #[test]
    fn numbers_that_fall_are_no_reads() {
        let before = status(1000, vec![container(1, 500, &[("proc/stat", 1000)])]);
        let now = status(2000, vec![container(1, 500, &[("proc/stat", 3)])]);
        assert_eq!(rows(Some(&before), &now)[0].now.as_ref().unwrap().rate_milli, 0);
    }

    #[test]
    fn who_is_in_no_cgroup_of_its_own_is_called_by_its_pid() {
        let mut of_host = container(1, 0, &[]);
        of_host.cgroup = "/".to_owned();
        assert_eq!(name_of(&of_host), "process 1");
        of_host.pid = None;
        assert_eq!(name_of(&of_host), "host");
    }
}
