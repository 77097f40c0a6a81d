//! Before any storm: readers find nothing wrong with a daemon that nothing happens to, and what is wrong with others.

use std::thread::sleep;
use std::time::Duration;

use lxcfs_testing::storm::{Crowd, Fleet, Report, Size};
use lxcfs_testing::{Daemon, wait_until};
use nix::sys::signal::Signal;

use crate::rig::mounted_with;
use crate::storm::alone;
use crate::{files, numbers};

#[test]
fn readers_find_nothing_wrong_while_nothing_happens() {
    let _alone = alone();
    let Some(daemon) = mounted_with(&["--enable-psi-poll"]) else {
        return;
    };
    let size = Size {
        waiters: true,
        ..numbers::size()
    };
    let fleet = Fleet::new(&size);
    let members = fleet.containers();
    let crowd = Crowd::start(&daemon, &members, "storm", &files(), &size);
    sleep(Duration::from_secs(numbers::number("CALM", 2).into()));
    let report = crowd.finish();
    println!(
        "{} texts in {} calls, errors {:?}",
        report.texts, report.calls, report.errors
    );
    report.assert_faultless();
}

#[test]
fn readers_notice_the_hosts_values() {
    let _alone = alone();
    let Some(daemon) = mounted_with(&[]) else { return };
    let report = while_it(&daemon, || {
        daemon.signal(Signal::SIGUSR2);
        wait_until("the host's values are shown", || {
            daemon.log().contains("passing through")
        });
    });
    assert!(report.errors.is_empty(), "{:?}", report.errors);
    assert!(report.wrong > 0);
    assert!(
        report.told.iter().any(|told| told.contains("MemTotal")),
        "{:?}",
        report.told
    );
}

#[test]
fn readers_notice_that_nobody_serves() {
    let _alone = alone();
    let Some(daemon) = mounted_with(&[]) else { return };
    let report = while_it(&daemon, || {
        daemon.signal(Signal::SIGKILL);
        wait_until("nobody serves", || std::fs::read(daemon.file("proc/uptime")).is_err());
    });
    assert!(report.errors.contains_key("ENOTCONN"), "{:?}", report.errors);
    assert_eq!(report.wrong, 0, "{:?}", report.told);
}

/// What the readers report when that happens to a daemon.
fn while_it(daemon: &Daemon, happens: impl FnOnce()) -> Report {
    let size = numbers::size();
    let fleet = Fleet::new(&size);
    let members = fleet.containers();
    let crowd = Crowd::start(daemon, &members, "storm", &files(), &size);
    happens();
    crowd.finish()
}
