//! How long something took, many times: numbers of times in classes, four to each doubling.

use serde::{Deserialize, Serialize};

/// The upper end of the first class, in nanoseconds.
const FIRST_NS: u64 = 1024;

/// How many classes a doubling has. What is read off is at most a quarter too long.
const PARTS: u64 = 4;

/// How many classes there are: the last one ends at 2^37 ns, which is more than two minutes. What took longer is in it too.
pub(crate) const CLASSES: usize = 109;

/// How long requests took.
///
/// ```
/// use lxcfs_fuse::status::Latency;
///
/// let latency = Latency { buckets: vec![(1024, 98), (20_480, 2)], sum_ns: 100_000 };
/// assert_eq!((latency.count(), latency.within_ns(990)), (100, Some(20_480)));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latency {
    /// How many took no longer than the upper end of each class, and longer than that of the one before: `(nanoseconds,
    /// requests)`, rising. Classes in which there is nothing are left out.
    pub buckets: Vec<(u64, u64)>,
    /// How long all took together, in nanoseconds.
    pub sum_ns: u64,
}

impl Latency {
    /// From the number of requests in each class.
    pub(crate) fn of(classes: impl IntoIterator<Item = u64>, sum_ns: u64) -> Self {
        let buckets = (0..).zip(classes).filter(|(_, count)| *count > 0);
        Self {
            buckets: buckets.map(|(class, count)| (upper_end_ns(class), count)).collect(),
            sum_ns,
        }
    }

    /// How many requests there were.
    ///
    /// ```
    /// use lxcfs_fuse::status::Latency;
    ///
    /// let latency = Latency { buckets: vec![(1024, 98), (20480, 2)], sum_ns: 100_000 };
    /// assert_eq!(latency.count(), 100);
    /// ```
    pub fn count(&self) -> u64 {
        self.buckets
            .iter()
            .fold(0, |sum, (_, count)| sum.saturating_add(*count))
    }

    /// In how many nanoseconds that many of a thousand requests were answered: 500 for the median, 990 for the 99th percentile.
    /// `None` if there were none.
    ///
    /// ```
    /// use lxcfs_fuse::status::Latency;
    ///
    /// let latency = Latency { buckets: vec![(1024, 98), (20480, 2)], sum_ns: 100_000 };
    /// assert_eq!(latency.within_ns(500), Some(1024));
    /// assert_eq!(latency.within_ns(990), Some(20480));
    /// assert_eq!(Latency::default().within_ns(500), None);
    /// ```
    pub fn within_ns(&self, permille: u64) -> Option<u64> {
        let wanted = self.count().saturating_mul(permille).div_ceil(1000);
        let mut sum = 0_u64;
        self.buckets.iter().find_map(|(upper_end, count)| {
            sum = sum.saturating_add(*count);
            (sum >= wanted).then_some(*upper_end)
        })
    }

    /// What has come since an earlier look.
    ///
    /// ```
    /// use lxcfs_fuse::status::Latency;
    ///
    /// let before = Latency { buckets: vec![(1024, 98)], sum_ns: 90_000 };
    /// let now = Latency { buckets: vec![(1024, 98), (20480, 2)], sum_ns: 100_000 };
    /// assert_eq!(now.since(&before), Latency { buckets: vec![(20480, 2)], sum_ns: 10_000 });
    /// ```
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        let count_before = |upper_end| {
            let found = before.buckets.iter().find(|(one, _)| *one == upper_end);
            found.map_or(0, |(_, count)| *count)
        };
        let buckets = self.buckets.iter().map(|(upper_end, count)| {
            let new = count.saturating_sub(count_before(*upper_end));
            (*upper_end, new)
        });
        Self {
            buckets: buckets.filter(|(_, count)| *count > 0).collect(),
            sum_ns: self.sum_ns.saturating_sub(before.sum_ns),
        }
    }
}

/// The class of a time.
pub(crate) fn class_of(time_ns: u64) -> usize {
    // Class 0 ends at FIRST_NS; from there on each doubling has PARTS classes, each of which ends with a time that is in it.
    let above = time_ns.saturating_sub(1).max(FIRST_NS.saturating_sub(1));
    let doublings = above.checked_div(FIRST_NS).unwrap_or(0).checked_ilog2();
    let Some(doublings) = doublings else {
        return 0;
    };
    let begin = FIRST_NS.checked_shl(doublings).unwrap_or(u64::MAX);
    let width = begin.checked_div(PARTS).unwrap_or(1).max(1);
    let part = above.saturating_sub(begin).checked_div(width).unwrap_or(0);
    let class = u64::from(doublings)
        .saturating_mul(PARTS)
        .saturating_add(part)
        .saturating_add(1);
    usize::try_from(class)
        .unwrap_or(usize::MAX)
        .min(CLASSES.saturating_sub(1))
}

/// The longest time of a class, in nanoseconds.
pub(crate) fn upper_end_ns(class: usize) -> u64 {
    let Some(above_first) = u64::try_from(class).ok().and_then(|class| class.checked_sub(1)) else {
        return FIRST_NS;
    };
    let doublings = u32::try_from(above_first.checked_div(PARTS).unwrap_or(0)).unwrap_or(u32::MAX);
    let part = (above_first % PARTS).saturating_add(1);
    let begin = FIRST_NS.checked_shl(doublings).unwrap_or(u64::MAX);
    begin.saturating_add(begin.checked_div(PARTS).unwrap_or(0).saturating_mul(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_in_the_class_that_ends_with_it_or_after_it() {
        assert_eq!(upper_end_ns(CLASSES - 1), 1 << 37);
        for class in 0..CLASSES {
            let end = upper_end_ns(class);
            assert_eq!(class_of(end), class);
            if class + 1 < CLASSES {
                assert_eq!(class_of(end + 1), class + 1);
                assert!(upper_end_ns(class + 1) - end <= end / 4 + 1, "{class}");
            }
        }
        assert_eq!(class_of(0), 0);
        assert_eq!(class_of(u64::MAX), CLASSES - 1);
    }
}
