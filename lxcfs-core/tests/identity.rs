//! The host's files survive: what is parsed and printed again is the same bytes, whatever they were.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that fails here has found something"
)]

use std::path::Path;

use lxcfs_core::host::{cpuinfo, diskstats, loadavg, meminfo, pressure, slabinfo, stat, swaps, uptime};
use lxcfs_core::synthetic::Machine;
use lxcfs_core::{Source as _, Text};
use proptest::prelude::*;
use proptest::sample::Index;

/// Parses a text and prints it again; `None` if the parser does not take it.
type Reprint = fn(&[u8]) -> Option<Vec<u8>>;

macro_rules! any_text {
    ($parser:ty) => {
        |text| {
            let mut out = Text::new();
            <$parser>::parse(text).print(&mut out);
            Some(out.take().to_vec())
        }
    };
}

macro_rules! known_form {
    ($parser:ty) => {
        |text| {
            let mut out = Text::new();
            <$parser>::parse(text)?.print(&mut out);
            Some(out.take().to_vec())
        }
    };
}

/// Every parser of a host's file, and the files that it is for.
const PARSERS: [(&str, Reprint, &[&str]); 9] = [
    ("cpuinfo", any_text!(cpuinfo::Cpuinfo<'_>), &["/proc/cpuinfo"]),
    ("diskstats", any_text!(diskstats::Diskstats<'_>), &["/proc/diskstats"]),
    ("loadavg", known_form!(loadavg::Loadavg), &["/proc/loadavg"]),
    ("meminfo", any_text!(meminfo::Meminfo<'_>), &["/proc/meminfo"]),
    (
        "pressure",
        any_text!(pressure::Pressure<'_>),
        &["/proc/pressure/cpu", "/proc/pressure/irq"],
    ),
    ("slabinfo", any_text!(slabinfo::Slabinfo<'_>), &["/proc/slabinfo"]),
    ("stat", any_text!(stat::Stat<'_>), &["/proc/stat"]),
    ("swaps", any_text!(swaps::Swaps<'_>), &["/proc/swaps"]),
    ("uptime", known_form!(uptime::Uptime), &["/proc/uptime"]),
];

/// A parser survives a text that it takes.
fn survives(text: &[u8]) -> Result<(), TestCaseError> {
    for (name, reprint, _) in PARSERS {
        if let Some(printed) = reprint(text) {
            let (printed, text) = (String::from_utf8_lossy(&printed), String::from_utf8_lossy(text));
            prop_assert!(
                printed.as_bytes() == text.as_bytes(),
                "{name}: {text:?} is printed as {printed:?}"
            );
        }
    }
    Ok(())
}

fn machines() -> impl Strategy<Value = Machine> {
    proptest::collection::vec(any::<u64>(), 0..40).prop_map(|numbers| {
        let mut numbers = numbers.into_iter();
        Machine::random(&mut |bound| numbers.next().unwrap_or(0).checked_rem(bound).unwrap_or(0))
    })
}

/// One change to a text: bytes at a place taken out, others put in.
fn change(text: &mut Vec<u8>, at: &Index, without: usize, with: &[u8]) {
    let at = at.index(text.len() + 1);
    let end = (at + without).min(text.len());
    text.splice(at..end, with.iter().copied());
}

fn config() -> ProptestConfig {
    ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn every_host_file_is_taken_and_survives(machine in machines()) {
        let files = machine.files();
        for (name, reprint, paths) in PARSERS {
            for path in paths {
                let text = files.read(Path::new(path)).unwrap();
                prop_assert_eq!(reprint(&text), Some(text.to_vec()), "{} by {}", path, name);
            }
        }
    }

    #[test]
    fn a_changed_host_file_survives(
        machine in machines(),
        which in any::<Index>(),
        changes in proptest::collection::vec((any::<Index>(), 0..30_usize, "[ \t\n\r0-9:a-z.#|/-]{0,9}"), 1..9),
    ) {
        let paths = PARSERS.map(|(_, _, paths)| paths).concat();
        let mut text = machine.files().read(Path::new(which.get(&paths))).unwrap().to_vec();
        for (at, without, with) in &changes {
            change(&mut text, at, *without, with.as_bytes());
        }
        survives(&text)?;
    }

    #[test]
    fn any_bytes_survive(text in proptest::collection::vec(any::<u8>(), 0..300)) {
        survives(&text)?;
    }

    #[test]
    fn any_text_of_the_right_letters_survives(text in "[ \t\n\r\u{b}\u{c}\0:0-9a-zA-Z.#|/()_-]{0,120}") {
        survives(text.as_bytes())?;
    }
}
