//! How long readers waited for each outage.

use std::fmt;
use std::time::Duration;

use super::report::Report;

/// A time in which nobody may have been serving.
#[derive(Debug, Clone, Copy)]
pub struct Outage {
    /// When it began, by [`now`](super::now).
    pub began: Duration,
    /// When somebody served again.
    pub ended: Duration,
}

/// The longest wait of any reader in each outage.
#[derive(Debug, Clone)]
pub struct Pauses(Vec<Duration>);

impl Pauses {
    /// What the readers of that report waited in these outages.
    #[must_use]
    pub fn of(report: &Report, outages: &[Outage]) -> Self {
        let longest = |outage: &Outage| {
            let meets = |(began, took): &&(Duration, Duration)| {
                *began <= outage.ended && began.saturating_add(*took) >= outage.began
            };
            report.long.iter().filter(meets).map(|(_, took)| *took).max()
        };
        // Nobody may have read just then.
        let mut all: Vec<_> = outages.iter().filter_map(longest).collect();
        all.sort_unstable();
        Self(all)
    }

    /// The pause that so many hundredths of all are not above.
    #[must_use]
    pub fn percentile(&self, percent: usize) -> Duration {
        let last = self.0.len().saturating_sub(1);
        let index = last.saturating_mul(percent).checked_div(100).unwrap_or_default();
        self.0.get(index).copied().unwrap_or_default()
    }
}

impl fmt::Display for Pauses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "longest pause of a reader in each of {}: median {:.1?}, nine of ten within {:.1?}, worst {:.1?}",
            self.0.len(),
            self.percentile(50),
            self.percentile(90),
            self.percentile(100),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_calls_that_meet_an_outage_count() {
        let ms = Duration::from_millis;
        let mut report = Report::default();
        report.call(ms(90), ms(30));
        report.call(ms(105), ms(9));
        report.call(ms(300), ms(500));
        report.call(ms(1000), ms(7));
        let outages = [(100, 110), (1001, 1002), (5000, 5001)].map(|(began, ended)| Outage {
            began: ms(began),
            ended: ms(ended),
        });
        let pauses = Pauses::of(&report, &outages);
        assert_eq!((pauses.percentile(0), pauses.percentile(100)), (ms(7), ms(30)));
    }
}
