//! What was done for all containers together, also for those that have ended: beside the accounts, as long as there are any.

use std::sync::atomic::{AtomicU64, Ordering};

use super::Store;
use super::accounts::are_in;
use super::layout::{AT_ALL, NAMES};
use super::memory::Memory;
use crate::status::{CLASSES, Latency, class_of};

/// The words of it.
pub(super) const WORDS: usize = NAMES + CLASSES + 1;
const LATENCY: usize = NAMES;
const TIME: usize = LATENCY + CLASSES;

/// All of it, as somebody has seen it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Together {
    /// By the places of names.
    pub(crate) reads: Vec<u64>,
    pub(crate) latency: Latency,
}

impl Store {
    /// A text was given: that of the file with that place.
    pub(crate) fn count_read_of_all(&self, place: Option<usize>) {
        if let Some(place) = place.filter(|place| *place < NAMES) {
            self.add(place, 1);
        }
    }

    /// Somebody has waited that long for a text, or for the error that came instead.
    pub(crate) fn count_time_of_all(&self, time_ns: u64) {
        self.add(LATENCY.saturating_add(class_of(time_ns)), 1);
        self.add(TIME, time_ns);
    }

    fn add(&self, at: usize, number: u64) {
        if self.accounts.are_there()
            && let Some(word) = words(&self.memory).get(at)
        {
            word.fetch_add(number, Ordering::Relaxed);
        }
    }
}

pub(super) fn seen(memory: &Memory) -> Together {
    if !are_in(memory) {
        return Together::default();
    }
    let mut words = words(memory).iter().map(|word| word.load(Ordering::Relaxed));
    Together {
        reads: words.by_ref().take(NAMES).collect(),
        latency: Latency::of(
            words.by_ref().take(CLASSES).collect::<Vec<_>>(),
            words.next().unwrap_or(0),
        ),
    }
}

fn words(memory: &Memory) -> &[AtomicU64] {
    memory.part(AT_ALL, WORDS)
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd as _;

    use super::super::Seen;
    use super::*;

    #[test]
    fn what_was_counted_for_all_is_seen_and_gone_on_with() {
        let store = Store::create().unwrap();
        let descriptor = store.as_fd().try_clone_to_owned().unwrap();
        let places = store.places(["a", "b"].into_iter());
        store.count_read_of_all(places[1]);
        store.count_read_of_all(places[1]);
        store.count_read_of_all(None);
        store.count_time_of_all(500);
        store.count_time_of_all(3000);
        let seen = || {
            let together = Seen::open(descriptor.as_fd()).unwrap().together();
            (
                together.reads[..2].to_vec(),
                together.latency.count(),
                together.latency.sum_ns,
            )
        };
        assert_eq!(seen(), (vec![0, 2], 2, 3500));
        drop(store);
        let next = Store::open(descriptor.try_clone().unwrap()).unwrap();
        next.count_read_of_all(places[0]);
        assert_eq!(seen(), (vec![1, 2], 2, 3500));
    }
}
