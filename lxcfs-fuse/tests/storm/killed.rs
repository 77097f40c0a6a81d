//! The worker is killed again and again.

use std::thread::sleep;
use std::time::Duration;

use lxcfs_testing::storm::{Outage, Size, now};
use lxcfs_testing::wait_until;
use nix::sys::signal::Signal;

use crate::numbers::{number, size};
use crate::storm::{Storm, a_while, can_be, storm};

/// How long a worker is left alone at least: who dies younger is not followed at once when that happens again and again.
pub(crate) const LIFE: Duration = Duration::from_millis(500);

#[test]
fn workers_that_are_killed_are_missed_by_no_reader() {
    if !can_be() {
        return;
    }
    let kills = number("KILLS", 10);
    storm("kill -9", &[], &size(), |storm| {
        (0..kills).map(|number| killed(storm, number)).collect()
    });
}

#[test]
fn who_waits_for_pressure_is_not_forgotten_when_workers_are_killed() {
    if !can_be() {
        return;
    }
    let size = Size {
        waiters: true,
        ..size()
    };
    let kills = number("KILLS", 10).div_ceil(4);
    storm(
        "kill -9 under waiters for pressure",
        &["--enable-psi-poll"],
        &size,
        |storm| (0..kills).map(|number| killed(storm, number)).collect(),
    )
    .assert_faultless();
}

/// One in eight is killed before it can have begun to serve.
fn killed(storm: &Storm, number: u32) -> Outage {
    let outage = killed_at_once(storm, number);
    sleep(LIFE + a_while(Duration::from_millis(40)));
    outage
}

/// The same, however young the worker is.
pub(crate) fn killed_at_once(storm: &Storm, number: u32) -> Outage {
    if number % 8 == 7 {
        let began = now();
        let first = storm.kept.worker_now();
        assert!(first.signal(Signal::SIGKILL));
        let second = storm.kept.worker_after(first);
        sleep(a_while(Duration::from_millis(5)));
        let killed = storm.replaced_by(|worker| {
            let _ = worker.signal(Signal::SIGKILL);
        });
        wait_until("the second worker has gone", || !second.is_there());
        Outage { began, ..killed }
    } else {
        storm.replaced_by(|worker| assert!(worker.signal(Signal::SIGKILL), "{}", storm.kept.log()))
    }
}
