//! Whatever bytes a kernel file has, rendering returns: no panic, no hang, no text out of proportion.
//!
//! Each case takes a machine that is made up, spoils some or all of its files, and asks for everything: every row of the
//! table, whatever its directories list, and an explanation of each. Whether the answer is a text or an error does not
//! matter here.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that fails here has found something"
)]

use std::path::{Path, PathBuf};
use std::time::Duration;

use lxcfs_core::cgroup::Hierarchies;
use lxcfs_core::explain::explain;
use lxcfs_core::synthetic::{Limits, Machine, Spelling, paths};
use lxcfs_core::{
    Container, ContainerView, CpuIds, CpuView, EntryKind, MemorySource, Remembered, Source as _, SourceErrorKind,
    TABLE, ViewOptions, find,
};
use proptest::prelude::*;
use proptest::sample::Index;

/// No rendering of these small machines is longer than this, whatever their files say: a list of all CPUs that a kernel
/// can have, with the lines of `/proc/stat`, is some megabytes.
const LONGEST: usize = 16 << 20;

/// So many entries of one directory are asked for; lists of CPUs can be made very long.
const MOST_ENTRIES: usize = 24;

/// How a file is spoilt.
#[derive(Debug, Clone)]
enum Spoil {
    Replace(Vec<u8>),
    Truncate(Index),
    RepeatLines(usize),
    /// Every number becomes this.
    Numbers(&'static str),
    Insert(Index, u8),
    WithoutNewlines,
    Shuffle(usize),
    Fail(SourceErrorKind),
}

const NUMBERS: [&str; 9] = [
    "18446744073709551615",
    "18446744073709551616",
    "9223372036854775807",
    "9223372036854771712",
    "99999999999999999999999999999999999999999",
    "4294967295",
    "65535",
    "-1",
    "0",
];

const ERRORS: [SourceErrorKind; 6] = [
    SourceErrorKind::NotFound,
    SourceErrorKind::PermissionDenied,
    SourceErrorKind::Gone,
    SourceErrorKind::NotSupported,
    SourceErrorKind::Errno(5),
    SourceErrorKind::Errno(i32::MIN),
];

fn spoils() -> impl Strategy<Value = Spoil> {
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..200).prop_map(Spoil::Replace),
        "[0-9a-z :,=.\n\t/-]{0,80}".prop_map(|text| Spoil::Replace(text.into_bytes())),
        proptest::sample::select(&["", "\n", "0-65535\n", "max\n", "max 0\n", "1 0\n", "\0", "cpu"][..])
            .prop_map(|text| Spoil::Replace(text.as_bytes().to_vec())),
        any::<Index>().prop_map(Spoil::Truncate),
        (2..50_usize).prop_map(Spoil::RepeatLines),
        proptest::sample::select(&NUMBERS[..]).prop_map(Spoil::Numbers),
        (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Spoil::Insert(at, byte)),
        Just(Spoil::WithoutNewlines),
        any::<usize>().prop_map(Spoil::Shuffle),
    ]
}

impl Spoil {
    fn apply(&self, path: &Path, files: MemorySource) -> MemorySource {
        let Ok(text) = files.read(path) else { return files };
        let mut lines: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
        let spoilt = match self {
            Self::Replace(bytes) => bytes.clone(),
            Self::Truncate(at) => text[..at.index(text.len() + 1)].to_vec(),
            Self::RepeatLines(times) => lines.iter().flat_map(|line| line.repeat(*times)).collect(),
            Self::Numbers(number) => numbers(&text, number),
            Self::Insert(at, byte) => {
                let mut text = text.to_vec();
                text.insert(at.index(text.len() + 1), *byte);
                text
            }
            Self::WithoutNewlines => text.iter().copied().filter(|byte| *byte != b'\n').collect(),
            Self::Shuffle(by) => {
                let count = lines.len().max(1);
                lines.rotate_left(by % count);
                lines.concat()
            }
            Self::Fail(kind) => return files.with_error(path, *kind),
        };
        files.with(path, spoilt)
    }
}

fn numbers(text: &[u8], number: &str) -> Vec<u8> {
    let runs = text.chunk_by(|one, two| one.is_ascii_digit() == two.is_ascii_digit());
    runs.flat_map(|run| {
        if run[0].is_ascii_digit() {
            number.as_bytes()
        } else {
            run
        }
    })
    .copied()
    .collect()
}

fn machine() -> Machine {
    Machine {
        huge_pages: 9,
        huge_pages_free: 3,
        offline: "1".parse().unwrap(),
        ..Machine::new(3, 1 << 20)
    }
}

fn limits() -> Limits {
    let mut numbers = (1..).step_by(7);
    Limits::random(&machine(), &mut |bound| {
        numbers.next().unwrap_or(0_u64).checked_rem(bound).unwrap_or(0)
    })
}

fn options() -> impl Strategy<Value = ViewOptions> {
    let views = proptest::sample::select(&[CpuView::Quota, CpuView::Cpuset, CpuView::Host][..]);
    let ids = proptest::sample::select(&[CpuIds::Host, CpuIds::Dense][..]);
    (views, ids, any::<[bool; 3]>()).prop_map(|(cpu_view, cpu_ids, [swap, zswap, passthrough])| ViewOptions {
        cpu_view,
        cpu_ids,
        swap,
        zswap,
        passthrough,
        ..ViewOptions::default()
    })
}

fn spellings() -> impl Strategy<Value = Spelling> {
    proptest::sample::select(&Spelling::ALL[..])
}

/// Asks for everything there is.
fn ask_for_everything(view: &ContainerView<'_>) {
    for file in TABLE {
        ask(view, file.path);
    }
    for below in [
        "cpu0",
        "cpu65535",
        "cpu1/topology/core_id",
        "cpu2/cache/index0/shared_cpu_map",
        "online",
        "nothing",
    ] {
        ask(view, &format!("sys/devices/system/cpu/{below}"));
    }
}

fn ask(view: &ContainerView<'_>, path: &str) {
    let place = find(path).unwrap();
    if let Ok(text) = place.render(view) {
        assert!(text.len() <= LONGEST, "{path}: {} bytes", text.len());
    }
    let _ = explain(&place, view);
    let _ = place.read_link(view);
    let entries = place.list(view).unwrap_or_default();
    for entry in entries.iter().take(MOST_ENTRIES) {
        let path = format!("{path}/{}", entry.name);
        match entry.kind {
            EntryKind::Directory => ask(view, &path),
            _ if find(&path).is_some() => {
                let place = find(&path).unwrap();
                let _ = (place.render(view), place.read_link(view));
            }
            _ => {}
        }
    }
}

/// Asks as a process that its own, spoilt files say where it is.
fn ask_as_found(files: &MemorySource, container: &Container, options: ViewOptions, now: Duration) {
    let read = |path: PathBuf| files.read(&path).unwrap_or_default();
    let mountinfo = read("/proc/self/mountinfo".into());
    let cgroup = read(format!("/proc/{}/cgroup", container.caller).into());
    let found = Container {
        cgroups: Hierarchies::parse(&mountinfo).cgroups(&cgroup),
        ..container.clone()
    };
    ask_for_everything(&ContainerView::new(files, &found, now).with_options(options));
}

/// A part of the usual cases: each asks for some hundred files. `PROPTEST_CASES` says how many the usual ones are.
fn config() -> ProptestConfig {
    let usual = ProptestConfig::default();
    ProptestConfig {
        cases: usual.cases / 8,
        failure_persistence: None,
        ..usual
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn one_way_to_spoil_every_file(spoil in spoils(), spelling in spellings(), options in options(), now in any::<Duration>()) {
        let (mut files, container) = machine().source(&limits(), spelling);
        for path in paths(&files) {
            files = spoil.apply(&path, files);
        }
        ask_for_everything(&ContainerView::new(&files, &container, now).with_options(options));
        ask_as_found(&files, &container, options, now);
    }

    #[test]
    fn some_files_spoilt_each_in_its_own_way(
        spoils in proptest::collection::vec((any::<Index>(), spoils()), 1..40),
        spelling in spellings(),
        options in options(),
        now in any::<Duration>(),
    ) {
        let (mut files, container) = machine().source(&limits(), spelling);
        let paths = paths(&files);
        for (path, spoil) in &spoils {
            files = spoil.apply(&paths[path.index(paths.len())], files);
        }
        ask_for_everything(&ContainerView::new(&files, &container, now).with_options(options));
        ask_as_found(&files, &container, options, now);
    }

    #[test]
    fn files_that_cannot_be_read(
        errors in proptest::collection::vec((any::<Index>(), proptest::sample::select(&ERRORS[..])), 1..40),
        spelling in spellings(),
        options in options(),
    ) {
        let machine = machine();
        let (mut files, container) = machine.source(&limits(), spelling);
        let paths = paths(&files);
        for (path, kind) in &errors {
            files = Spoil::Fail(*kind).apply(&paths[path.index(paths.len())], files);
        }
        ask_for_everything(&ContainerView::new(&files, &container, machine.uptime).with_options(options));
    }

    #[test]
    fn what_is_remembered_bears_any_history(
        history in proptest::collection::vec((any::<Index>(), spoils(), any::<Duration>(), options()), 1..12),
        spelling in spellings(),
    ) {
        let (good, container) = machine().source(&limits(), spelling);
        let (paths, remembered) = (paths(&good), Remembered::new());
        for (path, spoil, now, options) in &history {
            let files = spoil.apply(&paths[path.index(paths.len())], good.clone());
            let view = ContainerView::new(&files, &container, *now).with_options(*options).with_remembered(&remembered);
            ask_for_everything(&view);
        }
    }

    #[test]
    fn what_is_restored_may_be_anything(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        change in any::<(Index, u8)>(),
        times in (any::<Duration>(), any::<Duration>()),
        spelling in spellings(),
    ) {
        let (files, container) = machine().source(&limits(), spelling);
        let remembered = Remembered::new();
        let at = |now| ContainerView::new(&files, &container, now);
        ask_for_everything(&at(times.0).with_remembered(&remembered));
        let mut saved = remembered.save();
        *change.0.get_mut(&mut saved) = change.1;
        let versioned = [&[1][..], &bytes].concat();
        for bytes in [bytes, versioned, saved] {
            if let Some(restored) = Remembered::restore(&bytes) {
                ask_for_everything(&at(times.1).with_remembered(&restored));
            }
        }
    }
}

#[test]
fn every_error_of_every_single_file() {
    let machine = machine();
    for spelling in Spelling::ALL {
        let (good, container) = machine.source(&limits(), spelling);
        for path in paths(&good)
            .iter()
            .filter(|path| !path.starts_with("/sys/devices/system/cpu/cpu2"))
        {
            for kind in ERRORS {
                let files = good.clone().with_error(path, kind);
                let view = ContainerView::new(&files, &container, machine.uptime);
                for file in TABLE {
                    let place = find(file.path).unwrap();
                    let _ = (place.render(&view), place.list(&view));
                }
            }
        }
    }
}
