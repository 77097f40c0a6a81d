//! Workers that die with requests in hand.

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
