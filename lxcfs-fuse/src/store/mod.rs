//! What must outlive this process, which may be killed at any instant: records in memory that somebody else holds too.
//!
//! A record has a name and holds bytes. [`put`](Store::put) is done when it returns: whoever opens the store afterwards
//! finds that version of the record or a later one, and never a part of one ([`record`] says how). It costs a copy, a
//! checksum and two short locks, and no system call.
//!
//! Nothing in the memory points from one record to another. What is free and where a record lies is known to this process
//! only ([`room`], [`Index`]), and found out anew by the next one.
//!
//! One process writes at a time: the next one begins when this one is dead, or has ended to serve.

mod account;
mod accounts;
mod layout;
mod memory;
mod record;
mod room;
mod seen;
mod space;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crc32fast::Hasher;
use lxcfs_core::live::boot_time;

pub(crate) use account::{Balance, Owner};
pub(crate) use accounts::Account;
use accounts::Accounts;
use layout::{AT_COUNTERS, AT_MAGIC, AT_NEXT, AT_USED, AT_VERSION, BYTES, COUNTERS, ENTRIES, ENTRY, MAGIC, VERSION};
use memory::Memory;
pub(crate) use record::Kind;
use record::{Record, strike_out};
use room::{Room, bytes};
pub(crate) use seen::{Number, Seen};
use space::Extent;

/// More locks than there are threads: two of them seldom meet.
const SHARDS: usize = 16;

/// What texts may take in all: little more than half of the room, so that who keeps many files open that he has not read to their ends does
/// not take it from containers.
const MOST_TEXT_BYTES: usize = 30 << 20;

/// How many texts there may be. As many entries as containers may need are left.
const MOST_TEXTS: usize = ENTRIES - (1 << 14) - 1024;

/// Why a descriptor is no store of ours. Whoever is told begins with a new one.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    #[error("the store is no sealed memfd of {BYTES} bytes")]
    Kind,
    #[error("the store is not one of this program's")]
    Magic,
    #[error("the store has version {found}, and this program writes version {VERSION}")]
    Version { found: u64 },
    #[error("the store cannot be mapped")]
    Io(#[from] io::Error),
}

/// What a record holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Held {
    /// The number that goes with it.
    pub(crate) note: u64,
    pub(crate) bytes: Vec<u8>,
}

/// Records that outlive this process.
#[derive(Debug)]
pub(crate) struct Store {
    memory: Memory,
    texts: Index,
    containers: Index,
    accounts: Accounts,
    room: Mutex<Room>,
    turn: AtomicU64,
    /// The greatest key of a text that had to make room.
    forgotten: AtomicU64,
}

/// Where the records of one kind are.
#[derive(Debug, Default)]
struct Index {
    /// By key, the earliest first.
    shards: [Mutex<BTreeMap<u64, Slot>>; SHARDS],
    count: AtomicUsize,
    /// What they take.
    bytes: AtomicUsize,
}

/// Where a record is.
#[derive(Debug, Clone, Copy)]
struct Slot {
    entry: u32,
    record: Record,
}

impl Slot {
    fn bytes(&self) -> usize {
        self.record.extent().map_or(0, bytes)
    }
}

impl Store {
    /// A new one with nothing in it.
    pub(crate) fn create() -> io::Result<Self> {
        Ok(Self::begin(Memory::create(BYTES)?))
    }

    /// The one that somebody has left behind; if that is of another version, its memory with nothing in it, and what was
    /// there.
    ///
    /// # Errors
    ///
    /// [`StoreError`], if it cannot be had as memory for a store: then a new one is needed.
    pub(crate) fn open_or_begin(file: OwnedFd) -> Result<(Self, Option<StoreError>), StoreError> {
        let again = file.try_clone()?;
        match Self::open(file) {
            Ok(store) => Ok((store, None)),
            Err(error @ (StoreError::Magic | StoreError::Version { .. })) => {
                let memory = Memory::open(again, BYTES)?.ok_or(StoreError::Kind)?;
                if let Some(magic) = memory.word(AT_MAGIC) {
                    magic.store(0, Ordering::Release);
                }
                memory.punch(0, BYTES)?;
                Ok((Self::begin(memory), Some(error)))
            }
            Err(error) => Err(error),
        }
    }

    /// One in memory that holds zeros.
    fn begin(memory: Memory) -> Self {
        // Greater than what any store before this one has given away, which would have to be a thousand million numbers in a
        // second.
        let first = u64::try_from(boot_time().as_nanos()).unwrap_or(1);
        for (at, word) in [(AT_VERSION, VERSION), (AT_NEXT, first), (AT_MAGIC, MAGIC)] {
            if let Some(place) = memory.word(at) {
                place.store(word, Ordering::Release);
            }
        }
        Self::over(memory)
    }

    /// The one that somebody has left behind.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; then there is nothing to go on with.
    pub(crate) fn open(file: OwnedFd) -> Result<Self, StoreError> {
        let memory = Memory::open(file, BYTES)?.ok_or(StoreError::Kind)?;
        seen::is_ours(&memory)?;
        Ok(Self::over(memory))
    }

    /// Finds out what there is.
    fn over(memory: Memory) -> Self {
        let used = memory.word(AT_USED).map_or(0, |used| used.load(Ordering::Acquire));
        let used = u32::try_from(used.min(u64::try_from(ENTRIES).unwrap_or(0))).unwrap_or(0);
        let mut whole = Vec::new();
        for number in 0..used {
            let entry = entry_of(&memory, number);
            if let Some((record, word)) = Record::read(entry)
                && record.is_whole(word, &held_by(&memory, &record))
            {
                whole.push(Slot { entry: number, record });
            }
        }
        // The later version first, and of those whose blocks overlap, which cannot be, the lower.
        whole.sort_by_key(|slot| (std::cmp::Reverse(slot.record.turn), slot.entry));
        let last_turn = whole.first().map_or(0, |slot| slot.record.turn);
        let (texts, containers) = (Index::default(), Index::default());
        let mut is_used = vec![false; usize::try_from(used).unwrap_or(0)];
        let mut extents: BTreeMap<u32, Extent> = BTreeMap::new();
        for slot in whole {
            let index = match slot.record.kind {
                Kind::Text => &texts,
                Kind::Container => &containers,
            };
            let extent = slot.record.extent();
            let overlaps = extent.is_some_and(|extent| {
                let before = extents.range(..extent.end()).next_back();
                before.is_some_and(|(_, before)| before.end() > extent.at)
            });
            if overlaps || index.shard(slot.record.key).contains_key(&slot.record.key) {
                continue;
            }
            index.insert(slot);
            extents.extend(extent.map(|extent| (extent.at, extent)));
            if let Some(is_used) = usize::try_from(slot.entry).ok().and_then(|at| is_used.get_mut(at)) {
                *is_used = true;
            }
        }
        let spare: Vec<u32> = (0..)
            .zip(&is_used)
            .filter(|(_, used)| !**used)
            .map(|(entry, _)| entry)
            .collect();
        for entry in &spare {
            strike_out(entry_of(&memory, *entry));
        }
        let mut extents: Vec<Extent> = extents.into_values().collect();
        let [first, second] = Accounts::extents();
        let has_place = extents.last().is_none_or(|last| last.end() <= first.at);
        if has_place {
            extents.extend([first, second]);
        }
        let is_known = |record| containers.shard(record).contains_key(&record);
        let accounts = Accounts::over(&memory, has_place, is_known);
        Self {
            memory,
            texts,
            containers,
            accounts,
            room: Mutex::new(Room::without(&extents, spare, used)),
            turn: AtomicU64::new(last_turn.saturating_add(1)),
            forgotten: AtomicU64::new(0),
        }
    }

    /// A number that nobody who had this store has been given before.
    pub(crate) fn next(&self) -> u64 {
        let next = self.memory.word(AT_NEXT);
        next.map_or(0, |next| next.fetch_add(1, Ordering::Relaxed))
    }

    /// What [`next`](Self::next) gives away next.
    pub(crate) fn upcoming(&self) -> u64 {
        self.memory.word(AT_NEXT).map_or(0, |next| next.load(Ordering::Relaxed))
    }

    /// Whether a text of that key may have had to make room for others.
    pub(crate) fn may_be_forgotten(&self, key: u64) -> bool {
        key <= self.forgotten.load(Ordering::Relaxed)
    }

    /// A number that goes on counting; `None` where there are not so many.
    pub(crate) fn counter(&self, which: usize) -> Option<&AtomicU64> {
        self.memory.part(AT_COUNTERS, COUNTERS).get(which)
    }

    /// Writes a record down. When this returns, it is there whatever happens.
    ///
    /// Answers whether it is there. Where there is no room it is not, and neither is what it was before; for texts, others
    /// that were opened earlier make room.
    pub(crate) fn put(&self, kind: Kind, key: u64, note: u64, held: &[u8]) -> bool {
        let Some((entry, extent)) = self.take(kind, held.len()) else {
            self.remove(kind, key);
            return false;
        };
        if let Some(extent) = extent {
            self.memory.write(layout::block(extent.at), held);
        }
        let mut hasher = Hasher::new();
        hasher.update(held);
        let index = self.index(kind);
        let mut shard = index.shard(key);
        let record = Record {
            kind,
            key,
            turn: self.turn.fetch_add(1, Ordering::Relaxed),
            at: extent.map_or(0, |extent| extent.at),
            // As long as the room for it, at most.
            length: u32::try_from(held.len()).unwrap_or(0),
            note,
        };
        record.publish(entry_of(&self.memory, entry), hasher);
        let old = index.insert_into(&mut shard, Slot { entry, record });
        if let Some(old) = &old {
            strike_out(entry_of(&self.memory, old.entry));
        }
        drop(shard);
        self.give(old);
        true
    }

    /// What a record holds.
    pub(crate) fn get(&self, kind: Kind, key: u64) -> Option<Held> {
        let shard = self.index(kind).shard(key);
        // Under the lock: nobody writes something else there meanwhile.
        shard.get(&key).map(|slot| self.held(slot))
    }

    /// The number that goes with a record, and how many bytes it holds.
    pub(crate) fn note(&self, kind: Kind, key: u64) -> Option<(u64, usize)> {
        let shard = self.index(kind).shard(key);
        let record = shard.get(&key)?.record;
        Some((record.note, usize::try_from(record.length).unwrap_or(usize::MAX)))
    }

    /// All records of that kind.
    pub(crate) fn all(&self, kind: Kind) -> Vec<(u64, Held)> {
        let mut all = Vec::new();
        for shard in &self.index(kind).shards {
            all.extend(lock(shard).iter().map(|(key, slot)| (*key, self.held(slot))));
        }
        all
    }

    /// Strikes a record out.
    pub(crate) fn remove(&self, kind: Kind, key: u64) {
        let index = self.index(kind);
        let mut shard = index.shard(key);
        let old = index.remove_from(&mut shard, key);
        if let Some(old) = &old {
            strike_out(entry_of(&self.memory, old.entry));
        }
        drop(shard);
        self.give(old);
    }

    /// Strikes out all that is known of a container.
    pub(crate) fn forget(&self, record: u64) {
        self.remove(Kind::Container, record);
        self.close_account(record);
    }

    /// Gives pages back that hold nothing, if they are many.
    pub(crate) fn tidy(&self) {
        let written = lock(&self.room).written();
        for extent in written {
            let offset = layout::block(extent.at).saturating_mul(memory::WORD);
            // One lock for each: what is free must not look taken meanwhile, and nobody waits for more than one.
            lock(&self.room).punch(extent, || self.memory.punch(offset, bytes(extent)));
        }
    }

    fn held(&self, slot: &Slot) -> Held {
        Held {
            note: slot.record.note,
            bytes: held_by(&self.memory, &slot.record),
        }
    }

    /// Takes room for a record.
    fn take(&self, kind: Kind, length: usize) -> Option<(u32, Option<Extent>)> {
        let order = match length {
            0 => None,
            length => Some(layout::order(length)?),
        };
        if kind == Kind::Text {
            while self.texts.count.load(Ordering::Relaxed) >= MOST_TEXTS
                || self.texts.bytes.load(Ordering::Relaxed) >= MOST_TEXT_BYTES
            {
                if !self.forget_a_text() {
                    break;
                }
            }
        }
        loop {
            let taken = lock(&self.room).take(order);
            if let Some((entry, _)) = taken {
                self.is_used(entry);
                return taken;
            }
            if !self.forget_a_text() {
                return None;
            }
        }
    }

    /// Said before it is used: whoever comes next looks at no more.
    fn is_used(&self, entry: u32) {
        let count = u64::from(entry).saturating_add(1);
        if let Some(used) = self.memory.word(AT_USED)
            && used.load(Ordering::Acquire) < count
        {
            used.fetch_max(count, Ordering::AcqRel);
        }
    }

    /// Strikes out the text of the file that was opened first. Answers whether there was one.
    fn forget_a_text(&self) -> bool {
        let firsts = self
            .texts
            .shards
            .iter()
            .filter_map(|shard| lock(shard).keys().next().copied());
        let first = firsts.min();
        if let Some(first) = first {
            self.forgotten.fetch_max(first, Ordering::Relaxed);
            self.remove(Kind::Text, first);
        }
        first.is_some()
    }

    fn give(&self, old: Option<Slot>) {
        if let Some(old) = old {
            lock(&self.room).give(old.entry, old.record.extent());
        }
    }

    fn index(&self, kind: Kind) -> &Index {
        match kind {
            Kind::Text => &self.texts,
            Kind::Container => &self.containers,
        }
    }
}

impl AsFd for Store {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.memory.as_fd()
    }
}

impl Index {
    fn shard(&self, key: u64) -> MutexGuard<'_, BTreeMap<u64, Slot>> {
        let which = usize::try_from(key).unwrap_or(0) % SHARDS;
        #[expect(clippy::indexing_slicing, reason = "a remainder is less than what it was divided by")]
        let shard = &self.shards[which];
        lock(shard)
    }

    fn insert(&self, slot: Slot) {
        self.insert_into(&mut self.shard(slot.record.key), slot);
    }

    fn insert_into(&self, shard: &mut BTreeMap<u64, Slot>, slot: Slot) -> Option<Slot> {
        self.count.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(slot.bytes(), Ordering::Relaxed);
        let old = shard.insert(slot.record.key, slot);
        self.is_gone(old.as_ref());
        old
    }

    fn remove_from(&self, shard: &mut BTreeMap<u64, Slot>, key: u64) -> Option<Slot> {
        let old = shard.remove(&key);
        self.is_gone(old.as_ref());
        old
    }

    fn is_gone(&self, old: Option<&Slot>) {
        if let Some(old) = old {
            self.count.fetch_sub(1, Ordering::Relaxed);
            self.bytes.fetch_sub(old.bytes(), Ordering::Relaxed);
        }
    }
}

fn entry_of(memory: &Memory, number: u32) -> &[AtomicU64] {
    memory.part(layout::entry(number), ENTRY)
}

fn held_by(memory: &Memory, record: &Record) -> Vec<u8> {
    let length = usize::try_from(record.length).unwrap_or(0);
    match record.extent() {
        Some(extent) => memory.read(layout::block(extent.at), length),
        None => Vec::new(),
    }
}

/// A panic elsewhere cannot leave what these guard half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
