//! A storm: a daemon with a keeper, containers, readers in them, and something that happens meanwhile.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lxcfs_testing::storm::{Canary, Crowd, Fleet, Outage, Pauses, Report, Size, now};
use lxcfs_testing::{Kept, Machine, machine_has, wait_until};
use tempfile::TempDir;

use crate::{files, rig};

/// One at a time: pauses are measured.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a storm has and harms.
pub(crate) struct Storm {
    pub(crate) kept: Kept,
    pub(crate) program: Program,
    canary: Canary,
}

/// A program in a directory of its own, where it can be replaced.
pub(crate) struct Program(TempDir);

impl Program {
    fn daemon() -> Self {
        let program = Self::none();
        program.replace(Path::new(env!("CARGO_BIN_EXE_lxcfs")));
        program
    }

    /// A place for one.
    pub(crate) fn none() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.0.path().join("lxcfs")
    }

    /// Another one in its place, as a package manager does it.
    pub(crate) fn replace(&self, by: &Path) {
        let new = self.0.path().join("new");
        fs::copy(by, &new).unwrap();
        fs::rename(&new, self.path()).unwrap();
    }
}

/// Whether a storm can be here.
pub(crate) fn can_be() -> bool {
    machine_has(&[Machine::Root, Machine::Cgroups, Machine::Fuse])
}

/// Has readers read while that happens; what it returns are the times in which nobody may have served. Fails if they have
/// seen anything wrong. Answers what they have seen.
pub(crate) fn storm(name: &str, arguments: &[&str], size: &Size, harm: impl FnOnce(&Storm) -> Vec<Outage>) -> Report {
    storm_over(Program::daemon(), name, arguments, size, harm)
}

/// The same with a program that is called as the daemon is.
pub(crate) fn storm_over(
    program: Program,
    name: &str,
    arguments: &[&str],
    size: &Size,
    harm: impl FnOnce(&Storm) -> Vec<Outage>,
) -> Report {
    let _alone = alone();
    let kept = Kept::start(&program.path(), &[rig::patience(), arguments].concat());
    let canary = Canary::start(kept.file("proc/uptime").into());
    let storm = Storm { kept, program, canary };
    let fleet = Fleet::new(size);
    let members = fleet.containers();
    let crowd = Crowd::start(&storm.kept, &members, "storm", &files(), size);
    let began = now();
    let outages = harm(&storm);
    let took = now().saturating_sub(began);
    let report = crowd.finish();
    println!(
        "{name}: {} times in {:.1?}, {} containers: {report}; {}",
        outages.len(),
        took,
        size.containers,
        Pauses::of(&report, &outages),
    );
    if size.waiters {
        let (events, gone) = report.pressure;
        println!("{name}: {events} events of pressure, {gone} triggers were gone");
    }
    assert!(!storm.kept.log().contains("panicked"), "{}", storm.kept.log());
    if size.containers == 0 {
        return report;
    }
    if size.may_be_lost {
        report.assert_only_lost();
    } else {
        report.assert_faultless();
    }
    report
}

impl Storm {
    /// Waits until somebody serves who began after that moment.
    pub(crate) fn served_after(&self, began: Duration) -> Outage {
        self.canary.served_after(began)
    }

    /// Something that makes another process serve; answers when that was.
    pub(crate) fn replaced_by(&self, harm: impl FnOnce(lxcfs_testing::Worker)) -> Outage {
        let old = self.kept.worker_now();
        let began = now();
        harm(old);
        let _ = self.kept.worker_after(old);
        wait_until("the old worker has gone", || !old.is_there());
        // Who is asked from now on is the new one.
        let asked = now();
        let ended = self.served_after(asked).ended;
        Outage { began, ended }
    }
}

/// Up to so long, by chance.
pub(crate) fn a_while(most: Duration) -> Duration {
    let chance = now().subsec_micros() % 1000;
    most.saturating_mul(chance) / 1000
}
