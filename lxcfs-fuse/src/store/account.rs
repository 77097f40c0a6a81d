//! One account: what was done for a container, in words that are counted up without a lock.
//!
//! Its first word is the number of the container's record, which is written last and taken away first. Who finds the same
//! number before and after he has read all of it has read one account, and not parts of two.

use std::sync::atomic::{AtomicU64, Ordering, fence};

use super::layout::{ACCOUNT, NAMES, account};
use super::memory::{Memory, WORD};
use crate::status::{CLASSES, Latency, class_of};

/// Where the parts of an account are, in words.
mod at {
    use super::{CLASSES, NAMES};

    /// The number of the container's record; 0 for nobody's.
    pub(super) const RECORD: usize = 0;
    pub(super) const PID: usize = 1;
    pub(super) const MET: usize = 2;
    pub(super) const ASKED: usize = 3;
    pub(super) const ERRORS: usize = 4;
    pub(super) const TIME: usize = 5;
    /// How many bytes the path of the cgroup has, with those that are not here.
    pub(super) const LENGTH: usize = 6;
    pub(super) const READS: usize = 8;
    pub(super) const LATENCY: usize = READS + NAMES;
    pub(super) const CGROUP: usize = LATENCY + CLASSES;
}

/// How many bytes of a path there is room for.
const PATH: usize = (ACCOUNT - at::CGROUP) * WORD;

/// All parts have room.
const _: () = assert!(at::CGROUP < ACCOUNT && PATH == 600);

/// Whose account it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Owner<'o> {
    /// The first process.
    pub(crate) pid: Option<u32>,
    /// The path of the cgroup. Of a long one the end is kept.
    pub(crate) cgroup: &'o [u8],
    /// When it was met: `CLOCK_BOOTTIME` in milliseconds.
    pub(crate) met: u64,
}

/// An account that somebody has looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Balance {
    pub(crate) pid: Option<u32>,
    pub(crate) cgroup: Vec<u8>,
    /// Whether that is only the end of the path.
    pub(crate) is_cut: bool,
    pub(crate) met: u64,
    pub(crate) asked: u64,
    /// By the places of names.
    pub(crate) reads: Vec<u64>,
    pub(crate) errors: u64,
    pub(crate) latency: Latency,
}

/// The words of an account.
#[derive(Debug, Clone, Copy)]
pub(super) struct Words<'m> {
    memory: &'m Memory,
    first: usize,
    all: &'m [AtomicU64],
}

impl<'m> Words<'m> {
    pub(super) fn of(memory: &'m Memory, number: u32) -> Self {
        let first = account(number);
        Self {
            memory,
            first,
            all: memory.part(first, ACCOUNT),
        }
    }

    /// The number of the container's record; 0 for nobody's.
    pub(super) fn record(&self) -> u64 {
        let record = self.all.get(at::RECORD);
        record.map_or(0, |record| record.load(Ordering::Acquire))
    }

    /// It becomes that one's, who has nothing yet.
    pub(super) fn open(&self, record: u64, owner: Owner<'_>) {
        // Who sees any of what follows does not see whose it was before, also if that was closed by another thread.
        fence(Ordering::SeqCst);
        for word in self.all {
            word.store(0, Ordering::Relaxed);
        }
        let begin = owner.cgroup.len().saturating_sub(PATH);
        let path = owner.cgroup.get(begin..).unwrap_or_default();
        self.memory.write(self.first.saturating_add(at::CGROUP), path);
        self.store(at::PID, owner.pid.map_or(0, u64::from));
        self.store(at::MET, owner.met);
        self.store(at::ASKED, owner.met);
        self.store(at::LENGTH, u64::try_from(owner.cgroup.len()).unwrap_or(0));
        if let Some(whole) = self.all.get(at::RECORD) {
            whole.store(record, Ordering::Release);
        }
    }

    /// It becomes nobody's. What is written after this is seen by nobody who still sees the record.
    pub(super) fn close(&self) {
        if let Some(record) = self.all.get(at::RECORD) {
            record.store(0, Ordering::Release);
            fence(Ordering::SeqCst);
        }
    }

    /// It was asked then, in milliseconds.
    pub(super) fn is_asked(&self, now: u64) {
        if let Some(asked) = self.all.get(at::ASKED) {
            asked.fetch_max(now, Ordering::Relaxed);
        }
    }

    /// One more read of the file with that place.
    pub(super) fn add_read(&self, place: usize) {
        if place < NAMES {
            self.add(at::READS.saturating_add(place), 1);
        }
    }

    /// One more error.
    pub(super) fn add_error(&self) {
        self.add(at::ERRORS, 1);
    }

    /// Somebody has waited that long.
    pub(super) fn add_time(&self, time_ns: u64) {
        self.add(at::TIME, time_ns);
        self.add(at::LATENCY.saturating_add(class_of(time_ns)), 1);
    }

    /// All of it, as it is while others count. `None` if it is nobody's, or has become another one's meanwhile.
    pub(super) fn balance(&self) -> Option<Balance> {
        let record = Some(self.record()).filter(|record| *record != 0)?;
        let many = |from: usize, count: usize| -> Vec<u64> { (from..).take(count).map(|at| self.load(at)).collect() };
        let length = usize::try_from(self.load(at::LENGTH)).unwrap_or(usize::MAX);
        let balance = Balance {
            pid: u32::try_from(self.load(at::PID)).ok().filter(|pid| *pid != 0),
            cgroup: self
                .memory
                .read(self.first.saturating_add(at::CGROUP), length.min(PATH)),
            is_cut: length > PATH,
            met: self.load(at::MET),
            asked: self.load(at::ASKED),
            reads: many(at::READS, NAMES),
            errors: self.load(at::ERRORS),
            latency: Latency::of(many(at::LATENCY, CLASSES), self.load(at::TIME)),
        };
        fence(Ordering::Acquire);
        (self.record() == record).then_some(balance)
    }

    fn load(&self, at: usize) -> u64 {
        self.all.get(at).map_or(0, |word| word.load(Ordering::Relaxed))
    }

    fn store(&self, at: usize, number: u64) {
        if let Some(word) = self.all.get(at) {
            word.store(number, Ordering::Relaxed);
        }
    }

    fn add(&self, at: usize, number: u64) {
        if let Some(word) = self.all.get(at) {
            word.fetch_add(number, Ordering::Relaxed);
        }
    }
}
