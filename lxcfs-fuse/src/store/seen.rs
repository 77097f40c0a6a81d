//! The numbers of a store, for a process that writes no records: a keeper, while a worker writes them.

use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicU64, Ordering};

use super::account::Balance;
use super::accounts;
use super::layout::{
    AT_COUNTERS, AT_DIED, AT_MAGIC, AT_MOUNTED, AT_STARTED, AT_VERSION, BYTES, COUNTERS, MAGIC, VERSION,
};
use super::memory::Memory;
use super::{Store, StoreError};

/// A number about the file system that whoever serves it has no other place for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Number {
    /// When it was mounted: `CLOCK_BOOTTIME` in milliseconds, 0 for unknown.
    MountedAt,
    /// How many processes have been started to serve it.
    WorkersStarted,
    /// How many of them have died.
    WorkersDied,
}

impl Number {
    fn of(self, memory: &Memory) -> Option<&AtomicU64> {
        memory.word(match self {
            Self::MountedAt => AT_MOUNTED,
            Self::WorkersStarted => AT_STARTED,
            Self::WorkersDied => AT_DIED,
        })
    }
}

/// A store that is only looked at, and whose numbers are counted up.
#[derive(Debug)]
pub(crate) struct Seen(Memory);

impl Seen {
    /// The store behind a descriptor. It is mapped as long as this is there.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; then its numbers cannot be known.
    pub(crate) fn open(store: BorrowedFd<'_>) -> Result<Self, StoreError> {
        let memory = Memory::open(store.try_clone_to_owned()?, BYTES)?.ok_or(StoreError::Kind)?;
        is_ours(&memory)?;
        Ok(Self(memory))
    }

    /// One of the numbers that go on counting; 0 where there are not so many.
    pub(crate) fn counter(&self, which: usize) -> u64 {
        let counter = self.0.part(AT_COUNTERS, COUNTERS).get(which);
        counter.map_or(0, |counter| counter.load(Ordering::Relaxed))
    }

    /// What was done for each container, as it is while others count.
    pub(crate) fn accounts(&self) -> Vec<Balance> {
        accounts::all(&self.0)
    }

    /// The names of files, by their places in accounts.
    pub(crate) fn names(&self) -> Vec<String> {
        accounts::names_in(&self.0)
    }

    pub(crate) fn word(&self, which: Number) -> u64 {
        which.of(&self.0).map_or(0, |word| word.load(Ordering::Relaxed))
    }

    /// One more.
    pub(crate) fn add(&self, which: Number) {
        if let Some(word) = which.of(&self.0) {
            word.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Store {
    /// Says when it was mounted, if that has not been said.
    pub(crate) fn is_mounted_since(&self, millis: u64) {
        if let Some(word) = Number::MountedAt.of(&self.memory) {
            let _ = word.compare_exchange(0, millis, Ordering::Relaxed, Ordering::Relaxed);
        }
    }
}

/// Whether memory is a store of this program's version.
pub(super) fn is_ours(memory: &Memory) -> Result<(), StoreError> {
    let word = |at| memory.word(at).map_or(0, |word| word.load(Ordering::Acquire));
    if word(AT_MAGIC) != MAGIC {
        return Err(StoreError::Magic);
    }
    match word(AT_VERSION) {
        VERSION => Ok(()),
        found => Err(StoreError::Version { found }),
    }
}
