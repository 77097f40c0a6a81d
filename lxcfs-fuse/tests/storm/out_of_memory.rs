//! The worker is killed because its cgroup has no memory left.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::thread::sleep;

use lxcfs_testing::storm::Outage;
use lxcfs_testing::{Cgroup, Limits, Version};

use crate::killed::LIFE;
use crate::numbers::{number, size};
use crate::storm::{Storm, can_be, storm};

/// Less than anything needs.
const LITTLE: u64 = 256 << 10;

#[test]
fn workers_that_the_kernel_kills_for_memory_are_missed_by_no_reader() {
    if !can_be() {
        return;
    }
    let kills = number("OOM_KILLS", 3);
    storm("out of memory", &[], &size(), |storm| {
        (0..kills).map(|_| out_of_memory(storm)).collect()
    });
}

fn out_of_memory(storm: &Storm) -> Outage {
    let cgroup = Cgroup::new(&Limits::default().memory(LITTLE).swap(0));
    let outage = storm.replaced_by(|worker| {
        cgroup.attach(worker.pid());
        // It needs memory for them. What it had before was charged elsewhere.
        let path = storm.kept.file("proc/stat");
        let mut open = Vec::new();
        while worker.is_there() && open.len() < 20_000 {
            // Nobody answers while it dies.
            let Ok(file) = File::open(&path) else { break };
            let _ = file.read_at(&mut [0; 64], 0);
            open.push(file);
            if open.len() % 500 == 0 {
                open.clear();
            }
        }
        assert!(!worker.is_there(), "it has needed no memory");
    });
    assert_eq!(killed_for_memory(&cgroup), 1, "{}", storm.kept.log());
    sleep(LIFE);
    outage
}

/// How many processes of that cgroup were.
fn killed_for_memory(cgroup: &Cgroup) -> u64 {
    let (dir, file) = match cgroup.version("memory") {
        Some(Version::V1) => (cgroup.dir("memory"), "memory.oom_control"),
        _ => (cgroup.dir("unified"), "memory.events"),
    };
    let path: PathBuf = dir.unwrap().join(file);
    let text = fs::read_to_string(path).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
    line.unwrap().parse().unwrap()
}
