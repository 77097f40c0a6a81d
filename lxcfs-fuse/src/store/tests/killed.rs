//! A real process that writes all the time, and is killed.

use std::os::unix::process::ExitStatusExt as _;
use std::time::Duration;

use lxcfs_testing::wait_until;

use super::*;

const KEYS: u64 = 12;

/// Writes for ever with many threads, and says after each record which it was.
fn write(store: &Store) {
    std::thread::scope(|scope| {
        for thread in 0..4 {
            scope.spawn(move || {
                for number in 1.. {
                    for key in (thread..KEYS).step_by(4) {
                        let kind = if key % 2 == 0 { Kind::Text } else { Kind::Container };
                        assert!(store.put(kind, key, number, &nth(key, number)));
                        let done = store.counter(usize::try_from(key).unwrap()).unwrap();
                        done.store(number, Ordering::Release);
                    }
                    if thread == 0 && number % 50 == 0 {
                        store.tidy();
                    }
                    // A record that comes and goes makes others lie elsewhere.
                    let passing = 1000 + thread;
                    assert!(store.put(Kind::Text, passing, 0, &nth(passing, number)));
                    store.remove(Kind::Text, passing);
                }
            });
        }
    });
}

#[test]
fn who_is_killed_leaves_the_last_version_of_each_record_or_the_one_it_was_writing() {
    if let Some(store) = store_of_a_child() {
        return write(&store);
    }
    let store = Store::create().unwrap();
    let name = "store::tests::killed::who_is_killed_leaves_the_last_version_of_each_record_or_the_one_it_was_writing";
    let done = |key| store.counter(usize::try_from(key).unwrap()).unwrap();
    for round in 0..40_u64 {
        for key in 0..KEYS {
            done(key).store(0, Ordering::Relaxed);
        }
        let mut child = this_test_as_a_child(name, &store).spawn().unwrap();
        wait_until("it writes", || {
            (0..KEYS).all(|key| done(key).load(Ordering::Acquire) > 0)
        });
        std::thread::sleep(Duration::from_micros(round * 137));
        child.kill().unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(9));
        let left = again(&store);
        for key in 0..KEYS {
            let kind = if key % 2 == 0 { Kind::Text } else { Kind::Container };
            let held = left
                .get(kind, key)
                .unwrap_or_else(|| panic!("{key} is lost in round {round}"));
            let (whose, number) = which(&held.bytes);
            assert_eq!((whose, number), (key, held.note));
            let said = done(key).load(Ordering::Acquire);
            assert!(
                number == said || number == said + 1,
                "{key}: {said}, and there is {number}"
            );
        }
        for (key, held) in left.all(Kind::Text) {
            assert_eq!(which(&held.bytes).0, key);
        }
    }
}
