//! Another daemon takes the mount over, from one that lives and from the worker of a keeper that was killed.

use std::thread::sleep;
use std::time::Duration;

use lxcfs_testing::storm::{Outage, now};
use lxcfs_testing::{Successor, Worker, wait_until};
use nix::sys::signal::Signal;
use nix::unistd::Pid;

use crate::numbers::{number, size};
use crate::rig;
use crate::storm::{Storm, a_while, can_be, storm};

#[test]
fn take_overs_are_noticed_by_no_reader() {
    if !can_be() {
        return;
    }
    let times = number("TAKE_OVERS", 4);
    // It serves to the end.
    let mut line = Line(None);
    storm("take-over", &[], &size(), |storm| {
        (0..times).map(|_| line.taken_over(storm, |_| {})).collect()
    });
}

#[test]
fn keepers_that_are_killed_are_missed_by_no_reader() {
    if !can_be() {
        return;
    }
    let times = number("KEEPER_KILLS", 4);
    let mut line = Line(None);
    storm(
        "kill -9 of the keeper, and a take-over from its worker",
        &[],
        &size(),
        |storm| {
            let killed = |keeper| {
                kill(keeper);
                // Its worker serves on.
                let _ = storm.served_after(now());
                sleep(a_while(Duration::from_millis(40)));
            };
            (0..times).map(|_| line.taken_over(storm, killed)).collect()
        },
    );
}

fn kill(keeper: u32) {
    let pid = Pid::from_raw(i32::try_from(keeper).unwrap());
    nix::sys::signal::kill(pid, Signal::SIGKILL).unwrap();
}

/// The one that keeps now, if it is no more the first.
struct Line(Option<Successor>);

impl Line {
    /// Something happens to the keeper, and then another one takes over.
    fn taken_over(&mut self, storm: &Storm, happens: impl Fn(u32)) -> Outage {
        let keeper = self.0.as_ref().map_or_else(|| storm.kept.pid(), Successor::pid);
        let old = Worker::now_of(keeper);
        happens(keeper);
        let began = now();
        let arguments = [rig::patience(), &["--keep", "--take-over"]].concat();
        let mut next = Successor::start(&storm.program.path(), &arguments, &storm.kept);
        wait_until("the old worker has gone", || {
            assert!(next.is_running(), "{}", storm.kept.log());
            !old.is_there()
        });
        wait_until("there is a new one", || Worker::of(next.pid()).is_some());
        let outage = Outage {
            began,
            ..storm.served_after(now())
        };
        // The one before is dropped.
        self.0 = Some(next);
        outage
    }
}
