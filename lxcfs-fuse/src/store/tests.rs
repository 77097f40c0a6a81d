use std::os::fd::AsRawFd as _;

use super::*;

mod accounts;
mod killed;
mod stepped;

fn again(store: &Store) -> Store {
    Store::open(store.as_fd().try_clone_to_owned().unwrap()).unwrap()
}

fn text(store: &Store, key: u64) -> Option<Vec<u8>> {
    store.get(Kind::Text, key).map(|held| held.bytes)
}

/// A text that says which it is, of a length that depends on it.
fn nth(key: u64, number: u64) -> Vec<u8> {
    let line = format!("{key} {number}\n");
    let length = usize::try_from(number.wrapping_mul(2_654_435_761) % 3000).unwrap() + 1;
    line.bytes()
        .cycle()
        .take(line.len() * length.div_ceil(line.len()))
        .collect()
}

/// Which it is; fails for what is not one of them, whole.
fn which(held: &[u8]) -> (u64, u64) {
    let line = held.split(|byte| *byte == b'\n').next().unwrap();
    let mut words = std::str::from_utf8(line)
        .unwrap()
        .split(' ')
        .map(|word| word.parse().unwrap());
    let (key, number) = (words.next().unwrap(), words.next().unwrap());
    assert_eq!(held, nth(key, number));
    (key, number)
}

#[test]
fn what_is_put_is_there_for_whoever_opens_it_next() {
    let store = Store::create().unwrap();
    assert!(store.put(Kind::Text, 1, 5, b"first"));
    assert!(store.put(Kind::Text, 1, 6, b"second"));
    assert!(store.put(Kind::Container, 1, 0, b"another kind"));
    assert!(store.put(Kind::Text, 2, 7, b""));
    assert!(store.put(Kind::Text, 3, 0, b"goes"));
    store.remove(Kind::Text, 3);
    store.remove(Kind::Text, 4);
    let next = store.next();
    for store in [again(&store), again(&again(&store)), store] {
        assert_eq!(text(&store, 1).unwrap(), b"second");
        assert_eq!(store.note(Kind::Text, 1), Some((6, 6)));
        assert_eq!(store.note(Kind::Text, 2), Some((7, 0)));
        assert_eq!(text(&store, 3), None);
        let all = store.all(Kind::Container);
        assert_eq!(all.len(), 1);
        assert_eq!((all[0].0, &all[0].1.bytes[..]), (1, &b"another kind"[..]));
        assert_eq!(store.all(Kind::Text).len(), 2);
        assert!(store.upcoming() > next);
    }
}

#[test]
fn numbers_and_counters_go_on_with_whoever_opens_it_next() {
    let store = Store::create().unwrap();
    let first = store.next();
    store.counter(3).unwrap().fetch_add(5, Ordering::Relaxed);
    let other = again(&store);
    assert_eq!((other.next(), store.next()), (first + 1, first + 2));
    assert_eq!(other.counter(3).unwrap().load(Ordering::Relaxed), 5);
    assert!(other.counter(COUNTERS).is_none());
    assert!(Store::create().unwrap().next() > first);
}

#[test]
fn what_is_no_store_of_this_version_is_refused() {
    let store = Store::create().unwrap();
    let open = || Store::open(store.as_fd().try_clone_to_owned().unwrap());
    let word = |at| store.memory.word(at).unwrap();
    word(AT_VERSION).store(VERSION + 1, Ordering::Relaxed);
    assert!(matches!(open(), Err(StoreError::Version { found }) if found == VERSION + 1));
    word(AT_VERSION).store(VERSION, Ordering::Relaxed);
    // So it is before it has been made.
    word(AT_MAGIC).store(0, Ordering::Relaxed);
    assert!(matches!(open(), Err(StoreError::Magic)));
    // Its memory is as good as any, with nothing in it.
    store.put(Kind::Text, 1, 0, b"of another version");
    let given = store.next();
    let (other, error) = Store::open_or_begin(store.as_fd().try_clone_to_owned().unwrap()).unwrap();
    assert!(matches!(error, Some(StoreError::Magic)));
    assert_eq!(text(&other, 1), None);
    assert!(other.next() > given);
    assert!(other.put(Kind::Text, 1, 0, b"of this one"));
    let (third, error) = Store::open_or_begin(other.as_fd().try_clone_to_owned().unwrap()).unwrap();
    assert_eq!(
        (text(&third, 1).unwrap(), error.is_none()),
        (b"of this one".to_vec(), true)
    );
    let file = std::fs::File::open("/dev/null").unwrap();
    assert!(matches!(Store::open(file.into()), Err(StoreError::Kind)));
}

#[test]
fn a_record_of_which_any_word_is_missing_is_not_there_and_the_others_are() {
    let store = Store::create().unwrap();
    let held = b"a text of more than one word";
    for key in [1, 2] {
        store.put(Kind::Text, key, 3, held);
    }
    let slot = *store.texts.shard(1).get(&1).unwrap();
    let entry = layout::entry(slot.entry);
    let block = layout::block(slot.record.at);
    // The last word of an entry says nothing.
    let words = (entry..entry + ENTRY - 1).chain(block..block + held.len().div_ceil(8));
    for at in words {
        let word = store.memory.word(at).unwrap();
        let before = word.load(Ordering::Relaxed);
        let whole = store.memory.word(entry).unwrap().load(Ordering::Relaxed);
        word.store(!before, Ordering::Relaxed);
        let other = again(&store);
        assert_eq!((text(&other, 1), text(&other, 2).as_deref()), (None, Some(&held[..])));
        // What the other has struck out.
        store.memory.word(entry).unwrap().store(whole, Ordering::Relaxed);
        word.store(before, Ordering::Relaxed);
    }
    assert_eq!(text(&again(&store), 1).unwrap(), held);
}

#[test]
fn any_words_in_the_memory_are_borne() {
    let mut state: u64 = 0x9E37_79B9_7F4A_7C15;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for _ in 0..200 {
        let store = Store::create().unwrap();
        for key in 0..40 {
            store.put(Kind::Text, key, 0, &nth(key, random() % 1000));
        }
        for _ in 0..random() % 100 {
            let at = layout::entry(0) + usize::try_from(random() % (40 * 8)).unwrap();
            let word = [random(), random() % 1000, 0, u64::MAX][usize::try_from(random() % 4).unwrap()];
            store.memory.word(at).unwrap().store(word, Ordering::Relaxed);
        }
        if random() % 4 == 0 {
            store.memory.word(AT_USED).unwrap().store(random(), Ordering::Relaxed);
        }
        let other = again(&store);
        for (key, held) in other.all(Kind::Text) {
            assert_eq!(which(&held.bytes).0, key);
        }
        assert!(other.put(Kind::Text, 1 << 40, 0, b"there is still room"));
        assert_eq!(text(&again(&other), 1 << 40).unwrap(), b"there is still room");
    }
}

#[test]
fn many_threads_write_and_each_finds_what_it_has_written() {
    let store = Store::create().unwrap();
    std::thread::scope(|scope| {
        for thread in 0..8_u64 {
            let store = &store;
            scope.spawn(move || {
                for number in 0..2000 {
                    let key = thread * 10 + number % 10;
                    assert!(store.put(Kind::Text, key, number, &nth(key, number)));
                    // One that all of them write.
                    assert!(store.put(Kind::Container, 1000, number, &nth(1000, number)));
                    assert_eq!(text(store, key).unwrap(), nth(key, number));
                    let shared = store.get(Kind::Container, 1000).unwrap();
                    assert_eq!(which(&shared.bytes), (1000, shared.note));
                    if number % 7 == 0 {
                        store.remove(Kind::Text, key);
                        assert_eq!(text(store, key), None);
                    }
                    if number % 100 == 0 {
                        store.tidy();
                    }
                }
            });
        }
    });
    let other = again(&store);
    let sorted = |store: &Store, kind| {
        let mut all = store.all(kind);
        all.sort_by_key(|(key, _)| *key);
        all
    };
    assert_eq!(sorted(&other, Kind::Text), sorted(&store, Kind::Text));
    assert_eq!(sorted(&other, Kind::Container), sorted(&store, Kind::Container));
    assert!(sorted(&other, Kind::Text).len() > 40);
}

#[test]
fn texts_that_were_opened_first_make_room_and_containers_stay() {
    let store = Store::create().unwrap();
    for key in 0..10 {
        assert!(store.put(Kind::Container, key, 0, &nth(key, key)));
    }
    let large = vec![b'x'; 1 << 20];
    for key in 100..200 {
        assert!(store.put(Kind::Text, key, 0, &large));
        assert!(store.texts.bytes.load(Ordering::Relaxed) <= MOST_TEXT_BYTES + (1 << 20));
    }
    assert_eq!((text(&store, 100), text(&store, 199)), (None, Some(large)));
    let count = MOST_TEXTS + 100;
    for key in 1000..1000 + u64::try_from(count).unwrap() {
        assert!(store.put(Kind::Text, key, 9, b""));
    }
    assert_eq!(
        (store.note(Kind::Text, 1099), store.note(Kind::Text, 1100)),
        (None, Some((9, 0)))
    );
    let other = again(&store);
    assert_eq!(other.all(Kind::Text).len(), MOST_TEXTS);
    for key in 0..10 {
        assert_eq!(other.get(Kind::Container, key).unwrap().bytes, nth(key, key));
    }
}

#[test]
fn what_has_no_room_is_not_there_and_neither_is_what_it_was_before() {
    let store = Store::create().unwrap();
    assert!(store.put(Kind::Text, 1, 0, b"before"));
    assert!(!store.put(Kind::Text, 1, 0, &vec![0; (4 << 20) + 1]));
    assert_eq!(text(&again(&store), 1), None);
    let all = vec![7; 4 << 20];
    assert!(store.put(Kind::Text, 1, 0, b"makes room"));
    for key in 0..13 {
        assert!(store.put(Kind::Container, key, 0, &all), "{key}");
    }
    assert_eq!(text(&store, 1), None);
    assert!(!store.put(Kind::Container, 3, 0, b"a later version"));
    assert_eq!(store.get(Kind::Container, 3), None);
    assert!(store.put(Kind::Container, 3, 0, b"a later version"));
}

#[test]
fn pages_that_hold_nothing_are_given_back() {
    let pages = |store: &Store| rustix::fs::fstat(store.as_fd()).unwrap().st_blocks / 8;
    let store = Store::create().unwrap();
    assert!(pages(&store) < 10, "{}", pages(&store));
    for key in 0..1000 {
        store.put(Kind::Text, key, 0, &vec![1; 10_000]);
    }
    store.put(Kind::Container, 1, 0, &nth(1, 1));
    assert!(pages(&store) > 2000);
    for key in 0..1000 {
        store.remove(Kind::Text, key);
    }
    store.tidy();
    assert!(pages(&store) < 100, "{}", pages(&store));
    assert_eq!(again(&store).get(Kind::Container, 1).unwrap().bytes, nth(1, 1));
    // Who takes it over does not know what was written to, and gives back all the same.
    for key in 0..1000 {
        store.put(Kind::Text, key, 0, &vec![1; 10_000]);
    }
    let other = again(&store);
    for key in 0..1000 {
        other.remove(Kind::Text, key);
    }
    other.tidy();
    assert!(pages(&other) < 100, "{}", pages(&other));
}

/// This test once more, in a process of its own which does something else in it.
fn this_test_as_a_child(name: &str, store: &Store) -> std::process::Command {
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command
        .args([name, "--exact", "--nocapture", "--test-threads=1"])
        .env(
            "LXCFS_TEST_STORE",
            format!("/proc/{}/fd/{}", std::process::id(), store.as_fd().as_raw_fd()),
        )
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null());
    command
}

/// The store that a child is to write to.
fn store_of_a_child() -> Option<Store> {
    let path = std::env::var_os("LXCFS_TEST_STORE")?;
    let file = std::fs::File::options().read(true).write(true).open(path).unwrap();
    Some(Store::open(file.into()).unwrap())
}
