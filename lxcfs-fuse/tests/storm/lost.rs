//! Keeper and worker are killed both: the connection is lost. The next daemon mounts anew, and one command heals all
//! containers.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use lxcfs_testing::storm::{Outage, Size, now};
use lxcfs_testing::{Running, Successor, Worker, skipped, wait_until};
use nix::sys::signal::Signal;
use rustix::fs::{major, minor};

use crate::numbers::{number, size};
use crate::rig;
use crate::storm::{Storm, can_be, storm};

#[test]
fn containers_whose_connection_was_lost_are_healed_by_one_command_and_never_see_the_host() {
    if !can_be() {
        return;
    }
    let Some(healer) = healer() else {
        return skipped("an lxcfs-cli that can heal beside lxcfs: cargo build -p lxcfs-cli");
    };
    let size = Size {
        may_be_lost: true,
        ..size()
    };
    let times = number("LOSSES", 3);
    let mut last = None;
    storm("kill -9 of keeper and worker, and a remount", &[], &size, |storm| {
        (0..times).map(|_| lost(storm, &mut last, &healer)).collect()
    });
}

/// `lxcfs-cli`, which another package builds.
fn healer() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_BIN_EXE_lxcfs")).with_file_name("lxcfs-cli");
    let mut asked = Command::new(&path);
    asked.args(["remount", "--help"]);
    // It may be an old one.
    let can_heal = path.exists() && Running::start(asked).finish().status.success();
    can_heal.then_some(path)
}

fn lost(storm: &Storm, last: &mut Option<Successor>, healer: &Path) -> Outage {
    let keeper = last.as_ref().map_or_else(|| storm.kept.pid(), Successor::pid);
    let worker = Worker::now_of(keeper);
    let device = fs::metadata(storm.kept.mount()).unwrap().dev();
    let began = now();
    let keeper = Worker::at(keeper).unwrap();
    for one in [keeper, worker] {
        assert!(one.signal(Signal::SIGKILL), "{}", storm.kept.log());
    }
    wait_until("nobody serves", || !keeper.is_there() && !worker.is_there());
    let arguments = [rig::patience(), &["--keep"]].concat();
    let next = Successor::start(&storm.program.path(), &arguments, &storm.kept);
    let _ = storm.served_after(now());
    *last = Some(next);
    assert_eq!(mounts_at(&storm.kept.mount()), 1, "{}", storm.kept.log());
    // Other daemons of this machine, and their containers, are none of ours.
    let mut heal = Command::new(healer);
    heal.arg("remount")
        .arg("--mountpoint")
        .arg(storm.kept.mount())
        .arg("--device")
        .arg(format!("{}:{}", major(device), minor(device)));
    let _ = Running::start(heal).finish().well();
    Outage { began, ended: now() }
}

/// How many file systems are mounted there, one over the other.
fn mounts_at(place: &Path) -> usize {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let is_there = |line: &&str| line.split(' ').nth(4).map(Path::new) == Some(place);
    mounts.lines().filter(is_there).count()
}
