//! A daemon that is installed and run by somebody else, such as a package and systemd, while a command is run on it again
//! and again.

use std::process::Command;
use std::time::Duration;

use lxcfs_testing::storm::{Canary, Crowd, Fleet, Outage, Pauses, now};
use lxcfs_testing::{Files, Running};

use crate::files;
use crate::numbers::{number, size};

/// How long one command may take, in an emulated machine too.
const LIMIT: Duration = Duration::from_secs(600);

/// `LXCFS_STORM_MOUNT`: where its files are; `LXCFS_STORM_COMMAND`: what is run, with the number of the turn.
#[test]
#[ignore = "wants a daemon that is installed: packaging/deb/check has one"]
fn upgrades_of_an_installed_daemon_are_missed_by_no_reader() {
    let shown_by = Files::at(told("MOUNT").into());
    let canary = Canary::start(shown_by.file("proc/uptime").into());
    let size = size();
    let fleet = Fleet::new(&size);
    let members = fleet.containers();
    let crowd = Crowd::start(&shown_by, &members, "storm", &files(), &size);
    let turns = 0..number("UPGRADES", 3);
    let outages: Vec<Outage> = turns.map(|turn| upgraded(turn, &canary)).collect();
    let report = crowd.finish();
    println!(
        "upgrades: {} in turn, {} containers: {report}; {}",
        outages.len(),
        size.containers,
        Pauses::of(&report, &outages),
    );
    report.assert_faultless();
}

fn upgraded(turn: u32, canary: &Canary) -> Outage {
    let began = now();
    let mut command = Command::new(told("COMMAND"));
    command.arg(turn.to_string());
    let said = Running::start(command).finish_within(LIMIT).well().text();
    println!("{said}");
    // Who is asked from now on is the new one.
    let ended = canary.served_after(now()).ended;
    Outage { began, ended }
}

fn told(name: &str) -> String {
    let name = format!("LXCFS_STORM_{name}");
    std::env::var(&name).unwrap_or_else(|_| panic!("{name} is not set"))
}
