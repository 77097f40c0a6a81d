//! What a daemon costs: CPU time, wake-ups, memory and descriptors of a process and all below it.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use nix::time::clock_getcpuclockid;
use nix::unistd::{Pid, SysconfVar, sysconf};
use serde::Serialize;

use crate::clock;

/// A daemon's processes: the one that was started, and its descendants.
#[derive(Debug, Clone)]
pub(crate) struct Tree {
    /// Where the pid means something.
    proc: PathBuf,
    root: i32,
    /// Whether that is our own pid namespace.
    own: bool,
}

/// What only grows.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Spent {
    pub(crate) cpu_nanos: u64,
    pub(crate) wakeups: u64,
}

/// What is held at the moment.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(crate) struct Held {
    pub(crate) rss_kib: u64,
    /// The part that is no file's.
    pub(crate) anon_kib: u64,
    pub(crate) descriptors: u64,
    pub(crate) threads: u64,
}

impl Tree {
    /// A process in our pid namespace.
    pub(crate) fn own(root: i32) -> Self {
        Self {
            proc: PathBuf::from("/proc"),
            root,
            own: true,
        }
    }

    /// A process in the pid namespace that this proc is mounted for.
    pub(crate) fn of(proc: PathBuf, root: i32) -> Self {
        Self { proc, root, own: false }
    }

    /// The processes there are now.
    pub(crate) fn pids(&self) -> Vec<i32> {
        let mut pids = vec![self.root];
        let mut next = 0;
        while let Some(pid) = pids.get(next).copied() {
            let children = self.tasks(pid, "children");
            pids.extend(
                children
                    .iter()
                    .flat_map(|text| text.split(' '))
                    .filter_map(|pid| pid.parse::<i32>().ok()),
            );
            next = next.saturating_add(1);
        }
        pids
    }

    /// One file's text for each thread.
    fn tasks(&self, pid: i32, file: &str) -> Vec<String> {
        let tasks = fs::read_dir(self.proc.join(format!("{pid}/task")));
        tasks
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|task| fs::read_to_string(task.path().join(file)).ok())
            .collect()
    }

    fn text(&self, pid: i32, file: &str) -> String {
        fs::read_to_string(self.proc.join(format!("{pid}/{file}"))).unwrap_or_default()
    }

    pub(crate) fn spent(&self) -> Spent {
        let mut sum = Spent::default();
        for pid in self.pids() {
            sum.cpu_nanos = sum
                .cpu_nanos
                .saturating_add(self.cpu_nanos(pid))
                .saturating_add(reaped_nanos(&self.text(pid, "stat")));
            for status in self.tasks(pid, "status") {
                sum.wakeups = sum.wakeups.saturating_add(field(&status, "voluntary_ctxt_switches:"));
            }
        }
        sum
    }

    /// Nanoseconds of a process. Another pid namespace has no clocks for us, but its scheduler statistics, from which
    /// threads that have ended are missing.
    fn cpu_nanos(&self, pid: i32) -> u64 {
        let clock = clock_getcpuclockid(Pid::from_raw(pid)).ok().filter(|_| self.own);
        clock.and_then(clock::of).unwrap_or_else(|| {
            let tasks = self.tasks(pid, "schedstat");
            tasks
                .iter()
                .filter_map(|text| text.split(' ').next()?.parse::<u64>().ok())
                .sum()
        })
    }

    pub(crate) fn held(&self) -> Held {
        let mut sum = Held::default();
        for pid in self.pids() {
            let status = self.text(pid, "status");
            let descriptors = fs::read_dir(self.proc.join(format!("{pid}/fd"))).map_or(0, Iterator::count);
            sum = Held {
                rss_kib: sum.rss_kib.saturating_add(field(&status, "VmRSS:")),
                anon_kib: sum.anon_kib.saturating_add(field(&status, "RssAnon:")),
                descriptors: sum
                    .descriptors
                    .saturating_add(u64::try_from(descriptors).unwrap_or_default()),
                threads: sum.threads.saturating_add(field(&status, "Threads:")),
            };
        }
        sum
    }

    /// Whether each thread is traced by somebody. `None` if it is not ours to trace.
    pub(crate) fn traced(&self) -> Option<bool> {
        let mut statuses = self
            .own
            .then(|| self.pids())?
            .into_iter()
            .flat_map(|pid| self.tasks(pid, "status"));
        Some(statuses.all(|status| field(&status, "TracerPid:") != 0))
    }
}

fn field(status: &str, name: &str) -> u64 {
    let value = status.lines().find_map(|line| line.strip_prefix(name));
    value
        .and_then(|value| value.split_whitespace().next()?.parse().ok())
        .unwrap_or_default()
}

/// The time of children that have ended: short ones that do a bit of the work, and those that were replaced.
fn reaped_nanos(stat: &str) -> u64 {
    // The second field is the command's name in parentheses, and may have any character in it.
    let Some((_, fields)) = stat.rsplit_once(") ") else {
        return 0;
    };
    let ticks: u64 = fields
        .split(' ')
        .skip(13)
        .take(2)
        .filter_map(|ticks| ticks.parse::<u64>().ok())
        .sum();
    let per_second = sysconf(SysconfVar::CLK_TCK)
        .ok()
        .flatten()
        .and_then(|one| u32::try_from(one).ok());
    let tick = Duration::from_secs(1)
        .checked_div(per_second.unwrap_or(100))
        .unwrap_or_default();
    clock::nanos(tick).saturating_mul(ticks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_knows_itself() {
        let pid = i32::try_from(std::process::id()).unwrap();
        let tree = Tree::own(pid);
        assert_eq!(tree.pids().first(), Some(&pid));
        let held = tree.held();
        assert!(held.rss_kib > 100 && held.descriptors > 2 && held.threads > 0);
        assert!(tree.spent().cpu_nanos > 0);
        // Not more than a scheduler's tick apart.
        let other = Tree::of(PathBuf::from("/proc"), pid);
        assert!(other.cpu_nanos(pid).abs_diff(tree.cpu_nanos(pid)) < 100_000_000);
    }

    #[test]
    fn the_time_of_reaped_children_stands_behind_the_own() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 1 2 3 4 50 60 7 8 20 0 1 0 99";
        assert_eq!(reaped_nanos(stat), 150_000_000);
        assert_eq!(reaped_nanos(""), 0);
    }
}
