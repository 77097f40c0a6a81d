//! Which blocks are free: a buddy allocator that lives in this process only.
//!
//! Nothing of it is in the memory that outlives us. Who takes the memory over knows from the records which blocks are in
//! use, and all others are free: there is no list that a death could leave half changed.

use std::collections::BTreeSet;

use super::layout::{BLOCKS, MOST_ORDER};

/// Blocks that lie together: the first of them, and how many there are as a power of two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Extent {
    pub(super) at: u32,
    pub(super) order: u32,
}

impl Extent {
    /// How many blocks.
    pub(super) fn blocks(self) -> u32 {
        1_u32.checked_shl(self.order).unwrap_or(u32::MAX)
    }

    /// The first block behind it.
    pub(super) fn end(self) -> u32 {
        self.at.saturating_add(self.blocks())
    }

    /// Whether there is such an extent.
    pub(super) fn is_there(self) -> bool {
        let blocks = u32::try_from(BLOCKS).unwrap_or(u32::MAX);
        self.order <= MOST_ORDER && self.at.trailing_zeros() >= self.order && self.end() <= blocks
    }
}

/// Free blocks.
#[derive(Debug)]
pub(super) struct Space {
    /// By order, the lowest first: what is in use stays together, and the rest takes no pages.
    free: Vec<BTreeSet<u32>>,
}

impl Space {
    /// All blocks are free but these, which are sorted and do not overlap.
    pub(super) fn without(used: &[Extent]) -> Self {
        let orders = (0..=MOST_ORDER).map(|_| BTreeSet::new());
        let mut space = Self { free: orders.collect() };
        let mut at = 0;
        for extent in used {
            space.give_range(at, extent.at);
            at = extent.end();
        }
        space.give_range(at, u32::try_from(BLOCKS).unwrap_or(u32::MAX));
        space
    }

    fn give_range(&mut self, mut at: u32, end: u32) {
        while at < end {
            let fits = end.saturating_sub(at).ilog2();
            let order = at.trailing_zeros().min(fits).min(MOST_ORDER);
            let extent = Extent { at, order };
            self.give(extent);
            at = extent.end();
        }
    }

    /// Takes blocks that lie together.
    pub(super) fn take(&mut self, order: u32) -> Option<Extent> {
        let orders = (order..).zip(self.free.iter_mut().skip(index(order)));
        let (mut found, at) = orders
            .filter_map(|(order, free)| Some((order, free.pop_first()?)))
            .next()?;
        while found > order {
            // The upper half is too much.
            found = found.saturating_sub(1);
            let upper = Extent { at, order: found }.end();
            self.free.get_mut(index(found))?.insert(upper);
        }
        Some(Extent { at, order })
    }

    /// Whether these lie free, together with no others.
    pub(super) fn is_free(&self, extent: Extent) -> bool {
        let free = self.free.get(index(extent.order));
        free.is_some_and(|free| free.contains(&extent.at))
    }

    /// Gives blocks back; with the half beside them that is free too they are one again.
    pub(super) fn give(&mut self, mut extent: Extent) {
        while extent.order < MOST_ORDER {
            let beside = extent.at ^ extent.blocks();
            let Some(free) = self.free.get_mut(index(extent.order)) else {
                return;
            };
            if !free.remove(&beside) {
                break;
            }
            extent.at = extent.at.min(beside);
            extent.order = extent.order.saturating_add(1);
        }
        if let Some(free) = self.free.get_mut(index(extent.order)) {
            free.insert(extent.at);
        }
    }

    /// What lies free together, of that order or more.
    pub(super) fn free(&self, least: u32) -> impl Iterator<Item = Extent> {
        (least..)
            .zip(self.free.iter().skip(index(least)))
            .flat_map(|(order, free)| free.iter().map(move |at| Extent { at: *at, order }))
    }
}

fn index(order: u32) -> usize {
    usize::try_from(order).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn free_blocks(space: &Space) -> u32 {
        space.free(0).map(Extent::blocks).sum()
    }

    #[test]
    fn what_is_given_back_is_one_again() {
        let mut space = Space::without(&[]);
        let all: Vec<_> = space.free(0).collect();
        let taken: Vec<_> = [0, 3, 0, 7, 15, 1]
            .iter()
            .map(|order| space.take(*order).unwrap())
            .collect();
        let mut sorted = taken.clone();
        sorted.sort();
        assert!(sorted.windows(2).all(|pair| pair[0].end() <= pair[1].at), "{sorted:?}");
        assert!(taken.iter().all(|extent| extent.is_there()));
        for extent in taken.into_iter().rev() {
            space.give(extent);
        }
        assert_eq!(space.free(0).collect::<Vec<_>>(), all);
    }

    #[test]
    fn what_is_in_use_is_not_given_away() {
        let mut space = Space::without(&[]);
        let mut used: Vec<_> = (0..2000).filter_map(|number| space.take(number % 9)).collect();
        used.sort();
        let left = free_blocks(&space);
        let mut again = Space::without(&used);
        assert_eq!(free_blocks(&again), left);
        while let Some(extent) = again.take(0) {
            assert!(
                used.binary_search_by(|one| {
                    if one.end() <= extent.at {
                        std::cmp::Ordering::Less
                    } else if one.at > extent.at {
                        std::cmp::Ordering::Greater
                    } else {
                        std::cmp::Ordering::Equal
                    }
                })
                .is_err()
            );
        }
    }

    #[test]
    fn when_all_is_taken_nothing_more_is() {
        let mut space = Space::without(&[]);
        let mut count = 0;
        while space.take(MOST_ORDER).is_some() {
            count += 1;
        }
        assert_eq!((count, space.take(0)), (15, None));
    }
}
