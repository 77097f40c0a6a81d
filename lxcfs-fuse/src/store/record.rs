//! An entry of the directory: what a record is called, and where that lies which it holds.
//!
//! It is written before it counts: first what it holds, then its words, and last the word that says that it is whole,
//! with a checksum over all. A later version of a record is written elsewhere, and only then is the earlier one struck
//! out. So whoever is killed in between leaves the earlier version, or both, of which the later turn counts.

use std::sync::atomic::{AtomicU64, Ordering, fence};

use crc32fast::Hasher;

use super::layout::{ENTRY, order};
use super::space::Extent;

/// What a record is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The text of an open file.
    Text,
    /// What is known of a container.
    Container,
}

impl Kind {
    const ALL: [Self; 2] = [Self::Text, Self::Container];

    fn number(self) -> u64 {
        match self {
            Self::Text => 1,
            Self::Container => 2,
        }
    }
}

/// A record, without what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) kind: Kind,
    pub(super) key: u64,
    /// Of two records of one name the later counts.
    pub(super) turn: u64,
    /// The first block with what it holds.
    pub(super) at: u32,
    /// How many bytes it holds.
    pub(super) length: u32,
    /// A number that goes with it.
    pub(super) note: u64,
}

/// Says that a record is whole; beside it in that word is the checksum. Nothing that is whole is 0.
const WHOLE: u64 = 1 << 32;

impl Record {
    fn words(&self) -> [u64; ENTRY - 1] {
        let (at, length) = (u64::from(self.at), u64::from(self.length));
        [self.kind.number(), self.key, self.turn, at, length, self.note, 0]
    }

    /// The blocks with what it holds; `None` if it holds nothing, or if there is no such place.
    pub(super) fn extent(&self) -> Option<Extent> {
        let length = usize::try_from(self.length).ok().filter(|length| *length > 0)?;
        let extent = Extent {
            at: self.at,
            order: order(length)?,
        };
        extent.is_there().then_some(extent)
    }

    /// Writes it down, so that it counts. `held` has seen what it holds, which has been written.
    pub(super) fn publish(&self, entry: &[AtomicU64], held: Hasher) {
        if let [whole, rest @ ..] = entry {
            let words = self.words();
            for (to, from) in rest.iter().zip(words) {
                to.store(from, Ordering::Relaxed);
            }
            whole.store(WHOLE | u64::from(checksum(&words, held)), Ordering::Release);
        }
    }

    /// The record that is written there, with the word that says so.
    pub(super) fn read(entry: &[AtomicU64]) -> Option<(Self, u64)> {
        let mut words = entry.iter().map(|word| word.load(Ordering::Acquire));
        let whole = words.next().filter(|whole| *whole != 0)?;
        let kind = words.next()?;
        let record = Self {
            kind: Kind::ALL.into_iter().find(|one| one.number() == kind)?,
            key: words.next()?,
            turn: words.next()?,
            at: u32::try_from(words.next()?).ok()?,
            length: u32::try_from(words.next()?).ok()?,
            note: words.next()?,
        };
        Some((record, whole))
    }

    /// Whether that word says that it is whole, and with it what it holds.
    pub(super) fn is_whole(&self, whole: u64, held: &[u8]) -> bool {
        let mut hasher = Hasher::new();
        hasher.update(held);
        whole == WHOLE | u64::from(checksum(&self.words(), hasher))
    }
}

/// A record does not count any more. What is written after this is seen by nobody who still sees the record.
pub(super) fn strike_out(entry: &[AtomicU64]) {
    if let Some(whole) = entry.first() {
        whole.store(0, Ordering::Release);
        fence(Ordering::SeqCst);
    }
}

fn checksum(words: &[u64], mut held: Hasher) -> u32 {
    for word in words {
        held.update(&word.to_ne_bytes());
    }
    held.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_of_which_any_word_is_another_is_not_whole() {
        let entry: [AtomicU64; ENTRY] = Default::default();
        assert_eq!(Record::read(&entry), None);
        let record = Record {
            kind: Kind::Container,
            key: 7,
            turn: 8,
            at: 32,
            length: 4,
            note: 9,
        };
        let mut held = Hasher::new();
        held.update(b"text");
        record.publish(&entry, held);
        let (read, whole) = Record::read(&entry).unwrap();
        assert_eq!(read, record);
        assert!(read.is_whole(whole, b"text"));
        assert!(!read.is_whole(whole, b"texT"));
        for word in entry.iter().take(ENTRY - 1) {
            let before = word.load(Ordering::Relaxed);
            for other in [0, before ^ 1, before ^ (1 << 31), u64::MAX] {
                word.store(other, Ordering::Relaxed);
                let counts = Record::read(&entry).is_some_and(|(read, whole)| read.is_whole(whole, b"text"));
                assert!(!counts || other == before);
            }
            word.store(before, Ordering::Relaxed);
        }
        strike_out(&entry);
        assert_eq!(Record::read(&entry), None);
    }
}
