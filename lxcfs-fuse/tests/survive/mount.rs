//! A mounted file system that nobody serves yet.

use std::ops::Deref;
use std::path::PathBuf;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use lxcfs_fuse::{Kept, MountOptions, Resume, begin};
use lxcfs_testing::{Caller, Machine, Running, machine_has};
use nix::mount::{MntFlags, umount2};
use tempfile::TempDir;

/// Both ways of having again what was in hand.
pub(crate) const BOTH: [Resume; 2] = [Resume::Auto, Resume::Slots];

/// No test takes that long.
fn longest() -> Duration {
    let seconds = std::env::var("LXCFS_TESTS_LONGEST").map_or(100, |text| text.parse().unwrap());
    Duration::from_secs(seconds)
}

/// A mount; dropping it ends the connection, so that nobody waits for it any more.
pub(crate) struct Mount {
    pub(crate) kept: Kept,
    dir: TempDir,
    _guards: Sender<()>,
}

impl Mount {
    /// A new one; none on a machine that cannot have one.
    pub(crate) fn new() -> Option<Self> {
        Self::with(|_| {})
    }

    /// A new one with other options.
    pub(crate) fn with(change: impl FnOnce(&mut MountOptions)) -> Option<Self> {
        if !machine_has(&[Machine::Root, Machine::Cgroups, Machine::Fuse]) {
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let mut options = MountOptions::new(dir.path());
        change(&mut options);
        let kept = begin(&options).unwrap();
        let guard = kept.try_clone().unwrap();
        // A thread of ours that waits for an answer cannot be killed, and would keep the connection for ever. The thread
        // ends with the test.
        let (guards, is_over) = channel::<()>();
        thread::spawn(move || {
            if is_over.recv_timeout(longest()) == Err(RecvTimeoutError::Timeout) {
                guard.abort().unwrap();
            }
        });
        Some(Self {
            kept,
            dir,
            _guards: guards,
        })
    }

    pub(crate) fn file(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    /// Somebody who reads a file.
    pub(crate) fn reader(&self, path: &str) -> Running<'static> {
        Caller::host().start(&["cat", self.file(path).to_str().unwrap()])
    }
}

impl Deref for Mount {
    type Target = Kept;

    fn deref(&self) -> &Kept {
        &self.kept
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = self.kept.abort();
        let _ = umount2(self.dir.path(), MntFlags::MNT_DETACH);
    }
}
