//! Every row of the table over a machine some of whose files say anything at all.
//!
//! An input is a list of files, by their places among the machine's, and the bytes that each then has. No input at all
//! is the machine as it is.
#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use lxcfs_core::explain::explain;
use lxcfs_core::synthetic::{Level, Limits, Machine, Spelling, paths};
use lxcfs_core::{
    Container, ContainerView, CpuIds, CpuView, EntryKind, MemorySource, Remembered, SourceErrorKind, TABLE,
    ViewOptions, find,
};

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    which: u8,
    options: u8,
    /// Which row is explained, and where directories are read.
    place: u8,
    reads: Vec<(u32, Vec<Change<'a>>)>,
}

#[derive(Debug, Arbitrary)]
enum Change<'a> {
    /// A file outside `/sys/devices/system/cpu/cpuN`, of which there are few.
    Text {
        file: u8,
        bytes: &'a [u8],
    },
    /// One of all files.
    AnyText {
        file: u16,
        bytes: &'a [u8],
    },
    Number {
        file: u8,
        number: u64,
    },
    Fails {
        file: u8,
        kind: u8,
    },
}

struct Base {
    files: MemorySource,
    container: Container,
    all: Vec<PathBuf>,
    few: Vec<PathBuf>,
}

static BASES: LazyLock<Vec<Base>> = LazyLock::new(|| {
    let machine = Machine {
        huge_pages: 9,
        huge_pages_free: 3,
        ..Machine::new(2, 1 << 20)
    };
    let level = Level {
        memory: Some(1 << 28),
        quota: Some((150_000, 100_000)),
        ..Level::default()
    };
    let limits = Limits {
        own: level.clone(),
        ancestors: vec![level],
        ..Limits::default()
    };
    let base = |spelling| {
        let (files, container) = machine.source(&limits, spelling);
        let all = paths(&files);
        let few = all
            .iter()
            .filter(|path| path.components().count() <= 6 || !path.starts_with("/sys/devices"))
            .cloned();
        Base {
            few: few.collect(),
            all,
            files,
            container,
        }
    };
    Spelling::ALL.into_iter().map(base).collect()
});

fn options(bits: u8) -> ViewOptions {
    ViewOptions {
        cpu_view: [CpuView::Quota, CpuView::Cpuset, CpuView::Host, CpuView::Quota][usize::from(bits & 3)],
        cpu_ids: if bits & 4 == 0 { CpuIds::Host } else { CpuIds::Dense },
        swap: bits & 8 == 0,
        zswap: bits & 16 == 0,
        loadavg: bits & 32 == 0,
        passthrough: bits & 192 == 192,
    }
}

fn apply(base: &Base, changes: &[Change<'_>]) -> MemorySource {
    const ERRORS: [SourceErrorKind; 5] = [
        SourceErrorKind::NotFound,
        SourceErrorKind::PermissionDenied,
        SourceErrorKind::Gone,
        SourceErrorKind::NotSupported,
        SourceErrorKind::Errno(5),
    ];
    let few = |file: &u8| &base.few[usize::from(*file) % base.few.len()];
    let mut files = base.files.clone();
    for change in changes {
        files = match change {
            Change::Text { file, bytes } => files.with(few(file), bytes.to_vec()),
            Change::AnyText { file, bytes } => {
                files.with(&base.all[usize::from(*file) % base.all.len()], bytes.to_vec())
            }
            Change::Number { file, number } => files.with(few(file), format!("{number}\n")),
            Change::Fails { file, kind } => files.with_error(few(file), ERRORS[usize::from(*kind) % ERRORS.len()]),
        };
    }
    files
}

/// Asks for a path and, if it is a directory, for a few of the places in it, `from` some place on.
fn ask(view: &ContainerView<'_>, path: &str, from: u8) {
    let place = find(path).expect("listed, thus found");
    let _ = place.read_link(view);
    if let Ok(text) = place.render(view) {
        assert!(text.len() < 16 << 20, "{path}: {} bytes", text.len());
    }
    let entries = place.list(view).unwrap_or_default();
    for entry in entries
        .iter()
        .cycle()
        .skip(usize::from(from))
        .take(entries.len().min(3))
    {
        let path = format!("{path}/{}", entry.name);
        match entry.kind {
            EntryKind::Directory => ask(view, &path, from / 4),
            _ => drop(find(&path).map(|place| (place.render(view), place.read_link(view)))),
        }
    }
}

fuzz_target!(|input: Input<'_>| {
    let base = &BASES[usize::from(input.which) % BASES.len()];
    let remembered = Remembered::new();
    for (seconds, changes) in input.reads.iter().take(4) {
        let files = apply(base, changes);
        let view = ContainerView::new(&files, &base.container, Duration::from_secs(u64::from(*seconds)))
            .with_options(options(input.options))
            .with_remembered(&remembered);
        for file in TABLE {
            ask(&view, file.path, input.place);
        }
        if let Some(file) = TABLE.get(usize::from(input.place)) {
            let _ = explain(&find(file.path).expect("a row"), &view);
        }
    }
});
