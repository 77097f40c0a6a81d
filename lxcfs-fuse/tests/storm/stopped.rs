//! The worker is stopped, and goes on or is replaced.

use std::thread::sleep;
use std::time::Duration;

use lxcfs_testing::storm::{Outage, now};
use nix::sys::signal::Signal;

use crate::numbers::{number, size};
use crate::storm::{Storm, a_while, can_be, storm};

#[test]
fn a_worker_that_is_stopped_and_goes_on_is_waited_for() {
    if !can_be() {
        return;
    }
    let stops = number("STOPS", 5);
    storm("stop and continue", &[], &size(), |storm| {
        (0..stops).map(|_| stopped(storm)).collect()
    });
}

fn stopped(storm: &Storm) -> Outage {
    let worker = storm.kept.worker_now();
    let began = now();
    assert!(worker.signal(Signal::SIGSTOP));
    sleep(a_while(Duration::from_millis(300)));
    assert!(worker.signal(Signal::SIGCONT), "{}", storm.kept.log());
    let outage = Outage {
        began,
        ..storm.served_after(now())
    };
    sleep(a_while(Duration::from_millis(40)));
    outage
}

#[test]
fn a_worker_that_stays_stopped_is_replaced() {
    if !can_be() {
        return;
    }
    let stops = number("STOPS_FOR_GOOD", 2);
    storm("stop for good", &["--keep-watchdog", "1"], &size(), |storm| {
        (0..stops)
            .map(|_| storm.replaced_by(|worker| assert!(worker.signal(Signal::SIGSTOP))))
            .collect()
    });
}
