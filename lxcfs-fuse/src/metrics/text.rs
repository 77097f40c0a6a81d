//! A status as Prometheus reads it.
//!
//! # References
//!
//! Prometheus, "Exposition formats"; OpenMetrics 1.0.

use std::collections::BTreeMap;
use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _, MetricEncoder, NoLabelSet};
use prometheus_client::encoding::{prometheus_text, text};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use super::list::{CONTAINER, FILE, METRICS, Metric, Value};
use crate::status::{Container, Latency, Status};

/// How it is spelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// Version 0.0.4, which everything reads.
    Prometheus,
    /// Version 1.0.0, which Prometheus asks for.
    OpenMetrics,
}

impl Format {
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => prometheus_text::CONTENT_TYPE,
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// All metrics. `boot_ms` is when the machine was started, in milliseconds since 1970: times of a status count from there.
pub(crate) fn text(status: Status, boot_ms: u64, format: Format) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Said { status, boot_ms }));
    let mut out = String::new();
    match format {
        Format::Prometheus => prometheus_text::encode(&mut out, &registry)?,
        Format::OpenMetrics => text::encode(&mut out, &registry)?,
    }
    Ok(out)
}

/// The upper ends of the buckets are these powers of 2, in nanoseconds: from 16 µs to 4.3 s. Each is the end of a class of
/// [`Latency`] too, so that no request is in a bucket that it does not belong to.
const BUCKETS: std::ops::RangeInclusive<u32> = 14..=32;

#[derive(Debug)]
struct Said {
    status: Status,
    boot_ms: u64,
}

impl Collector for Said {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        METRICS.iter().try_for_each(|metric| self.write(metric, &mut encoder))
    }
}

impl Said {
    fn write(&self, metric: &Metric, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let status = &self.status;
        match metric.value {
            Value::Count(count) => ConstCounter::new(count(status)).encode(metric.begin(encoder)?),
            Value::Now(now) => match now(status) {
                Some(now) => ConstGauge::new(now).encode(metric.begin(encoder)?),
                None => Ok(()),
            },
            Value::Time(at_ms) => ConstGauge::new(seconds_of_ms(self.boot_ms.saturating_add(at_ms(status))))
                .encode(metric.begin(encoder)?),
            Value::Lasting(lasting) => match lasting(status) {
                Some(ms) => ConstGauge::new(seconds_of_ms(ms)).encode(metric.begin(encoder)?),
                None => Ok(()),
            },
            Value::Words(words) => metric.begin(encoder)?.encode_info(&words(status)),
            Value::Took(latency) => write_histogram(latency(status), metric.begin(encoder)?),
            Value::ByFile(counts) => {
                let mut family = metric.begin(encoder)?;
                let counts = counts(status).iter();
                counts
                    .map(|(file, count)| (FILE, file.as_str(), ConstCounter::new(*count)))
                    .try_for_each(|(label, value, count)| count.encode(family.encode_family(&[(label, value)])?))
            }
            Value::ByContainer(count) => {
                let mut family = metric.begin(encoder)?;
                by_cgroup(&status.containers, count)
                    .into_iter()
                    .try_for_each(|(cgroup, count)| {
                        ConstCounter::new(count).encode(family.encode_family(&[(CONTAINER, cgroup)])?)
                    })
            }
            Value::LastedByContainer(ns) => {
                let mut family = metric.begin(encoder)?;
                by_cgroup(&status.containers, ns)
                    .into_iter()
                    .try_for_each(|(cgroup, ns)| {
                        ConstCounter::new(seconds_of_ns(ns)).encode(family.encode_family(&[(CONTAINER, cgroup)])?)
                    })
            }
        }
    }
}

impl Metric {
    fn begin<'e>(&'e self, encoder: &'e mut DescriptorEncoder<'_>) -> Result<MetricEncoder<'e>, fmt::Error> {
        encoder.encode_descriptor(self.stem(), self.help, None, self.kind())
    }
}

/// Containers that share a cgroup are one: two lines with the same labels would contradict each other.
fn by_cgroup(containers: &[Container], number: fn(&Container) -> u64) -> BTreeMap<&str, u64> {
    let mut numbers = BTreeMap::new();
    for container in containers {
        let sum: &mut u64 = numbers.entry(container.cgroup.as_str()).or_default();
        *sum = sum.saturating_add(number(container));
    }
    numbers
}

fn write_histogram(latency: &Latency, mut encoder: MetricEncoder<'_>) -> fmt::Result {
    let mut classes = latency.buckets.iter().peekable();
    let mut buckets = Vec::new();
    let ends = BUCKETS.map(|power| 1_u64.checked_shl(power).unwrap_or(u64::MAX));
    for end in ends {
        let mut sum = 0_u64;
        while let Some((_, count)) = classes.next_if(|(upper_end, _)| *upper_end <= end) {
            sum = sum.saturating_add(*count);
        }
        buckets.push((seconds_of_ns(end), sum));
    }
    buckets.push((
        f64::INFINITY,
        classes.fold(0, |sum, (_, count)| sum.saturating_add(*count)),
    ));
    encoder.encode_histogram::<NoLabelSet>(seconds_of_ns(latency.sum_ns), latency.count(), &buckets, None)
}

fn seconds_of_ns(ns: u64) -> f64 {
    std::time::Duration::from_nanos(ns).as_secs_f64()
}

fn seconds_of_ms(ms: u64) -> f64 {
    std::time::Duration::from_millis(ms).as_secs_f64()
}

#[cfg(test)]
pub(super) mod tests;
