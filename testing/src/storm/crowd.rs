//! All readers of a storm, as the test that has started them sees them.

use std::fs::File;
use std::path::PathBuf;
use std::time::Duration;

use tempfile::TempDir;

use crate::files::Files;
use crate::patience::{PATIENCE, becomes_true, wait_until};
use crate::running::Running;

use super::fleet::Member;
use super::reader::{READS, REPORT};
use super::report::Report;
use super::told::{Shown, Size, Told};

/// How long a reader's threads may take to end: less than the test waits for the reader.
const TO_END: Duration = Duration::from_secs(60);

/// A reader in each container.
#[derive(Debug)]
pub struct Crowd<'c> {
    readers: Vec<Running<'c>>,
    _busy: Vec<Running<'c>>,
    dir: TempDir,
}

impl<'c> Crowd<'c> {
    /// Starts a reader in each container, by an act of this program, and waits until all of them have seen these files
    /// once: below the mount point, and those that can be bound over a container's own.
    #[must_use]
    pub fn start(shown_by: &'c Files, members: &'c [Member<'c>], act: &str, files: &[&str], size: &Size) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let shown = shown(shown_by, files, size);
        let mut busy = Vec::new();
        let readers = members
            .iter()
            .map(|member| {
                let told = Told {
                    files: shown.clone(),
                    threads: size.threads,
                    rest: size.rest,
                    waiters: size.waiters,
                    may_be_lost: size.may_be_lost,
                    until: dir.path().join("end"),
                    patience: TO_END,
                    memory_kib: member.memory_kib,
                    cpus: 1,
                    born: member.born,
                    tasks: u64::from(size.threads).saturating_mul(3).saturating_add(12),
                };
                let told = serde_json::to_string(&told).unwrap();
                use_a_device(member, &dir);
                busy.extend(size.waiters.then(|| keep_busy(member)));
                member.container.caller().with_files_of(shown_by).act(act, &[&told])
            })
            .collect();
        let readers: Vec<Running<'_>> = readers;
        Self {
            readers: readers.into_iter().map(reads).collect(),
            _busy: busy,
            dir,
        }
    }

    /// Tells all readers to end, which they do after they have seen all files once more, and takes their reports.
    #[must_use]
    pub fn finish(self) -> Report {
        File::create(self.dir.path().join("end")).unwrap();
        let mut all = Report::default();
        for mut reader in self.readers {
            // A reader with a thread that is stuck says so, and then cannot end.
            let mut report = None;
            let _ = becomes_true(PATIENCE, || {
                let has_ended = !reader.is_running();
                report = reported(&reader.said());
                report.is_some() || has_ended
            });
            all.merge(report.unwrap_or_else(|| panic!("a reader does not report: {}", reader.said())));
        }
        all
    }
}

/// Each file by its path below the mount point, and by the one that it is bound over. Where the connection may be lost
/// only the latter: the mount point's is not what is healed in a container.
fn shown(shown_by: &Files, files: &[&str], size: &Size) -> Vec<Shown> {
    let bound = shown_by.binds();
    let is_bound = |path: &str| {
        let is_below = |(_, to): &(String, String)| path == to || path.starts_with(&format!("{to}/"));
        bound.iter().any(is_below)
    };
    let mut all = Vec::new();
    for file in files {
        let paths = [format!("/{file}"), shown_by.file(file)];
        let [over, below] = paths;
        if is_bound(&over) {
            all.push((file, over));
        }
        if !size.may_be_lost {
            all.push((file, below));
        }
    }
    all.into_iter()
        .map(|(name, path)| Shown {
            name: (*name).to_owned(),
            path: PathBuf::from(path),
        })
        .collect()
}

/// The report in what a reader has said, if it has said all of it.
fn reported(said: &str) -> Option<Report> {
    let (_, report) = said.split_once(REPORT)?;
    let (report, _) = report.split_once('\n')?;
    Some(serde_json::from_str(report).unwrap())
}

/// Waits until it does.
fn reads(mut reader: Running<'_>) -> Running<'_> {
    let begun = |reader: &Running<'_>| reader.said().contains(READS);
    wait_until("a reader reads", || begun(&reader) || !reader.is_running());
    if !begun(&reader) {
        let ended = reader.finish();
        panic!("a reader has ended: {}\n{}", ended.text(), ended.stderr);
    }
    reader
}

/// Who has used no device has an empty diskstats. Where files are in memory, it stays so.
fn use_a_device(member: &Member<'_>, dir: &TempDir) {
    let file = format!("of={}", dir.path().join("written").display());
    let words = ["dd", "if=/dev/zero", &file, "oflag=direct", "bs=4096", "count=1"];
    let _ = member.container.caller().run(&words);
}

/// Who waits for pressure waits for something: more than one task that wants the only CPU.
fn keep_busy<'c>(member: &'c Member<'c>) -> Running<'c> {
    member.container.caller().start(&["sh", "-c", "while :; do :; done"])
}
