//! A thread that reads one file all the time, by which a test knows that somebody serves.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::patience::{PATIENCE, becomes_true};

use super::clock::now;
use super::pauses::Outage;

/// Between two reads.
const REST: Duration = Duration::from_micros(500);

/// A thread that reads a file all the time. It may be stuck for ever, and then is left to itself.
#[derive(Debug)]
pub struct Canary {
    /// When the last read that was answered began.
    answered: Arc<AtomicU64>,
    done: Arc<AtomicBool>,
}

impl Canary {
    /// Starts to read that file.
    #[must_use]
    pub fn start(path: PathBuf) -> Self {
        let canary = Self {
            answered: Arc::default(),
            done: Arc::default(),
        };
        let (answered, done) = (Arc::clone(&canary.answered), Arc::clone(&canary.done));
        std::thread::spawn(move || {
            while !done.load(Ordering::Relaxed) {
                let began = nanos(now());
                if std::fs::read(&path).is_ok_and(|text| !text.is_empty()) {
                    answered.store(began, Ordering::Relaxed);
                }
                std::thread::sleep(REST);
            }
        });
        canary
    }

    /// Waits until a read that began after that moment was answered.
    #[must_use]
    pub fn served_after(&self, began: Duration) -> Outage {
        let served = becomes_true(PATIENCE, || self.answered.load(Ordering::Relaxed) > nanos(began));
        assert!(served, "nobody has served for {PATIENCE:?}");
        Outage { began, ended: now() }
    }
}

impl Drop for Canary {
    fn drop(&mut self) {
        self.done.store(true, Ordering::Relaxed);
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
