//! Readers that do what no program should.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    unreachable_pub,
    reason = "this is test code"
)]

#[path = "../rig/mod.rs"]
mod rig;

mod deaths;
mod names;
mod nesting;
mod numbers;
mod places;
mod worker;

use std::collections::HashSet;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lxcfs_core::TABLE;
use lxcfs_testing::{Caller, Cgroup, Container, Daemon, Limits, PATIENCE, act_if_told, becomes_true, wait_until};
use rig::{Expected, meminfo, mounted, rounds, shape};

#[test]
fn act() {
    act_if_told(&[
        ("byte by byte", |paths| each(paths, byte_by_byte)),
        ("beyond the end", |paths| each(paths, beyond_the_end)),
        ("threads", |paths| each(paths, threads_on_one_descriptor)),
        ("many open", |paths| many_open(paths)),
        ("for ever", |paths| for_ever(paths)),
        ("totals", |paths| totals(paths)),
        ("named", |arguments| names::named(arguments)),
        ("die", |paths| deaths::die(paths)),
        ("open", |paths| deaths::open(paths)),
        ("few numbers", |arguments| numbers::few(arguments)),
    ]);
}

fn each(paths: &[&str], act: fn(&str)) {
    for path in paths {
        act(path);
    }
}

/// Calls that with a limited container that is shown the daemon's files.
fn with_container(test: impl FnOnce(&Daemon, &Container<'_>)) {
    let Some(daemon) = mounted() else { return };
    let cgroup = Cgroup::new(&Limits::default().memory(256 << 20).cpu_percent(200));
    let container = Container::start(&cgroup);
    test(&daemon, &container);
}

/// The paths of all files that can be read in that container.
fn readable(daemon: &Daemon, container: &Container<'_>) -> Vec<String> {
    let expected = Expected::of(container.init());
    let files = TABLE.iter().filter(|row| !row.is_directory());
    files
        .filter(|row| expected.text(row.path).is_ok())
        .map(|row| daemon.file(row.path))
        .collect()
}

/// How many descriptors the daemon keeps, without those of threads that have asked: these are bounded, and closed when
/// their container ends or there are too many.
fn kept(daemon: &Daemon) -> usize {
    let all = daemon.descriptors();
    let is_of_a_thread = |path: &&PathBuf| path.starts_with("/proc") && path.ends_with("cgroup");
    all.iter().filter(|path| !is_of_a_thread(path)).count()
}

/// Waits until the daemon keeps no more descriptors than that, and a few.
fn wait_for_few(daemon: &Daemon, before: usize) {
    let few = becomes_true(PATIENCE, || kept(daemon) <= before + 20);
    assert!(few, "{before} before, and now {:#?}", daemon.descriptors());
}

/// Has a copy of this program do that with all files.
fn have_done(act: &str, container: &Container<'_>, paths: &[String]) {
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let _ = container.caller().act(act, &paths).finish().well();
}

fn pread(file: &File, offset: u64, size: usize) -> Vec<u8> {
    let mut room = vec![0; size];
    let length = file.read_at(&mut room, offset).unwrap();
    room.truncate(length);
    // Thousands are kept at once, within the container's limit.
    room.shrink_to_fit();
    room
}

const WHOLE: usize = 1 << 17;

#[test]
fn bytes_that_are_read_one_by_one_are_one_text() {
    with_container(|daemon, container| {
        have_done("byte by byte", container, &readable(daemon, container));
    });
}

fn byte_by_byte(path: &str) {
    let file = File::open(path).unwrap();
    let mut text = Vec::new();
    loop {
        let byte = pread(&file, u64::try_from(text.len()).unwrap(), 1);
        if byte.is_empty() {
            break;
        }
        text.extend(byte);
    }
    // The whole of it, while nothing is read from its beginning again.
    let rest = pread(&file, 1, WHOLE);
    assert_eq!(text.get(1..).unwrap_or_default(), rest, "{path}");
    let text = String::from_utf8(text).unwrap();
    assert!(
        text.is_empty() || text.ends_with('\n') || path.ends_with("modalias"),
        "{path}: {text}"
    );
    assert_eq!(
        steady(path, &text),
        steady(path, &std::fs::read_to_string(path).unwrap())
    );
}

/// What is the same in two renderings of one file. A device may be used for the first time in between.
fn steady(path: &str, text: &str) -> String {
    let text = if path.ends_with("diskstats") { "" } else { text };
    shape(text)
}

#[test]
fn there_is_nothing_beyond_the_end() {
    with_container(|daemon, container| {
        have_done("beyond the end", container, &readable(daemon, container));
    });
}

fn beyond_the_end(path: &str) {
    let far = [
        1 << 20,
        1 << 32,
        (1 << 62) + 1,
        u64::try_from(i64::MAX).unwrap() - (1 << 20),
    ];
    for offset in far {
        // On a descriptor that nothing was read from before, and on one that was.
        let file = File::open(path).unwrap();
        assert_eq!(pread(&file, offset, 4096), b"", "{path} at {offset}");
        let whole = pread(&file, 0, WHOLE);
        assert_eq!(pread(&file, offset, 4096), b"", "{path} at {offset}");
        assert_eq!(
            pread(&file, u64::try_from(whole.len()).unwrap(), 4096),
            b"",
            "{path} at its end"
        );
    }
    // The first read of a descriptor may be anywhere: it is a piece of a whole text.
    let whole = pread(&File::open(path).unwrap(), 0, WHOLE);
    for offset in [1, whole.len() / 2, whole.len().saturating_sub(1)] {
        let file = File::open(path).unwrap();
        let piece = pread(&file, u64::try_from(offset).unwrap(), 10);
        let all = pread(&file, u64::try_from(offset).unwrap(), WHOLE);
        assert!(all.starts_with(&piece), "{path} at {offset}");
        assert!(!piece.contains(&0), "{path} at {offset}");
    }
}

#[test]
fn threads_that_share_a_descriptor_each_get_pieces_of_whole_texts() {
    with_container(|daemon, container| {
        have_done("threads", container, &readable(daemon, container));
    });
}

fn threads_on_one_descriptor(path: &str) {
    let rounds = rounds(300);
    let file = File::open(path).unwrap();
    let renderings = Mutex::new(HashSet::from([pread(&file, 0, WHOLE)]));
    let pieces = Mutex::new(HashSet::new());
    let length = renderings.lock().unwrap().iter().map(Vec::len).max().unwrap();
    std::thread::scope(|scope| {
        // A text is made anew only by a read from the beginning, and each of those gets all of it.
        for _ in 0..3 {
            scope.spawn(|| {
                for _ in 0..rounds {
                    let text = pread(&file, 0, WHOLE);
                    renderings.lock().unwrap().insert(text);
                }
            });
        }
        for thread in 0..3 {
            let (file, pieces) = (&file, &pieces);
            scope.spawn(move || {
                for round in 0..rounds {
                    // Never the beginning: that would be one more rendering.
                    let offset = 1 + usize::try_from(round * 37 + thread).unwrap() % length.max(2);
                    let piece = pread(file, u64::try_from(offset).unwrap(), 200);
                    pieces.lock().unwrap().insert((offset, piece));
                }
            });
        }
    });
    let renderings = renderings.into_inner().unwrap();
    for text in &renderings {
        assert!(!text.contains(&0), "{path}: {}", String::from_utf8_lossy(text));
        let keys = |text: &[u8]| steady(path, std::str::from_utf8(text).unwrap());
        assert_eq!(keys(text), keys(renderings.iter().next().unwrap()), "{path}");
    }
    for (offset, piece) in pieces.into_inner().unwrap() {
        let is_of = |text: &Vec<u8>| {
            let rest = text.get(offset..).unwrap_or_default();
            rest.get(..200).unwrap_or(rest) == piece
        };
        assert!(
            renderings.iter().any(is_of),
            "{path} at {offset} is of none of {} texts: {:?}",
            renderings.len(),
            String::from_utf8_lossy(&piece)
        );
    }
}

#[test]
fn thousands_of_open_files_are_served_and_then_forgotten() {
    with_container(|daemon, container| {
        let paths = readable(daemon, container);
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        container.caller().text(&[&["cat"], paths.as_slice()].concat());
        let before = kept(daemon);
        let running: Vec<_> = (0..4).map(|_| container.caller().act("many open", &paths)).collect();
        for one in running {
            let _ = one.finish().well();
        }
        wait_for_few(daemon, before);
    });
}

fn many_open(paths: &[&str]) {
    // As many as fit into the usual limit of a process.
    let open: Vec<_> = paths
        .iter()
        .cycle()
        .take(usize::try_from(rounds(900)).unwrap())
        .map(|path| {
            let file = File::open(path).unwrap();
            let text = pread(&file, 0, WHOLE);
            (path, file, text)
        })
        .collect();
    for (path, file, text) in open {
        let rest = pread(&file, 1, WHOLE);
        assert!(
            rest == text.get(1..).unwrap_or_default(),
            "{path}: its text has changed"
        );
    }
}

#[test]
fn readers_that_are_killed_leave_nothing() {
    with_container(|daemon, container| {
        let paths = readable(daemon, container);
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        container.caller().text(&[&["cat"], paths.as_slice()].concat());
        let before = kept(daemon);
        for round in 0..u64::from(rounds(200)) {
            let reader = container.caller().act("for ever", &paths);
            // Some are killed before they read, some while they do.
            if round % 4 != 0 {
                wait_until("the reader reads", || reader.said().contains("reading"));
            }
            std::thread::sleep(Duration::from_micros(round * 97 % 3000));
            assert!(reader.kill(), "the reader has ended by itself");
        }
        assert_eq!(
            meminfo(&container.caller().read(&daemon.file("proc/meminfo")), "MemTotal"),
            256 << 10
        );
        wait_for_few(daemon, before);
    });
}

fn for_ever(paths: &[&str]) {
    println!("reading");
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    for path in paths {
                        let file = File::open(path).unwrap();
                        let _ = pread(&file, 0, WHOLE);
                        let _ = pread(&file, 10, 10);
                    }
                }
            });
        }
    });
}

#[test]
fn a_reader_that_is_moved_while_it_reads_sees_where_it_was_or_is_and_never_the_host() {
    let Some(daemon) = mounted() else { return };
    let path = daemon.file("proc/meminfo");
    let size = |round: u64| 64 + round;
    let mut reader = Caller::host().act("totals", &[&path]);
    wait_until("the reader reads", || reader.said().contains(" kB"));
    let mut cgroup = None;
    for round in 0..u64::from(rounds(40)) {
        let next = Cgroup::new(&Limits::default().memory(size(round) << 20));
        next.attach(reader.pid());
        // The one that it was in is removed while it reads.
        cgroup = Some(next);
        let now = format!("{} kB", size(round) << 10);
        wait_until("the reader sees where it is", || reader.said().contains(&now));
        assert!(reader.is_running(), "{}", reader.said());
    }
    let said = reader.said();
    drop(reader);
    drop(cgroup);
    // First there is the host's, where it began.
    for total in said
        .lines()
        .filter_map(|line| line.strip_suffix(" kB")?.parse::<u64>().ok())
        .skip(1)
    {
        assert!(
            (size(0) << 10..size(40) << 10).contains(&total),
            "{total} kB in {said}\n{}",
            daemon.log()
        );
    }
}

/// Says what it is shown whenever that changes; errors are passed over, and counted when they go on.
fn totals(paths: &[&str]) {
    let mut last = String::new();
    let mut failures = 0;
    loop {
        match std::fs::read_to_string(paths[0]) {
            Ok(text) => {
                failures = 0;
                let total = format!("{} kB", meminfo(&text, "MemTotal"));
                if total != last {
                    println!("{total}");
                    last = total;
                }
            }
            Err(error) => {
                failures += 1;
                assert!(failures < 1000, "{error}");
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }
}

#[test]
fn containers_that_come_and_go_while_they_read_are_forgotten() {
    let Some(daemon) = mounted() else { return };
    let path = daemon.file("proc/stat");
    Caller::host().read(&path);
    let before = kept(&daemon);
    for _ in 0..rounds(50) {
        let cgroup = Cgroup::new(&Limits::default().memory(64 << 20));
        let container = Container::start(&cgroup);
        let reader = container.caller().act("for ever", &[&path]);
        wait_until("the reader reads", || reader.said().contains("reading"));
        // The container is killed with its reader in it.
        drop(reader);
    }
    wait_for_few(&daemon, before);
}

#[test]
fn a_thousand_containers_see_their_own_and_are_forgotten() {
    let Some(mut daemon) = mounted() else { return };
    let count = u64::from(rounds(1000));
    let path = daemon.file("proc/meminfo");
    Caller::host().read(&path);
    let before = (kept(&daemon), daemon.memory_kib());

    let sizes: Vec<u64> = (0..count).map(|number| 32 + number).collect();
    let cgroups: Vec<_> = sizes
        .iter()
        .map(|size| Cgroup::new(&Limits::default().memory(size << 20)))
        .collect();
    let containers: Vec<_> = cgroups.iter().map(Container::start).collect();
    let mut most = before;
    for _ in 0..2 {
        for (container, size) in containers.iter().zip(&sizes) {
            assert_eq!(meminfo(&container.caller().read(&path), "MemTotal"), size << 10);
        }
        most = (kept(&daemon), daemon.memory_kib());
    }
    println!("{count} containers: (descriptors, KiB) {before:?}, then {most:?}");
    // 64 KiB for each, and what the allocator keeps.
    assert!(most.1 < before.1 + 64 * count + 32 * 1024, "{before:?} {most:?}");

    drop(containers);
    wait_for_few(&daemon, before.0);
    assert!(daemon.is_running());
    println!("afterwards ({}, {})", kept(&daemon), daemon.memory_kib());
}

#[test]
fn a_crowd_that_reads_at_once_is_served() {
    with_container(|daemon, container| {
        let paths = readable(daemon, container);
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        let crowd: Vec<_> = (0..rounds(40))
            .map(|_| container.caller().start(&[&["cat"], paths.as_slice()].concat()))
            .collect();
        for one in crowd {
            assert!(one.finish_within(PATIENCE).status.success());
        }
        let done = AtomicBool::new(false);
        // From our own threads too, which are the host's.
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    while !done.load(Ordering::Relaxed) {
                        for path in &paths {
                            let _ = std::fs::read(path);
                        }
                    }
                });
            }
            for _ in 0..20 {
                assert_eq!(
                    meminfo(&container.caller().read(&daemon.file("proc/meminfo")), "MemTotal"),
                    256 << 10
                );
            }
            done.store(true, Ordering::Relaxed);
        });
    });
}
