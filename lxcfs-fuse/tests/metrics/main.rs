//! Metrics of real daemons, read by real clients. Needs root and /dev/fuse.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::arithmetic_side_effects,
    unreachable_pub,
    reason = "this is test code"
)]

#[path = "../started/mod.rs"]
mod started;

mod clients;
mod counts;
mod examples;
mod prometheus;
mod scrape;
mod survives;

use std::path::PathBuf;
use std::process::Command;

use lxcfs_testing::{Machine, machine_has, skipped};

use started::{Daemon, Place};

fn can_mount() -> bool {
    machine_has(&[Machine::Root, Machine::Fuse])
}

/// Whether that program is installed; if not, the test is said to be skipped.
fn has(program: &str) -> bool {
    let is_there = Command::new(program).arg("--version").output().is_ok();
    if !is_there {
        skipped(program);
    }
    is_there
}

fn start(arguments: &[&str]) -> Option<Daemon> {
    can_mount().then(|| Place::new().start(arguments))
}

impl Daemon {
    /// The socket of `--metrics`.
    fn socket(&self) -> PathBuf {
        let mut path = self.place.pid_file().into_os_string();
        path.push(".metrics");
        path.into()
    }

    fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.place.mount_point().join(file)).unwrap()
    }
}
