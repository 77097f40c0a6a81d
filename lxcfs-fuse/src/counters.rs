//! What has been done, counted.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What a file system has done since it was mounted.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct Counts {
            $($(#[$doc])* pub $name: u64,)*
        }

        #[derive(Debug, Default)]
        pub(crate) struct Counters {
            $(pub(crate) $name: Counter,)*
        }

        impl Counters {
            pub(crate) fn counts(&self) -> Counts {
                Counts { $($name: self.$name.0.load(Ordering::Relaxed),)* }
            }
        }
    };
}

counters! {
    /// Renderings that were asked for: reads of a file from its beginning.
    renderings,
    /// Of these, answered with what was shown a moment ago.
    coalesced,
    /// Captures that failed and were tried again.
    retries,
    /// Captures that failed twice, so that the last good rendering was shown.
    last_good,
    /// Requests that were answered with an error which is nobody's fault: no such file, the caller has ended.
    refused,
    /// Requests that were answered with an error.
    failures,
    /// Of these, because the kernel has not answered us in time.
    deadlines,
    /// Of these, because of a bug of ours.
    panics,
    /// Containers that were met.
    containers_met,
    /// Containers that have ended.
    containers_gone,
}

/// What a file system has at the moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Gauges {
    /// Containers that are known.
    pub containers: usize,
    /// Threads that are known, with a descriptor each.
    pub threads: usize,
    /// Files that are kept open: of the host and of cgroups.
    pub files: usize,
}

/// A number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_counter_counts_for_itself() {
        let counters = Counters::default();
        counters.retries.add();
        counters.retries.add();
        counters.panics.add();
        let expected = Counts {
            retries: 2,
            panics: 1,
            ..Counts::default()
        };
        assert_eq!(counters.counts(), expected);
    }
}
