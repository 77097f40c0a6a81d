//! Workers that are killed all the time, while others read.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use lxcfs_fuse::Resume;
use lxcfs_testing::{PATIENCE, becomes_true};

use crate::mount::{BOTH, Mount};
use crate::worker::Worker;

/// How many workers die.
const KILLS: u32 = 40;
/// With more, if somebody has the time: `LXCFS_TESTS_KILLS`.
fn kills() -> u32 {
    std::env::var("LXCFS_TESTS_KILLS").map_or(KILLS, |text| text.parse().unwrap())
}

/// Reads until it is over; how often, and what went wrong.
fn read(mount: &Mount, path: &str, begins: &str, is_over: &AtomicBool) -> (u64, Vec<String>) {
    let (mut reads, mut wrong) = (0, Vec::new());
    while !is_over.load(Ordering::Relaxed) {
        match fs::read_to_string(mount.file(path)) {
            Ok(text) if text.starts_with(begins) && text.ends_with('\n') => {}
            other => wrong.push(format!("{path}: {other:?}")),
        }
        reads += 1;
    }
    (reads, wrong)
}

/// Lets the readers end, by a panic too.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn storm(mount: &Mount, resume: Resume) -> (u64, Vec<String>) {
    let is_over = AtomicBool::new(false);
    // Before Linux 5.16 the kernel asks once whether a file may be closed. So does a process that is started by us, for what
    // our threads have open, and it is to start without a worker.
    let first = Worker::serving(mount, resume);
    drop(fs::read(mount.file("proc/uptime")).unwrap());
    first.kill();
    thread::scope(|scope| {
        let _over = Over(&is_over);
        let files = [
            ("proc/meminfo", "MemTotal:"),
            ("proc/stat", "cpu "),
            ("proc/meminfo", "MemTotal:"),
            ("proc/stat", "cpu "),
        ];
        let readers = files.map(|(path, begins)| scope.spawn(|| read(mount, path, begins, &is_over)));
        for kill in 0..kills() {
            let worker = Worker::serving(mount, resume);
            thread::sleep(Duration::from_micros(u64::from(kill) * 317 % 9000));
            worker.kill();
        }
        is_over.store(true, Ordering::Relaxed);
        let _last = Worker::serving(mount, resume);
        if !becomes_true(PATIENCE, || readers.iter().all(|reader| reader.is_finished())) {
            mount.abort().unwrap();
            panic!("a reader hangs");
        }
        let done = readers.map(|reader| reader.join().unwrap());
        let reads = done.iter().map(|(reads, _)| reads).sum();
        (reads, done.into_iter().flat_map(|(_, wrong)| wrong).collect())
    })
}

#[test]
fn no_read_fails_and_no_reader_hangs_while_workers_are_killed() {
    for resume in BOTH {
        let Some(mount) = Mount::new() else { return };
        let (reads, wrong) = storm(&mount, resume);
        println!("{resume:?}: {reads} reads, {} kills", kills());
        assert!(reads > u64::from(kills()));
        assert_eq!(wrong, Vec::<String>::new());
    }
}
