//! What a daemon says of itself, whoever answers.

use std::sync::Arc;

use lxcfs_fuse::daemon::status;
use lxcfs_fuse::status::{Status, WorkerState};
use lxcfs_testing::wait_until;
use nix::sys::signal::Signal;

use super::started::Daemon;
use super::{Doomed, runs, send, start, stop};

pub fn said(daemon: &Daemon) -> Status {
    status(&daemon.place.pid_file()).unwrap_or_else(|error| panic!("{error}: {}", daemon.place.log()))
}

fn served_by(status: &Status) -> i32 {
    let worker = status.worker.as_ref().unwrap();
    i32::try_from(worker.pid).unwrap()
}

#[test]
fn a_keeper_says_who_serves_and_how_many_have_died() {
    let Some(daemon) = start(&["--keep"]) else {
        return;
    };
    let first = daemon.worker();
    let before = said(&daemon);
    assert!(before.is_kept && !before.shows_host && !before.psi_poll);
    assert_eq!(before.answered_by.pid, daemon.pid());
    assert_eq!(before.mount_point, daemon.place.mount_point().to_str().unwrap());
    assert_eq!(served_by(&before), first);
    assert_eq!(before.worker.as_ref().unwrap().state, WorkerState::Serves);
    assert_eq!((before.workers_started, before.workers_died), (1, 0));
    let times = [
        before.answered_by.started_at_ms,
        before.mounted_at_ms,
        before.worker.as_ref().unwrap().started_at_ms,
        before.at_ms,
    ];
    assert!(times.is_sorted() && times[0] > 0, "{times:?}");

    send(first, Signal::SIGKILL);
    let second = daemon.worker_after(Some(first));
    wait_until("another one serves", || {
        let now = said(&daemon);
        now.worker.is_some_and(|worker| worker.state == WorkerState::Serves) && now.workers_died == 1
    });
    daemon.send_and_wait(Signal::SIGUSR1);
    daemon.worker_after(Some(second));
    daemon.send_and_wait(Signal::SIGUSR2);
    let after = said(&daemon);
    // A replacement that was asked for is no death.
    assert_eq!((after.workers_started, after.workers_died), (3, 1));
    assert!(after.shows_host);
    assert_eq!(after.mounted_at_ms, before.mounted_at_ms);
}

#[test]
fn it_is_said_while_the_worker_is_stopped_and_how_long_that_is_silent() {
    let Some(daemon) = start(&["--keep", "--keep-watchdog=5"]) else {
        return;
    };
    let pid = daemon.worker();
    stop(pid);
    wait_until("the worker is missed", || {
        let now = said(&daemon);
        assert_eq!(served_by(&now), pid);
        now.worker.unwrap().silent_for_ms.is_some_and(|silent| silent > 0)
    });
    send(pid, Signal::SIGCONT);
}

#[test]
fn a_daemon_without_a_keeper_and_a_worker_that_was_left_alone_say_it_themselves() {
    let Some(alone) = start(&[]) else {
        return;
    };
    let status = said(&alone);
    assert!(!status.is_kept && status.gauges.is_some());
    assert_eq!(status.answered_by.pid, alone.pid());
    assert_eq!(status.worker.as_ref().unwrap().pid, alone.pid());
    assert_eq!((status.workers_started, status.workers_died), (1, 0));
    drop(alone);

    let mut kept = start(&["--keep"]).unwrap();
    let orphan = Doomed(kept.worker());
    kept.send(Signal::SIGKILL);
    kept.ended();
    let place = Arc::clone(&kept.place);
    let status = said(&kept);
    assert!(!status.is_kept);
    assert_eq!(i32::try_from(status.answered_by.pid).unwrap(), orphan.0);
    lxcfs_fuse::daemon::stop(&place.pid_file(), true).unwrap();
    wait_until("the orphan has gone", || !runs(orphan.0));
}
