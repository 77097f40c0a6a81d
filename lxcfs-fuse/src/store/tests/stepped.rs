//! A real process that is looked at after each of its instructions: it might have been killed there.

use lxcfs_testing::{PATIENCE, wait_until};
use nix::sys::ptrace;
use nix::sys::signal::{Signal, raise};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use super::*;

const BEFORE: &[u8] = b"what was there before, of some length";
const AFTER: &[u8] =
    b"what comes after it and is longer than that, so that it lies elsewhere, in blocks of another size. \
    It is a text of a few lines, as most are that are shown to containers: a word or two words more will do here.\n";

/// Changes one record while somebody watches.
fn change(store: &Store) {
    // Tests have threads of their own.
    ptrace::traceme().unwrap();
    let thread = nix::unistd::gettid().as_raw().try_into().unwrap();
    store.counter(1).unwrap().store(thread, Ordering::Release);
    raise(Signal::SIGSTOP).unwrap();
    assert!(store.put(Kind::Text, 2, 22, AFTER));
    store.counter(0).unwrap().store(1, Ordering::Release);
    store.remove(Kind::Text, 3);
    raise(Signal::SIGSTOP).unwrap();
}

/// The words that the change may touch.
fn words(store: &Store) -> Vec<(usize, u64)> {
    let all = (0..1024).chain(layout::block(0)..layout::block(64));
    all.map(|at| (at, store.memory.word(at).unwrap().load(Ordering::Acquire)))
        .collect()
}

/// What somebody would find who took it over now. A copy: who opens a store strikes out what is torn.
fn found(words: &[(usize, u64)], copy: &Store) -> Store {
    for (at, word) in words {
        copy.memory.word(*at).unwrap().store(*word, Ordering::Relaxed);
    }
    again(copy)
}

/// What has stopped the thread.
fn stopped_by(thread: Pid) -> Signal {
    let start = std::time::Instant::now();
    loop {
        match waitpid(thread, Some(WaitPidFlag::WNOHANG | WaitPidFlag::__WALL)).unwrap() {
            WaitStatus::StillAlive => std::thread::yield_now(),
            WaitStatus::Stopped(_, signal) => return signal,
            other => panic!("{other:?}"),
        }
        assert!(start.elapsed() < PATIENCE, "it does not stop");
    }
}

#[test]
fn there_is_no_instruction_at_which_a_record_is_lost_or_torn() {
    if let Some(store) = store_of_a_child() {
        return change(&store);
    }
    let (store, copy) = (Store::create().unwrap(), Store::create().unwrap());
    for key in 1..4 {
        assert!(store.put(Kind::Text, key, 11, BEFORE));
    }
    let name = "store::tests::stepped::there_is_no_instruction_at_which_a_record_is_lost_or_torn";
    let mut child = this_test_as_a_child(name, &store).spawn().unwrap();
    let thread = store.counter(1).unwrap();
    wait_until("it says which thread it is", || thread.load(Ordering::Acquire) != 0);
    let pid = Pid::from_raw(thread.load(Ordering::Acquire).try_into().unwrap());
    assert_eq!(stopped_by(pid), Signal::SIGSTOP);
    let (mut steps, mut versions, mut last) = (0, [0, 0], Vec::new());
    loop {
        ptrace::step(pid, None).unwrap();
        if stopped_by(pid) == Signal::SIGSTOP {
            break;
        }
        steps += 1;
        let is_done = store.counter(0).unwrap().load(Ordering::Acquire) == 1;
        let now = words(&store);
        if now == last {
            continue;
        }
        let left = found(&now, &copy);
        last = now;
        assert_eq!(text(&left, 1).unwrap(), BEFORE);
        let version = left.get(Kind::Text, 2).unwrap();
        match version.note {
            11 => {
                assert_eq!(version.bytes, BEFORE);
                assert!(!is_done, "it was done, and is not there");
                versions[0] += 1;
            }
            22 => {
                assert_eq!(version.bytes, AFTER);
                versions[1] += 1;
            }
            other => panic!("{other}"),
        }
        assert!(text(&left, 3).is_none_or(|third| third == BEFORE));
        assert!(left.put(Kind::Text, 4, 0, b"and it is as good as new"));
    }
    child.kill().unwrap();
    // Who traces a thread is told of its end before the process has ended.
    waitpid(pid, Some(WaitPidFlag::__WALL)).unwrap();
    child.wait().unwrap();
    assert_eq!(text(&again(&store), 3), None);
    // Each word that was written, at least.
    assert!(
        versions[0] > AFTER.len() / 8 && versions[1] >= 3,
        "{versions:?} of {steps}"
    );
}
