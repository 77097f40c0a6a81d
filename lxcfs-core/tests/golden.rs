//! Every virtual file of every recorded machine, byte for byte. `UPDATE_GOLDEN=1` writes what is expected.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test may fail, and reads files of the repository"
)]
#![cfg(feature = "live")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use lxcfs_core::live::Recording;
use lxcfs_core::{ContainerView, CpuIds, CpuView, EntryKind, TABLE, ViewOptions, find};

fn fixtures() -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let mut machines: Vec<PathBuf> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("recording.json").exists())
        .collect();
    machines.sort();
    machines
}

/// All files as this view has them; an error by its text.
fn render(view: &ContainerView<'_>, out: &mut String) {
    for file in TABLE.iter().filter(|file| !file.is_directory()) {
        show(view, file.path, out);
    }
    for file in TABLE.iter().filter(|file| file.is_directory()) {
        directory(view, file.path, out);
    }
}

fn show(view: &ContainerView<'_>, path: &str, out: &mut String) {
    match find(path).unwrap().render(view) {
        Ok(text) => write!(out, "--- {path}\n{}", String::from_utf8_lossy(&text)).unwrap(),
        Err(error) => writeln!(out, "--- {path}\nerror: {error}").unwrap(),
    }
}

fn directory(view: &ContainerView<'_>, path: &str, out: &mut String) {
    let place = find(path).unwrap();
    for entry in place.list(view).unwrap() {
        let below = format!("{path}/{}", entry.name);
        match entry.kind {
            EntryKind::Directory => directory(view, &below, out),
            EntryKind::Symlink => {
                let target = find(&below).unwrap().read_link(view).unwrap();
                writeln!(out, "--- {below} -> {}", target.display()).unwrap();
            }
            // The rows of the table have been shown.
            _ if TABLE.iter().any(|file| file.path == below) => {}
            _ => show(view, &below, out),
        }
    }
}

#[test]
fn every_recorded_machine_is_rendered_as_before() {
    let machines = fixtures();
    assert!(machines.len() >= 8, "the recorded machines are missing: {machines:?}");
    let mut wrong = Vec::new();
    for machine in machines {
        let recording = Recording::open(&machine).unwrap();
        let container = recording.container();
        let view = ContainerView::new(recording.source(), &container, recording.now());
        let mut text = String::new();
        render(&view, &mut text);
        let page = machine.with_extension("expected");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&page, &text).unwrap();
        }
        let expected = std::fs::read_to_string(&page).unwrap_or_default();
        if expected != text {
            let line = expected.lines().zip(text.lines()).find(|(old, new)| old != new);
            wrong.push(format!("{}: first difference {line:?}", page.display()));
        }
    }
    assert!(
        wrong.is_empty(),
        "{}\nUPDATE_GOLDEN=1 writes what is there now",
        wrong.join("\n")
    );
}

#[test]
fn the_cpus_of_every_recorded_machine_agree_under_every_policy() {
    for machine in fixtures() {
        let recording = Recording::open(&machine).unwrap();
        let container = recording.container();
        for cpu_view in [CpuView::Quota, CpuView::Cpuset, CpuView::Host] {
            for cpu_ids in [CpuIds::Host, CpuIds::Dense] {
                let options = ViewOptions {
                    cpu_view,
                    cpu_ids,
                    ..ViewOptions::default()
                };
                let view = ContainerView::new(recording.source(), &container, recording.now()).with_options(options);
                let Ok(model) = view.cpus() else { continue };
                let text = |name: &str| find(name).unwrap().render(&view).unwrap();
                let count = |text: &[u8], start: &str| {
                    String::from_utf8_lossy(text)
                        .lines()
                        .filter(|line| {
                            line.strip_prefix(start).is_some_and(|rest| {
                                rest.starts_with(|digit: char| digit.is_ascii_digit() || digit == '\t')
                            })
                        })
                        .count()
                };
                let shown = usize::try_from(model.count()).unwrap();
                assert_eq!(count(&text("proc/stat"), "cpu"), shown, "{}", machine.display());
                assert_eq!(
                    count(&text("proc/cpuinfo"), "processor"),
                    shown,
                    "{}",
                    machine.display()
                );
                assert_eq!(
                    text("cpu/online"),
                    format!("{}\n", model.numbered()),
                    "{}",
                    machine.display()
                );
            }
        }
    }
}
