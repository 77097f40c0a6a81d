//! The law of recordings: what is rendered from one is what was rendered when it was made.
#![cfg(feature = "live")]
#![expect(clippy::unwrap_used, reason = "the helpers of a test fail as the test does")]

use std::time::Duration;

use bytes::Bytes;
use lxcfs_core::live::{Recorder, Recording, Root, boot_time, container_of, hierarchies};
use lxcfs_core::{Container, ContainerView, EntryKind, Source, TABLE, find};
use lxcfs_testing::{Cgroup, Limits, Machine, machine_has};

/// Every virtual file and everything below every virtual directory, `None` where it cannot be rendered.
fn everything(source: &dyn Source, container: &Container, now: Duration) -> Vec<(String, Option<Bytes>)> {
    let view = ContainerView::new(source, container, now);
    let mut ahead: Vec<String> = TABLE.iter().map(|file| file.path.to_owned()).collect();
    let mut rendered = Vec::new();
    while let Some(path) = ahead.pop() {
        let place = find(&path).unwrap();
        if let Ok(entries) = place.list(&view) {
            for entry in entries {
                let below = format!("{path}/{}", entry.name);
                match entry.kind {
                    EntryKind::Symlink => {
                        let target = find(&below).unwrap().read_link(&view).ok();
                        rendered.push((below, target.map(|target| target.display().to_string().into())));
                    }
                    EntryKind::Directory | EntryKind::File | EntryKind::PrivateFile => {
                        if !TABLE.iter().any(|file| file.path == below) {
                            ahead.push(below);
                        }
                    }
                }
            }
        } else {
            rendered.push((path.clone(), place.render(&view).ok()));
        }
    }
    rendered
}

fn recorded_and_replayed(pid: u32) {
    let recorder = Recorder::new(Root::host());
    let hierarchies = hierarchies(&recorder).unwrap();
    let container = container_of(&recorder, &hierarchies, pid).unwrap();
    let now = boot_time();
    let then = everything(&recorder, &container, now);
    assert!(then.iter().filter(|(_, text)| text.is_some()).count() > TABLE.len() / 2);
    for scrub in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        recorder.write_to(dir.path(), &container, now, scrub).unwrap();
        let recording = Recording::open(dir.path()).unwrap();
        let again = everything(recording.source(), &recording.container(), recording.now());
        assert_eq!(again, then, "scrubbed: {scrub}");
    }
}

#[test]
fn the_host_is_replayed_byte_by_byte() {
    recorded_and_replayed(std::process::id());
}

#[test]
fn a_container_is_replayed_byte_by_byte() {
    if !machine_has(&[Machine::Root, Machine::Cgroups]) {
        return;
    }
    // An id, so that scrubbing has something to do.
    let above = Cgroup::new(&Limits::default());
    let cgroup = above.child("0123456789abcdef".repeat(4), &Limits::default());
    let container = lxcfs_testing::Container::start(&cgroup);
    let _second = container.caller().start(&["sleep", "600"]);
    recorded_and_replayed(container.init());
}
