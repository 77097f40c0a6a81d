//! Durations, counted in buckets that are 1/64 of a power of two wide: what is told apart is always about 1.5 %.

use serde::{Deserialize, Serialize};

/// As many buckets to each power of two.
const STEPS: u64 = 1 << STEP_BITS;
const STEP_BITS: u32 = 6;

/// Counts by bucket; sent as pairs, since most buckets are empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<(usize, u64)>", into = "Vec<(usize, u64)>")]
pub(crate) struct Histogram {
    buckets: Vec<u64>,
}

impl Histogram {
    pub(crate) fn add(&mut self, nanos: u64) {
        self.add_to(bucket(nanos), 1);
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for (index, count) in other.buckets.iter().enumerate() {
            self.add_to(index, *count);
        }
    }

    fn add_to(&mut self, index: usize, count: u64) {
        if index >= self.buckets.len() {
            self.buckets.resize(index.saturating_add(1), 0);
        }
        if let Some(bucket) = self.buckets.get_mut(index) {
            *bucket = bucket.saturating_add(count);
        }
    }

    /// The duration that the given part of all durations, in thousandths, is not above; `None` if there are none.
    pub(crate) fn quantile(&self, per_mille: u64) -> Option<u64> {
        let total: u64 = self.buckets.iter().sum();
        // At least one: the smallest of all is what 0 stands for.
        let wanted = total.saturating_mul(per_mille).div_ceil(1000).max(1);
        let mut seen = 0_u64;
        for (index, count) in self.buckets.iter().enumerate() {
            seen = seen.saturating_add(*count);
            if seen >= wanted {
                return Some(middle(index));
            }
        }
        None
    }
}

fn bucket(nanos: u64) -> usize {
    let exponent = nanos.checked_ilog2().unwrap_or_default().saturating_sub(STEP_BITS);
    // The first 64 are exact; above, each power of two has 64 of its own.
    let index = (u64::from(exponent) << STEP_BITS).saturating_add(nanos >> exponent);
    usize::try_from(index).unwrap_or(usize::MAX)
}

fn middle(index: usize) -> u64 {
    let index = u64::try_from(index).unwrap_or(u64::MAX);
    let exponent = (index >> STEP_BITS).saturating_sub(1);
    let first = index.saturating_sub(exponent << STEP_BITS);
    let width = 1_u64
        .checked_shl(u32::try_from(exponent).unwrap_or(u32::MAX))
        .unwrap_or(u64::MAX);
    debug_assert!(
        first < 2 * STEPS,
        "a bucket's number has no more than one bit above the steps"
    );
    first.saturating_mul(width).saturating_add(width >> 1)
}

impl From<Vec<(usize, u64)>> for Histogram {
    fn from(pairs: Vec<(usize, u64)>) -> Self {
        let mut all = Self::default();
        for (index, count) in pairs {
            all.add_to(index, count);
        }
        all
    }
}

impl From<Histogram> for Vec<(usize, u64)> {
    fn from(histogram: Histogram) -> Self {
        histogram
            .buckets
            .into_iter()
            .enumerate()
            .filter(|(_, count)| *count > 0)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_near_what_is_in_it() {
        for nanos in [
            0,
            1,
            63,
            64,
            65,
            127,
            128,
            1_000,
            123_456,
            987_654_321,
            u64::from(u32::MAX) * 1000,
        ] {
            let near = middle(bucket(nanos));
            assert!(near.abs_diff(nanos) <= nanos / 64, "{nanos} {near}");
        }
    }

    #[test]
    fn buckets_are_in_the_order_of_durations() {
        assert!((1..100_000_u64).all(|nanos| {
            let step = bucket(nanos) - bucket(nanos - 1);
            step <= 1
        }));
    }

    #[test]
    fn quantiles_survive_the_way_to_another_process() {
        let mut all = Histogram::default();
        (1..=60).for_each(|nanos| all.add(nanos));
        let sent = serde_json::to_string(&all).unwrap();
        let all: Histogram = serde_json::from_str(&sent).unwrap();
        assert_eq!(all.quantile(0), Some(1));
        assert_eq!(all.quantile(500), Some(30));
        assert_eq!(all.quantile(1000), Some(60));
        assert_eq!(Histogram::default().quantile(500), None);
    }
}
