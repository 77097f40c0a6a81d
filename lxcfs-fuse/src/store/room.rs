//! What is free: entries of the directory, and blocks, with the pages that they still take.

use std::io;

use super::layout::{BLOCK, BLOCKS, ENTRIES};
use super::space::{Extent, Space};

/// A page in blocks, as a power of two.
const PAGE_ORDER: u32 = 5;

/// So many pages may be kept that hold nothing: about what is written between two looks.
const SPARE_PAGES: usize = 256;

/// What is free.
#[derive(Debug)]
pub(super) struct Room {
    space: Space,
    /// Entries that have been in use.
    spare: Vec<u32>,
    /// The first entry that never was.
    fresh: u32,
    /// Which pages have been written to.
    written: Vec<bool>,
}

impl Room {
    /// All is free but these blocks, which are sorted, and but the entries below `fresh` that are not spare.
    pub(super) fn without(used: &[Extent], spare: Vec<u32>, fresh: u32) -> Self {
        Self {
            space: Space::without(used),
            spare,
            fresh,
            // That may be so, after somebody else.
            written: vec![fresh > 0; BLOCKS >> PAGE_ORDER],
        }
    }

    /// Takes an entry, and blocks for as much as is to be held.
    pub(super) fn take(&mut self, order: Option<u32>) -> Option<(u32, Option<Extent>)> {
        let extent = match order {
            Some(order) => Some(self.space.take(order)?),
            None => None,
        };
        let Some(entry) = self.take_entry() else {
            if let Some(extent) = extent {
                self.space.give(extent);
            }
            return None;
        };
        for page in extent.into_iter().flat_map(pages) {
            if let Some(written) = self.written.get_mut(page) {
                *written = true;
            }
        }
        Some((entry, extent))
    }

    fn take_entry(&mut self) -> Option<u32> {
        self.spare.pop().or_else(|| {
            let entry = self.fresh;
            let is_there = usize::try_from(entry).is_ok_and(|entry| entry < ENTRIES);
            is_there.then(|| {
                self.fresh = self.fresh.saturating_add(1);
                entry
            })
        })
    }

    /// Gives an entry back, with the blocks that it had.
    pub(super) fn give(&mut self, entry: u32, extent: Option<Extent>) {
        self.spare.push(entry);
        if let Some(extent) = extent {
            self.space.give(extent);
        }
    }

    /// What is free and still takes pages, if that is much.
    pub(super) fn written(&self) -> Vec<Extent> {
        let is_written = |page: &usize| self.written.get(*page).copied().unwrap_or(false);
        let count = |extent: &Extent| pages(*extent).filter(is_written).count();
        let free = self.space.free(PAGE_ORDER).map(|extent| (count(&extent), extent));
        let written: Vec<_> = free.filter(|(count, _)| *count > 0).collect();
        if written.iter().map(|(count, _)| count).sum::<usize>() <= SPARE_PAGES {
            return Vec::new();
        }
        written.into_iter().map(|(_, extent)| extent).collect()
    }

    /// Punches what is free, unless somebody has taken of it since.
    pub(super) fn punch(&mut self, extent: Extent, punch: impl FnOnce() -> io::Result<()>) {
        if !self.space.is_free(extent) || punch().is_err() {
            return;
        }
        for page in pages(extent) {
            if let Some(written) = self.written.get_mut(page) {
                *written = false;
            }
        }
    }
}

/// The pages on which an extent lies.
fn pages(extent: Extent) -> std::ops::RangeInclusive<usize> {
    let page = |block: u32| usize::try_from(block >> PAGE_ORDER).unwrap_or(usize::MAX);
    page(extent.at)..=page(extent.end().saturating_sub(1))
}

/// The bytes of an extent.
pub(super) fn bytes(extent: Extent) -> usize {
    usize::try_from(extent.blocks())
        .unwrap_or(usize::MAX)
        .saturating_mul(BLOCK)
}
