//! Medians and quartiles, and ratios between two candidates: within each round first, and then over the rounds.

use serde::Serialize;

/// The middle of some numbers, and the middles of both halves.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Spread {
    pub(crate) q1: f64,
    pub(crate) median: f64,
    pub(crate) q3: f64,
}

impl Spread {
    /// `None` if there are no numbers.
    pub(crate) fn of(numbers: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = numbers.into_iter().filter(|number| number.is_finite()).collect();
        sorted.sort_by(f64::total_cmp);
        Some(Self {
            q1: quantile(&sorted, 1)?,
            median: quantile(&sorted, 2)?,
            q3: quantile(&sorted, 3)?,
        })
    }

    /// The spread of the ratios of what belongs together.
    pub(crate) fn of_ratios(numbers: impl IntoIterator<Item = (f64, f64)>) -> Option<Self> {
        let pairs = numbers.into_iter().filter(|(_, base)| *base > 0.0);
        Self::of(pairs.map(|(number, base)| number / base))
    }
}

/// Between the two nearest, if there is none at the very place.
fn quantile(sorted: &[f64], quarter: usize) -> Option<f64> {
    let quarters = sorted.len().checked_sub(1)?.saturating_mul(quarter);
    let below = sorted.get(quarters / 4)?;
    let above = sorted.get(quarters.div_ceil(4))?;
    let part = f64::from(u8::try_from(quarters % 4).unwrap_or_default()) / 4.0;
    Some(below + (above - below) * part)
}

/// A count as a number to calculate with.
#[expect(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "exact up to 2^53, and a measurement anyway"
)]
pub(crate) fn number(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quartiles_lie_between_neighbours() {
        let spread = Spread::of([4.0, 1.0, 3.0, 2.0]).unwrap();
        assert_eq!(
            spread,
            Spread {
                q1: 1.75,
                median: 2.5,
                q3: 3.25
            }
        );
        assert_eq!(
            Spread::of([7.0]).unwrap(),
            Spread {
                q1: 7.0,
                median: 7.0,
                q3: 7.0
            }
        );
        assert_eq!(Spread::of([]), None);
    }

    #[test]
    fn a_round_without_a_base_does_not_count() {
        let spread = Spread::of_ratios([(1.0, 0.0), (1.0, 2.0)]).unwrap();
        assert!((spread.median - 0.5).abs() < 1e-9);
    }
}
