//! Workers that die with requests in hand.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::thread::sleep;
use std::time::{Duration, Instant};

use lxcfs_fuse::Resume;
use lxcfs_testing::Running;

use crate::mount::{BOTH, Mount};
use crate::worker::{STUCK, Worker};

/// The text of somebody who has waited.
fn text(reader: Running<'_>) -> String {
    let text = reader.finish().well().text();
    assert!(text.starts_with("MemTotal:") && text.ends_with('\n'), "{text}");
    text
}

/// Kills a worker that hangs in a reader's request.
fn dies_with_a_request_in_hand(mount: &Mount, resume: Resume) {
    let mut stuck = Worker::start(mount, STUCK, resume);
    stuck.wait_until_it_hangs();
    stuck.kill();
}

#[test]
fn a_read_that_a_dead_worker_had_in_hand_is_answered_by_the_next() {
    for resume in BOTH {
        let Some(mount) = Mount::new() else { return };
        let mut reader = mount.reader("proc/meminfo");
        dies_with_a_request_in_hand(&mount, resume);
        assert!(reader.is_running());
        let _worker = Worker::serving(&mount, resume);
        text(reader);
    }
}

#[test]
fn two_that_were_in_hand_are_both_answered() {
    for resume in BOTH {
        let Some(mount) = Mount::new() else { return };
        let readers = [
            mount.reader("proc/meminfo"),
            mount.reader("proc/meminfo"),
            mount.reader("proc/meminfo"),
        ];
        dies_with_a_request_in_hand(&mount, resume);
        let _worker = Worker::serving(&mount, resume);
        for reader in readers {
            text(reader);
        }
    }
}

#[test]
fn who_dies_over_what_the_dead_had_in_hand_leaves_it_to_the_next() {
    for resume in BOTH {
        let Some(mount) = Mount::new() else { return };
        let reader = mount.reader("proc/meminfo");
        dies_with_a_request_in_hand(&mount, resume);
        dies_with_a_request_in_hand(&mount, resume);
        let _worker = Worker::serving(&mount, resume);
        text(reader);
    }
}

#[test]
fn who_dies_in_one_way_is_followed_in_the_other() {
    for [first, second, third] in [
        [Resume::Slots, Resume::Auto, Resume::Slots],
        [Resume::Auto, Resume::Slots, Resume::Auto],
    ] {
        let Some(mount) = Mount::new() else { return };
        let reader = mount.reader("proc/meminfo");
        dies_with_a_request_in_hand(&mount, first);
        dies_with_a_request_in_hand(&mount, second);
        let _worker = Worker::serving(&mount, third);
        text(reader);
    }
}

#[test]
fn a_request_that_workers_die_of_even_alone_gets_an_error_and_others_do_not() {
    for resume in BOTH {
        let Some(mount) = Mount::new() else { return };
        let reader = mount.reader("proc/meminfo");
        // Twice it may have been chance; then it is alone, and three times is enough.
        for _ in 0..5 {
            dies_with_a_request_in_hand(&mount, resume);
        }
        let _worker = Worker::serving(&mount, resume);
        let poisoned = reader.finish();
        assert!(!poisoned.status.success(), "{}", poisoned.text());
        assert!(poisoned.stderr.contains("Input/output error"), "{}", poisoned.stderr);
        text(mount.reader("proc/meminfo"));
    }
}

/// The first number of `/proc/uptime`.
fn uptime(text: &str) -> f64 {
    text.split(' ').next().unwrap().parse().unwrap()
}

#[test]
fn a_read_that_was_answered_is_not_worked_at_again_and_its_text_goes_on() {
    for resume in BOTH {
        let Some(mount) = Mount::new() else { return };
        let first = Worker::serving(&mount, resume);
        let path = mount.file("proc/uptime");
        let before = uptime(&std::fs::read_to_string(&path).unwrap());
        let start = Instant::now();
        let file = File::open(&path).unwrap();
        let mut begin = [0; 4];
        file.read_exact_at(&mut begin, 0).unwrap();
        // A text of before may be shown once more for a moment, and numbers are rounded.
        let latest = before + start.elapsed().as_secs_f64() + 0.05;
        sleep(Duration::from_millis(200));
        // What it had in hand last, and still has in a slot, is that read.
        first.kill();
        let _second = Worker::serving(&mount, resume);
        let mut rest = [0; 100];
        let length = file.read_at(&mut rest, 4).unwrap();
        let text = [&begin[..], &rest[..length]].concat();
        let text = String::from_utf8(text).unwrap();
        assert!(
            uptime(&text) <= latest,
            "{resume:?}: {text:?} is none of before {latest}"
        );
        let end = u64::try_from(text.len()).unwrap();
        assert_eq!(file.read_at(&mut rest, end).unwrap(), 0, "{resume:?}");
    }
}
