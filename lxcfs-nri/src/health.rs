//! What has happened so far, in numbers.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

/// Something that is counted.
///
/// ```
/// use lxcfs_nri::{Count, Health};
///
/// let health = Health::default();
/// health.count(Count::Injected);
/// assert_eq!((health.counted(Count::Injected), health.counted(Count::FailedOpen)), (1, 0));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// A runtime has taken us as its plugin.
    Connected,
    /// A connection has ended or could not be made.
    Disconnected,
    /// A container was created with files.
    Injected,
    /// A container was created without, as an annotation or the node's default says.
    NotAsked,
    /// A container was created without, as it is none that could see itself in them.
    OtherRuntime,
    /// A container that should have had files was created without: it must not fail because of us.
    FailedOpen,
    /// A value of an annotation was not understood.
    NotUnderstood,
    /// A running container was given files, or has all of them.
    Given,
    /// A running container will be given files when the daemon is there again.
    Postponed,
    /// A running container could not be given files.
    NotGiven,
}

const ALL: [(Count, &str, &str); 10] = [
    (
        Count::Connected,
        "connected_total",
        "Connections on which a runtime has taken the plugin",
    ),
    (
        Count::Disconnected,
        "disconnected_total",
        "Connections that have ended or could not be made",
    ),
    (
        Count::Injected,
        "injected_total",
        "Containers that were created with files",
    ),
    (
        Count::NotAsked,
        "not_asked_total",
        "Containers that were created without, by annotation or default",
    ),
    (
        Count::OtherRuntime,
        "other_runtime_total",
        "Containers that were left alone for their runtime class",
    ),
    (
        Count::FailedOpen,
        "failed_open_total",
        "Containers that should have had files and were created without",
    ),
    (
        Count::NotUnderstood,
        "not_understood_total",
        "Values of annotations that were not understood",
    ),
    (
        Count::Given,
        "given_total",
        "Running containers that have been given what they missed",
    ),
    (
        Count::Postponed,
        "postponed_total",
        "Times that a running container had to wait for the daemon",
    ),
    (
        Count::NotGiven,
        "not_given_total",
        "Running containers that could not be given what they miss",
    ),
];

/// How often each has happened.
///
/// ```
/// use std::sync::Arc;
/// use lxcfs_nri::{Count, Health};
///
/// // The plugin counts, and whoever shows it has the same one.
/// let health = Arc::new(Health::default());
/// let of_the_plugin = Arc::clone(&health);
/// of_the_plugin.count(Count::Connected);
/// assert_eq!(health.counted(Count::Connected), 1);
/// ```
#[derive(Debug, Default)]
pub struct Health {
    counts: [AtomicU64; ALL.len()],
}

impl Health {
    /// It has happened once more.
    ///
    /// ```
    /// use lxcfs_nri::{Count, Health};
    ///
    /// let health = Health::default();
    /// health.count(Count::NotAsked);
    /// health.count(Count::NotAsked);
    /// assert_eq!(health.counted(Count::NotAsked), 2);
    /// ```
    pub fn count(&self, what: Count) {
        if let Some(count) = self.place(what) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How often it has happened.
    ///
    /// ```
    /// use lxcfs_nri::{Count, Health};
    ///
    /// assert_eq!(Health::default().counted(Count::NotGiven), 0);
    /// ```
    #[must_use]
    pub fn counted(&self, what: Count) -> u64 {
        self.place(what).map_or(0, |count| count.load(Ordering::Relaxed))
    }

    fn place(&self, what: Count) -> Option<&AtomicU64> {
        let mut places = ALL.iter().zip(&self.counts);
        places.find_map(|((one, ..), count)| (*one == what).then_some(count))
    }

    /// All of it, as Prometheus reads it.
    ///
    /// ```
    /// use lxcfs_nri::{Count, Health};
    ///
    /// let health = Health::default();
    /// health.count(Count::Injected);
    /// assert!(health.text().contains("# TYPE lxcfs_nri_injected_total counter\nlxcfs_nri_injected_total 1\n"));
    /// ```
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        for ((_, name, help), count) in ALL.iter().zip(&self.counts) {
            let count = count.load(Ordering::Relaxed);
            // Nothing can go wrong in a string.
            let _ = writeln!(
                text,
                "# HELP lxcfs_nri_{name} {help}\n# TYPE lxcfs_nri_{name} counter\nlxcfs_nri_{name} {count}"
            );
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_count_is_its_own() {
        let health = Health::default();
        for (times, (what, ..)) in ALL.iter().enumerate() {
            for _ in 0..times {
                health.count(*what);
            }
        }
        for (times, (what, name, _)) in ALL.iter().enumerate() {
            assert_eq!(health.counted(*what), u64::try_from(times).unwrap());
            assert!(health.text().contains(&format!("\nlxcfs_nri_{name} {times}\n")));
        }
    }
}
