//! What has been done, counted where it outlives this process.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde::{Deserialize, Serialize};

use crate::store::Store;

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What a file system has done since it was mounted.
        ///
        /// ```no_run
        /// use lxcfs_fuse::{MountOptions, Settings, mount};
        ///
        /// let mounted = mount(&MountOptions::new("/var/lib/lxcfs"), Settings::default(), |_| {})?;
        /// let counts = mounted.counts();
        /// assert!(counts.coalesced <= counts.renderings);
        /// # Ok::<(), lxcfs_fuse::MountError>(())
        /// ```
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[non_exhaustive]
        pub struct Counts {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl Counts {
            /// From the numbers of a store.
            pub(crate) fn of(number: impl Fn(usize) -> u64) -> Self {
                let mut which = 0..;
                let mut next = || number(which.next().unwrap_or(usize::MAX));
                Self { $($name: next(),)* }
            }
        }

        #[derive(Debug)]
        pub(crate) struct Counters {
            $(pub(crate) $name: Counter,)*
        }

        impl Counters {
            /// They go on where those before them have ended. A new one comes last, or the store has a new version.
            pub(crate) fn of(store: &Arc<Store>) -> Self {
                let mut number = 0..;
                let mut next = || Counter(Arc::clone(store), number.next().unwrap_or(usize::MAX));
                Self { $($name: next(),)* }
            }

            pub(crate) fn counts(&self) -> Counts {
                Counts { $($name: self.$name.count(),)* }
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
    /// Of these, because of a bug of ours; one that came too late may be of both kinds.
    panics,
    /// Containers that were met.
    containers_met,
    /// Containers that have ended, or were forgotten for others.
    containers_gone,
}

/// What a file system has at the moment.
///
/// ```no_run
/// use lxcfs_fuse::{MountOptions, Settings, mount};
///
/// let mounted = mount(&MountOptions::new("/var/lib/lxcfs"), Settings::default(), |_| {})?;
/// let gauges = mounted.gauges();
/// assert!(gauges.threads >= gauges.containers);
/// # Ok::<(), lxcfs_fuse::MountError>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Debug)]
pub(crate) struct Counter(Arc<Store>, usize);

impl Counter {
    pub(crate) fn add(&self) {
        if let Some(count) = self.0.counter(self.1) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn count(&self) -> u64 {
        self.0.counter(self.1).map_or(0, |count| count.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_counter_counts_for_itself() {
        let store = Arc::new(Store::create().unwrap());
        let counters = Counters::of(&store);
        counters.retries.add();
        counters.retries.add();
        counters.panics.add();
        let expected = Counts {
            retries: 2,
            panics: 1,
            ..Counts::default()
        };
        assert_eq!(counters.counts(), expected);
        // Others go on from there.
        assert_eq!(Counters::of(&store).counts(), expected);
    }
}
