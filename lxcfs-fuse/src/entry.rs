//! What is known of one container: its cgroups, its counters, its last renderings.

use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use lxcfs_core::cgroup::Controller;
use lxcfs_core::live::boot_time;
use lxcfs_core::{Container, Remembered, VirtualFile};

use crate::saved::{Left, save};
use crate::status::millis;
use crate::store::{Account, Kind, Owner, Store};

/// What is known of one container.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Unlike that of any other container of this process.
    pub(crate) id: u64,
    /// Counters that go on from read to read.
    pub(crate) remembered: Remembered,
    /// Who it is: an init, if it has one, and its cgroups. A container that is moved is another one.
    pub(crate) container: Container,
    /// Readable once the container's init has ended. `None` for callers of the host's pid namespace, and before Linux 5.3.
    pub(crate) init: Option<OwnedFd>,
    is_gone: AtomicBool,
    /// What was shown of each row that has been read: a few.
    texts: Mutex<Vec<(&'static VirtualFile, Rendering)>>,
    /// When it was last asked for, in milliseconds since boot.
    used: AtomicU64,
    /// When its tasks were last asked for, in milliseconds since boot; 0 for never.
    tasks_wanted: AtomicU64,
    /// The number of its record in the store.
    record: u64,
    /// Where it is counted what is done for it.
    account: Option<Account>,
    /// Which of its changes are in the store; `None` if it is not there at all.
    saved: Mutex<Option<u64>>,
    /// Whether it was known to a process before this one.
    is_restored: bool,
}

/// A virtual file as it was shown.
#[derive(Debug, Clone)]
pub(crate) struct Rendering {
    at: Instant,
    /// Under which settings; see [`crate::serve::Server`].
    settings: u64,
    pub(crate) text: Bytes,
}

impl Rendering {
    pub(crate) fn new(at: Instant, settings: u64, text: Bytes) -> Self {
        Self { at, settings, text }
    }
}

impl Entry {
    pub(crate) fn new(id: u64, container: Container, init: Option<OwnedFd>, record: u64) -> Self {
        Self {
            id,
            remembered: Remembered::new(),
            container,
            init,
            is_gone: AtomicBool::new(false),
            texts: Mutex::default(),
            used: AtomicU64::new(0),
            tasks_wanted: AtomicU64::new(0),
            record,
            account: None,
            saved: Mutex::default(),
            is_restored: false,
        }
    }

    /// It goes on as a process before this one has left it.
    pub(crate) fn restored(self, left: Left) -> Self {
        Self {
            remembered: left.remembered,
            tasks_wanted: AtomicU64::new(left.tasks_wanted),
            record: left.record,
            is_restored: true,
            ..self
        }
    }

    /// From now on it is counted what is done for it, or where a process before this one has counted, it goes on.
    pub(crate) fn counted(self, store: &Store) -> Self {
        let owner = Owner {
            pid: self.container.init.map(|init| init.pid),
            cgroup: &cgroup_of(&self.container),
            met: millis(boot_time()),
        };
        let account = store.open_account(self.record, owner);
        Self { account, ..self }
    }

    pub(crate) fn account(&self) -> Option<Account> {
        self.account
    }

    pub(crate) fn is_restored(&self) -> bool {
        self.is_restored
    }

    /// Writes down what is remembered of it, if that is not yet. Done before anybody is shown anything of it: who comes
    /// after this process shows no less.
    pub(crate) fn save(&self, store: &Store) {
        let mut saved = self.saved.lock().unwrap_or_else(PoisonError::into_inner);
        // Before what it counts is looked at: what comes meanwhile is written once more.
        let changes = self.remembered.changes();
        if *saved != Some(changes) && !self.is_gone() {
            let wanted = self.tasks_wanted.load(Ordering::Relaxed);
            store.put(
                Kind::Container,
                self.record,
                0,
                &save(&self.container, &self.remembered, wanted),
            );
            *saved = Some(changes);
        }
    }

    /// It is gone, and what was written down of it too.
    pub(crate) fn forget(&self, store: &Store) {
        self.gone();
        let _saved = self.saved.lock().unwrap_or_else(PoisonError::into_inner);
        store.forget(self.record);
    }

    /// It is asked for.
    pub(crate) fn is_used(&self, now: Duration) {
        self.used.store(millis(now), Ordering::Relaxed);
    }

    /// When it was last asked for, in milliseconds since boot.
    pub(crate) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// What was shown of a row, if that was no longer ago and under the same settings.
    pub(crate) fn shown(&self, row: &VirtualFile, settings: u64, fresh_for: Duration) -> Option<Bytes> {
        let texts = self.texts();
        let (_, rendering) = texts.iter().find(|(shown, _)| std::ptr::eq(*shown, row))?;
        let fresh = rendering.settings == settings && rendering.at.elapsed() < fresh_for;
        fresh.then(|| rendering.text.clone())
    }

    /// This is shown of a row now.
    pub(crate) fn show(&self, row: &'static VirtualFile, rendering: Rendering) {
        let mut texts = self.texts();
        let old = match texts.iter_mut().find(|(shown, _)| std::ptr::eq(*shown, row)) {
            Some((_, old)) => Some(std::mem::replace(old, rendering)),
            None => {
                texts.push((row, rendering));
                None
            }
        };
        drop(texts);
        drop(old);
    }

    /// Drops renderings that nobody would be shown again.
    pub(crate) fn drop_stale(&self, older_than: Duration) {
        let mut texts = self.texts();
        texts.retain(|(_, rendering)| rendering.at.elapsed() < older_than);
        if texts.is_empty() {
            texts.shrink_to_fit();
        }
    }

    fn texts(&self) -> MutexGuard<'_, Vec<(&'static VirtualFile, Rendering)>> {
        self.texts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Its tasks are asked for.
    pub(crate) fn want_tasks(&self, now: Duration) {
        self.tasks_wanted.store(millis(now).max(1), Ordering::Relaxed);
    }

    /// Whether its tasks were asked for within that time.
    pub(crate) fn wants_tasks(&self, now: Duration, within: Duration) -> bool {
        let wanted = self.tasks_wanted.load(Ordering::Relaxed);
        wanted != 0 && now.saturating_sub(Duration::from_millis(wanted)) < within
    }

    /// Its init has ended: nobody who asks is in it any more.
    fn gone(&self) {
        self.is_gone.store(true, Ordering::Release);
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.is_gone.load(Ordering::Acquire)
    }
}

/// The path of its cgroup below the root of the hierarchy that its memory is limited by.
fn cgroup_of(container: &Container) -> Vec<u8> {
    let of_memory = container.cgroups.get(Controller::Memory);
    let cgroup = of_memory.or_else(|| container.cgroups.iter().next().map(|(_, cgroup)| cgroup));
    let below = cgroup.and_then(|cgroup| cgroup.dir().strip_prefix(cgroup.mount()).ok());
    let mut path = b"/".to_vec();
    path.extend_from_slice(below.map_or(&[][..], |below| below.as_os_str().as_bytes()));
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rendering_is_shown_again_for_a_moment_and_under_the_same_settings() {
        let entry = Entry::new(0, Container::host(1), None, 0);
        let row = lxcfs_core::find("uptime").unwrap().file;
        let minute = Duration::from_secs(60);
        assert_eq!(entry.shown(row, 1, minute), None);
        entry.show(row, Rendering::new(Instant::now(), 1, "1.00 1.00\n".into()));
        assert_eq!(entry.shown(row, 1, minute).unwrap(), "1.00 1.00\n");
        assert_eq!(entry.shown(row, 2, minute), None);
        assert_eq!(entry.shown(row, 1, Duration::ZERO), None);
        assert_eq!(entry.shown(lxcfs_core::find("stat").unwrap().file, 1, minute), None);
        entry.drop_stale(minute);
        assert!(entry.shown(row, 1, minute).is_some());
        entry.drop_stale(Duration::ZERO);
        assert_eq!(entry.shown(row, 1, minute), None);
    }

    #[test]
    fn tasks_are_wanted_for_a_while() {
        let entry = Entry::new(0, Container::host(1), None, 0);
        let (minute, hour) = (Duration::from_secs(60), Duration::from_secs(3600));
        assert!(!entry.wants_tasks(hour, minute));
        entry.want_tasks(hour);
        assert!(entry.wants_tasks(hour + minute / 2, minute));
        assert!(!entry.wants_tasks(hour + minute, minute));
    }
}
