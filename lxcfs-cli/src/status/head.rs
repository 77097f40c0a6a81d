//! Two looks at a daemon → what is wrong with it, and how it is, in a few lines. Pure.

use std::time::Duration;

use lxcfs_fuse::status::{Status, Worker, WorkerState};

use super::rows::{apart, rate_milli};
use crate::figures::{count, per_mille, per_second, percent, plural, time};

/// A worker answers at once. From then on it is held to be silent.
const SILENT: Duration = Duration::from_secs(1);

/// What is wrong, the worst first.
pub(super) fn wrong(before: Option<&Status>, now: &Status, own_version: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    wrong.extend(of_worker(now));
    if now.shows_host {
        wrong
            .push("everybody is shown the host's files: a USR2 signal has said so, and another one ends it".to_owned());
    }
    if let (Some(before), Some(apart)) = (before, apart(before, now)) {
        let died = now.workers_died.saturating_sub(before.workers_died);
        if died > 0 {
            wrong.push(format!(
                "{} in the last {}; the log says why",
                plural(died, "worker has died", "workers have died"),
                time(apart)
            ));
        }
        let failed = now.counts.failures.saturating_sub(before.counts.failures);
        if failed > 0 {
            let late = now.counts.deadlines.saturating_sub(before.counts.deadlines);
            wrong.push(format!(
                "{} in the last {}, {late} of them because the kernel was late; the log says more",
                plural(failed, "request has failed", "requests have failed"),
                time(apart),
            ));
        }
    }
    if now.counts.panics > 0 {
        wrong.push(format!(
            "{}: a bug of lxcfs; the log says where",
            plural(now.counts.panics, "panic", "panics")
        ));
    }
    let daemons = &now.answered_by.version;
    if daemons != own_version {
        wrong.push(format!(
            "the daemon is of version {daemons}, and this lxcfs-cli of {own_version}"
        ));
    }
    // One that is met or ends just now is not there in both looks.
    let unlisted = before.map_or(u64::MAX, unlisted).min(unlisted(now));
    if unlisted > 0 {
        wrong.push(format!(
            "{} not listed; what they do is in the totals alone",
            plural(unlisted, "container is", "containers are")
        ));
    }
    wrong
}

fn of_worker(now: &Status) -> Option<String> {
    let Some(worker) = &now.worker else {
        return Some("nobody serves at the moment: readers wait".to_owned());
    };
    let pid = worker.pid;
    let silent = worker
        .silent_for_ms
        .map(Duration::from_millis)
        .filter(|length| *length >= SILENT);
    match (silent, worker.state) {
        (Some(length), _) if !now.is_kept => Some(format!(
            "all threads of process {pid} have waited for the kernel for {}: readers wait",
            time(length)
        )),
        (Some(length), _) => Some(format!(
            "the worker, process {pid}, has not answered its keeper for {}: readers may wait",
            time(length)
        )),
        (None, WorkerState::Starts) => Some(format!("the worker, process {pid}, begins just now: readers wait")),
        (None, WorkerState::Leaves) => Some(format!(
            "the worker, process {pid}, leaves just now, and another one follows"
        )),
        (None, WorkerState::Serves) => None,
    }
}

/// What it is and where.
pub(super) fn title(now: &Status) -> String {
    format!(
        "lxcfs {} at {}, mounted {} ago",
        now.answered_by.version,
        now.mount_point,
        time(since(now, now.mounted_at_ms))
    )
}

/// How it is: a label, and what there is to say.
pub(super) fn facts(before: Option<&Status>, now: &Status) -> Vec<(&'static str, String)> {
    let by = &now.answered_by;
    let keeper = if now.is_kept {
        format!("process {}, for {}", by.pid, time(since(now, by.started_at_ms)))
    } else {
        format!("none: readers get errors when process {} dies", by.pid)
    };
    let worker = now
        .worker
        .as_ref()
        .map_or_else(|| "none".to_owned(), |worker| worker_text(now, worker));
    let workers = format!("{worker}; {} started, {} died", now.workers_started, now.workers_died);
    let rate = |count: fn(&Status) -> u64| {
        let rate = apart(before, now).zip(before);
        rate.map_or_else(String::new, |(apart, before)| {
            let rate = rate_milli(count(now).saturating_sub(count(before)), apart);
            format!(", {}/s", per_second(rate))
        })
    };
    let counts = &now.counts;
    let reads = format!(
        "{}{}; {} coalesced, {} retries, {} last good",
        count(counts.renderings),
        rate(|status| status.counts.renderings),
        percent(per_mille(counts.coalesced.into(), counts.renderings.into())),
        count(counts.retries),
        count(counts.last_good),
    );
    let errors = format!(
        "{}{}; {} late, {} panics",
        count(counts.failures),
        rate(|status| status.counts.failures),
        count(counts.deadlines),
        count(counts.panics),
    );
    let containers = format!(
        "{}; {} met, {} gone",
        count(known(now)),
        count(counts.containers_met),
        count(counts.containers_gone),
    );
    vec![
        ("keeper", keeper),
        ("worker", workers),
        ("reads", reads),
        ("errors", errors),
        ("containers", containers),
    ]
}

fn worker_text(now: &Status, worker: &Worker) -> String {
    let state = match worker.state {
        WorkerState::Starts => "begins",
        WorkerState::Serves => "serves",
        WorkerState::Leaves => "leaves",
    };
    format!(
        "process {}, for {}, {state}",
        worker.pid,
        time(since(now, worker.started_at_ms))
    )
}

/// How many containers are known.
fn known(now: &Status) -> u64 {
    let counts = &now.counts;
    counts
        .containers_met
        .saturating_sub(counts.containers_gone)
        .max(listed(now))
}

/// How many have numbers of their own.
fn listed(now: &Status) -> u64 {
    u64::try_from(now.containers.len()).unwrap_or(u64::MAX)
}

fn unlisted(now: &Status) -> u64 {
    known(now).saturating_sub(listed(now))
}

fn since(now: &Status, at_ms: u64) -> Duration {
    Duration::from_millis(now.at_ms.saturating_sub(at_ms))
}

#[cfg(test)]
mod tests {
    use super::super::example::{container, status};
    use super::*;

    fn wrong_with(change: impl FnOnce(&mut Status)) -> Vec<String> {
        let before = status(1000, vec![]);
        let mut now = status(3000, vec![]);
        change(&mut now);
        wrong(Some(&before), &now, env!("CARGO_PKG_VERSION"))
    }

    #[test]
    fn nothing_is_wrong_with_a_daemon_that_is_well() {
        assert_eq!(wrong_with(|_| ()), [""; 0]);
        // It was asked just now.
        let asked = wrong_with(|now| now.worker.as_mut().unwrap().silent_for_ms = Some(3));
        assert_eq!(asked, [""; 0]);
    }

    #[test]
    fn that_nobody_serves_comes_first() {
        let said = wrong_with(|now| {
            now.worker = None;
            now.shows_host = true;
        });
        assert_eq!(said[0], "nobody serves at the moment: readers wait");
        assert!(said[1].contains("host's files") && said[1].contains("USR2"), "{said:?}");
    }

    #[test]
    fn a_silent_worker_is_said_to_be_and_for_how_long() {
        let said = wrong_with(|now| now.worker.as_mut().unwrap().silent_for_ms = Some(12_400));
        assert_eq!(
            said,
            ["the worker, process 4712, has not answered its keeper for 12s: readers may wait"]
        );
        let said = wrong_with(|now| {
            now.is_kept = false;
            now.worker.as_mut().unwrap().silent_for_ms = Some(12_400);
        });
        assert_eq!(
            said,
            ["all threads of process 4712 have waited for the kernel for 12s: readers wait"]
        );
    }

    #[test]
    fn what_has_failed_since_the_look_before_is_said() {
        let said = wrong_with(|now| {
            now.workers_died = 1;
            now.counts.failures = 12;
            now.counts.deadlines = 3;
        });
        assert_eq!(said[0], "1 worker has died in the last 2s; the log says why");
        assert!(
            said[1].starts_with("12 requests have failed in the last 2s, 3 of them"),
            "{said:?}"
        );
    }

    #[test]
    fn what_failed_long_ago_is_no_alarm() {
        let mut before = status(1000, vec![]);
        before.counts.failures = 7;
        let now = Status {
            at_ms: 2000,
            ..before.clone()
        };
        assert_eq!(wrong(Some(&before), &now, env!("CARGO_PKG_VERSION")), [""; 0]);
        let facts = facts(Some(&before), &now);
        assert!(
            facts
                .iter()
                .any(|(label, text)| *label == "errors" && text.starts_with("7, 0/s"))
        );
    }

    #[test]
    fn another_version_is_named() {
        let said = wrong(None, &status(1000, vec![]), "9.9.9");
        assert!(
            said[0].contains("9.9.9") && said[0].contains(env!("CARGO_PKG_VERSION")),
            "{said:?}"
        );
    }

    #[test]
    fn containers_without_numbers_are_counted() {
        let mut now = status(1000, vec![container(1, 0, &[])]);
        now.counts.containers_met = 5;
        now.counts.containers_gone = 1;
        let said = wrong(None, &now, env!("CARGO_PKG_VERSION"));
        assert_eq!(
            said,
            ["3 containers are not listed; what they do is in the totals alone"]
        );
        // One that was met just before the look has no numbers yet.
        assert_eq!(
            wrong(Some(&status(500, vec![])), &now, env!("CARGO_PKG_VERSION")),
            [""; 0]
        );
        assert!(facts(None, &now).contains(&("containers", "4; 5 met, 1 gone".to_owned())));
    }

    #[test]
    fn a_daemon_that_nobody_keeps_says_what_that_means() {
        let mut now = status(1000, vec![]);
        now.is_kept = false;
        let facts = facts(None, &now);
        assert_eq!(
            facts[0],
            ("keeper", "none: readers get errors when process 4711 dies".to_owned())
        );
    }
}
