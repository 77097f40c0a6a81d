//! What is remembered of a container between two reads.
//!
//! The rules are `advance(old, now) -> new` in [`cpu_account`] and [`load`]; [`Remembered`] is the one place with locks.

pub mod cpu_account;
pub mod load;
#[cfg(feature = "save")]
mod saved;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::cgroup::CpuTime;
use crate::cpu_model::CpuModel;
use cpu_account::{CpuAccount, CpuCounters};
use load::{Load, Tasks};

/// How long one look at a container's tasks counts as the present, and how often load averages move: the kernel's
/// `LOAD_FREQ`.
pub const SAMPLE_EVERY: Duration = Duration::from_secs(5);

/// What is remembered of one container. Share it between all views of that container; drop it with the container.
#[derive(Debug, Default)]
pub struct Remembered {
    cpu: Mutex<Option<CpuAccount>>,
    load: Mutex<Option<Load>>,
    changes: AtomicU64,
}

impl Remembered {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a sample of the CPU time into account and returns the counters to show.
    ///
    /// `since` is when the container started, for the first sample.
    pub fn advance_cpu(
        &self,
        sample: CpuTime,
        model: &CpuModel,
        since: Duration,
        now: Duration,
    ) -> Vec<(u32, CpuCounters)> {
        let mut slot = lock(&self.cpu);
        let account = slot
            .take()
            .unwrap_or_else(|| CpuAccount::new(since))
            .advance(sample, model, now);
        let counters = account.counters().to_vec();
        *slot = Some(account);
        self.has_changed();
        counters
    }

    /// The load, if its last sample is younger than that.
    #[must_use]
    pub fn load(&self, now: Duration, fresh_for: Duration) -> Option<Load> {
        lock(&self.load).filter(|load| now.saturating_sub(load.sampled_at()) < fresh_for)
    }

    /// Takes a look at the tasks into account and returns the load to show. `age` is the container's, for the first
    /// look.
    pub fn advance_load(&self, tasks: Tasks, age: Duration, now: Duration) -> Load {
        let mut slot = lock(&self.load);
        let load = match slot.take() {
            Some(old) => old.advance(tasks, now),
            None => Load::first(tasks, age, now),
        };
        *slot = Some(load);
        self.has_changed();
        load
    }

    /// How often it has changed. Who keeps a copy of what is remembered needs no other one while this is the same.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    fn has_changed(&self) {
        self.changes.fetch_add(1, Ordering::AcqRel);
    }
}

/// A panic of another thread cannot leave these half changed: a value is taken out, and put back when it is whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
