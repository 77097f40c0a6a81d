//! Accounts of containers, at this process and the ones after it.

use super::*;
use crate::status::Latency;
use crate::store::layout::{ACCOUNTS, ACCOUNTS_MAGIC, AT_ACCOUNTS, FIRST_ACCOUNTS_BLOCK};

fn owner(cgroup: &[u8]) -> Owner<'_> {
    Owner {
        pid: Some(7),
        cgroup,
        met: 1000,
    }
}

fn balances(store: &Store) -> Vec<Balance> {
    Seen::open(store.as_fd()).unwrap().accounts()
}

/// A container with a record and an account.
fn container(store: &Store, record: u64) -> Account {
    assert!(store.put(Kind::Container, record, 0, b"a container"));
    store.open_account(record, owner(b"/pod")).unwrap()
}

#[test]
fn what_is_counted_is_seen_by_others_and_goes_on_at_the_next_process() {
    let store = Store::create().unwrap();
    let places = store.places(["proc/stat", "proc/meminfo"].into_iter());
    let account = container(&store, 5);
    store.count_read(account, places[1], 500, 2000);
    store.count_read(account, places[1], 3000, 3000);
    store.count_error(account, None, 2500);
    store.count_error(account, Some(1 << 31), 2500);
    let expected = Balance {
        pid: Some(7),
        cgroup: b"/pod".to_vec(),
        is_cut: false,
        met: 1000,
        asked: 3000,
        reads: (0..64).map(|place| if place == 1 { 2 } else { 0 }).collect(),
        errors: 2,
        latency: Latency {
            buckets: vec![(1024, 1), (3072, 1), (1 << 31, 1)],
            sum_ns: 3500 + (1 << 31),
        },
    };
    assert_eq!(balances(&store), [expected]);
    let next = again(&store);
    assert_eq!(next.open_account(5, owner(b"/other")), Some(account));
    next.count_read(account, places[0], 1, 1);
    let [balance] = &balances(&next)[..] else {
        panic!("one account")
    };
    assert_eq!(
        (&balance.reads[..3], &balance.cgroup[..]),
        (&[1, 2, 0][..], &b"/pod"[..])
    );
}

#[test]
fn names_keep_their_places_at_a_version_that_has_others() {
    let store = Store::create().unwrap();
    assert_eq!(store.places(["a", "b"].into_iter()), [Some(0), Some(1)]);
    let next = again(&store);
    assert_eq!(next.places(["new", "b"].into_iter()), [Some(2), Some(1)]);
    assert_eq!(again(&next).places(["a", "new"].into_iter()), [Some(0), Some(2)]);
    assert_eq!(Seen::open(store.as_fd()).unwrap().names(), ["a", "b", "new"]);
    let long = "x".repeat(65);
    assert_eq!(store.places([long.as_str()].into_iter()), [None]);
    let many: Vec<String> = (0..64).map(|number| number.to_string()).collect();
    let places = store.places(many.iter().map(String::as_str));
    assert_eq!((places[60], places[61]), (Some(63), None));
}

#[test]
fn an_account_goes_with_its_container_and_who_still_has_it_counts_nothing() {
    let store = Store::create().unwrap();
    let (first, second) = (container(&store, 1), container(&store, 2));
    store.forget(1);
    store.count_read(first, None, 10, 10);
    assert_eq!(balances(&store).len(), 1);
    let third = container(&store, 3);
    store.count_error(first, None, 10);
    store.count_error(third, None, 2000);
    assert_eq!(balances(&store).iter().map(|one| one.errors).sum::<u64>(), 1);
    // Of one whose record is not there any more, the next process knows nothing.
    store.remove(Kind::Container, 2);
    store.count_error(second, None, 2000);
    let next = again(&store);
    assert_eq!(balances(&next).len(), 1);
    assert_eq!(next.open_account(3, owner(b"/pod")), Some(third));
}

#[test]
fn there_are_so_many_accounts_and_one_that_is_given_back_is_given_again() {
    let store = Store::create().unwrap();
    for record in 1..=u64::from(ACCOUNTS) {
        assert!(store.open_account(record, owner(b"/a")).is_some());
    }
    assert_eq!(store.open_account(1 << 40, owner(b"/a")), None);
    assert_eq!(balances(&store).len(), usize::try_from(ACCOUNTS).unwrap());
    store.forget(77);
    assert!(store.open_account(1 << 40, owner(b"/b")).is_some());
}

#[test]
fn of_a_path_that_is_too_long_the_end_is_kept() {
    let store = Store::create().unwrap();
    let path: Vec<u8> = (0..5000_u32)
        .map(|number| b'a' + u8::try_from(number % 26).unwrap())
        .collect();
    store.open_account(1, owner(&path)).unwrap();
    let [balance] = &balances(&store)[..] else {
        panic!("one account")
    };
    assert!(balance.is_cut && balance.cgroup.len() >= 512 && path.ends_with(&balance.cgroup));
}

/// The store as a program leaves it that knows nothing of accounts: their place is room like any other.
fn without_accounts(store: &Store) {
    store.memory.word(AT_ACCOUNTS).unwrap().store(0, Ordering::Relaxed);
    store
        .memory
        .write(layout::account(3), b"left by a text that is there no more");
}

#[test]
fn a_store_from_before_there_were_accounts_keeps_its_records_and_gets_them() {
    let store = Store::create().unwrap();
    store.put(Kind::Text, 1, 3, b"a text");
    store.put(Kind::Container, 2, 0, b"a container");
    without_accounts(&store);
    let next = again(&store);
    assert_eq!(text(&next, 1).unwrap(), b"a text");
    assert_eq!(next.get(Kind::Container, 2).unwrap().bytes, b"a container");
    assert_eq!(balances(&next), []);
    container(&next, 2);
    assert_eq!(balances(&again(&next)).len(), 1);
}

#[test]
fn records_that_lie_in_the_place_of_accounts_stay_and_accounts_wait() {
    let store = Store::create().unwrap();
    without_accounts(&store);
    // As the program before has written it, whose room was larger.
    let held = b"a text that lies far behind";
    store.memory.write(layout::block(FIRST_ACCOUNTS_BLOCK + 1), held);
    let record = Record {
        kind: Kind::Text,
        key: 9,
        turn: 1,
        at: FIRST_ACCOUNTS_BLOCK + 1,
        length: u32::try_from(held.len()).unwrap(),
        note: 0,
    };
    let mut hasher = Hasher::new();
    hasher.update(held);
    record.publish(entry_of(&store.memory, 0), hasher);
    store.memory.word(AT_USED).unwrap().store(1, Ordering::Relaxed);
    let next = again(&store);
    assert_eq!(text(&next, 9).unwrap(), held);
    assert_eq!(next.open_account(1, owner(b"/a")), None);
    assert_eq!(next.places(["a"].into_iter()), [None]);
    assert_eq!(text(&next, 9).unwrap(), held);
    next.remove(Kind::Text, 9);
    let after = again(&next);
    assert!(after.open_account(1, owner(b"/a")).is_some());
    assert_eq!(after.places(["a"].into_iter()), [Some(0)]);
}

#[test]
fn any_words_in_the_place_of_accounts_are_borne() {
    let mut state: u64 = 0x2545_F491_4F6C_DD1D;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for _ in 0..100 {
        let store = Store::create().unwrap();
        for record in 1..10 {
            container(&store, record);
        }
        for _ in 0..random() % 400 {
            let at = AT_ACCOUNTS + 1 + usize::try_from(random() % (14 * 256)).unwrap();
            let word = [random(), random() % 1000, 0, u64::MAX][usize::try_from(random() % 4).unwrap()];
            store.memory.word(at).unwrap().store(word, Ordering::Relaxed);
        }
        assert_eq!(
            store.memory.word(AT_ACCOUNTS).unwrap().load(Ordering::Relaxed),
            ACCOUNTS_MAGIC
        );
        let seen = Seen::open(store.as_fd()).unwrap();
        assert!(seen.accounts().len() <= usize::try_from(ACCOUNTS).unwrap() && seen.names().len() <= 64);
        let next = again(&store);
        assert!(balances(&next).len() <= 9);
        next.places(["a"].into_iter());
        assert!(next.open_account(1 << 40, owner(b"/a")).is_some());
    }
}

#[test]
fn many_threads_count_and_nothing_is_lost_while_others_come_and_go() {
    let store = Store::create().unwrap();
    let places = store.places(["a", "b", "c", "d"].into_iter());
    let account = container(&store, 1);
    std::thread::scope(|scope| {
        for place in &places {
            let store = &store;
            scope.spawn(move || {
                for number in 0..5000 {
                    store.count_read(account, *place, number, number);
                }
            });
        }
        scope.spawn(|| {
            for record in 100..2000 {
                let passing = container(&store, record);
                store.count_error(passing, None, 0);
                store.forget(record);
            }
        });
        for _ in 0..200 {
            // Whoever looks sees whole accounts, and none that is half another one's.
            for balance in balances(&store) {
                assert_eq!(
                    (balance.pid, &balance.cgroup[..], balance.met),
                    (Some(7), &b"/pod"[..], 1000)
                );
            }
        }
    });
    let [balance] = &balances(&store)[..] else {
        panic!("one account")
    };
    assert_eq!(&balance.reads[..5], [5000, 5000, 5000, 5000, 0]);
    assert_eq!((balance.latency.count(), balance.asked), (20_000, 4999));
}
