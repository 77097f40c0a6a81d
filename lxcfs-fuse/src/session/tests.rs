//! What is taken for granted of fuser.

use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::thread;
use std::time::SystemTime;

use fuser::Filesystem;

use super::Buffers;
use super::buffers::Giving;
use super::line::Line;
use super::message::{self, Terms};
use super::mount_facts::MountId;
use super::requests::{Facts, Requests, SLOTS};

#[global_allocator]
static ALLOCATOR: Buffers = Buffers;

struct Nothing;
impl Filesystem for Nothing {}

/// As a kernel begins.
fn offer() -> Vec<u8> {
    let words = [
        104,
        26,
        2,
        0,
        1,
        0,
        0,
        0,
        0,
        0,
        7,
        40,
        131_072,
        0x4000_0000 | 0x73ff_fffb,
        0x3,
    ];
    let mut all: Vec<u8> = words.into_iter().flat_map(u32::to_ne_bytes).collect();
    all.resize(104, 0);
    all
}

#[test]
fn fusers_buffers_have_the_size_that_they_are_known_by_and_what_it_is_put_lies_in_a_slot() {
    let facts = Facts {
        mountpoint: "/".into(),
        mount: MountId::at(Path::new("/")).unwrap(),
        since: SystemTime::UNIX_EPOCH,
        psi_poll: false,
        offer: offer(),
        agreement: Vec::new(),
    };
    let requests = Requests::create(facts).unwrap();
    let giving = Giving::begin();
    let line = Line::to(Nothing, &offer(), 1).unwrap();
    assert!(
        giving.is_possible(),
        "fuser has buffers of another size: see requests::SLOT"
    );
    let slots = giving.give(std::os::fd::AsFd::as_fd(&requests), 1).unwrap();
    let session = line.session;
    let running = thread::spawn(move || session.run());
    assert!(giving.end(|| false), "no thread has taken the slot");
    line.end.put(&message::the_end()).unwrap();
    running.join().unwrap().unwrap();
    let mut lies = vec![0; message::the_end().len()];
    requests.file().read_exact_at(&mut lies, SLOTS).unwrap();
    assert_eq!(lies, message::the_end());
    drop(slots);
}

#[test]
fn what_was_agreed_on_once_is_agreed_on_again() {
    let first = Line::to(Nothing, &offer(), 1).unwrap();
    let agreed = Terms::agreed(&first.agreement).unwrap();
    assert_eq!(agreed.major, 7);
    assert_ne!(agreed.flags, 0);
    let again = Line::again(Nothing, &offer(), &first.agreement, 2).unwrap();
    assert_eq!(Terms::agreed(&again.agreement), Some(agreed));
}

#[test]
fn what_another_version_has_agreed_on_is_refused() {
    let mut agreement = Line::to(Nothing, &offer(), 1).unwrap().agreement;
    // FUSE_WRITEBACK_CACHE, which is not asked for here.
    agreement[30] |= 1;
    let refused = Line::again(Nothing, &offer(), &agreement, 1).err().unwrap();
    assert!(refused.to_string().contains("something else"), "{refused}");
    assert!(Line::again(Nothing, &offer(), &agreement[..20], 1).is_err());
}
