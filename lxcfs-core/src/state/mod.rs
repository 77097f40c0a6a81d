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
///
/// ```
/// use lxcfs_core::synthetic::{Limits, Machine, Spelling};
/// use lxcfs_core::{ContainerView, Remembered, find};
///
/// let machine = Machine::new(2, 16 << 20);
/// let (source, container) = machine.source(&Limits::default(), Spelling::V2);
/// // One for each container, as long as it lives.
/// let remembered = Remembered::new();
/// let view = ContainerView::new(&source, &container, machine.uptime).with_remembered(&remembered);
/// find("stat").unwrap().render(&view).unwrap();
/// assert!(remembered.changes() > 0, "the next reading goes on from there");
/// ```
#[derive(Debug, Default)]
pub struct Remembered {
    cpu: Mutex<Option<CpuAccount>>,
    load: Mutex<Option<Load>>,
    changes: AtomicU64,
}

impl Remembered {
    /// Nothing yet.
    ///
    /// ```
    /// use lxcfs_core::Remembered;
    ///
    /// assert_eq!(Remembered::new().changes(), 0);
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a sample of the CPU time into account and returns the counters to show.
    ///
    /// `since` is when the container started, for the first sample.
    ///
    /// ```
    /// use std::time::Duration;
    /// use lxcfs_core::cgroup::{CpuTime, CpuTimes};
    /// use lxcfs_core::{CpuIds, CpuModel, CpuView, Remembered};
    ///
    /// let cpus = CpuModel::new(&"0-1".parse().unwrap(), None, None, CpuView::Quota, CpuIds::Host);
    /// let used = |nsec| CpuTime { total: CpuTimes { user: nsec, ..CpuTimes::default() }, per_cpu: Vec::new() };
    /// let remembered = Remembered::new();
    /// let before = remembered.advance_cpu(used(500), &cpus, Duration::ZERO, Duration::from_secs(1));
    /// let now = remembered.advance_cpu(used(900), &cpus, Duration::ZERO, Duration::from_secs(2));
    /// let total = |counters: &[(u32, lxcfs_core::state::cpu_account::CpuCounters)]| -> u64 {
    ///     counters.iter().map(|(_, one)| one.used.total()).sum()
    /// };
    /// assert_eq!((total(&before), total(&now)), (500, 900));
    /// ```
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
    ///
    /// ```
    /// use std::time::Duration;
    /// use lxcfs_core::{Remembered, state::load::Tasks};
    ///
    /// let (remembered, now) = (Remembered::new(), Duration::from_secs(7200));
    /// assert!(remembered.load(now, Duration::from_secs(5)).is_none());
    /// remembered.advance_load(Tasks::default(), Duration::ZERO, now);
    /// assert!(remembered.load(now + Duration::from_secs(4), Duration::from_secs(5)).is_some());
    /// assert!(remembered.load(now + Duration::from_secs(5), Duration::from_secs(5)).is_none());
    /// ```
    #[must_use]
    pub fn load(&self, now: Duration, fresh_for: Duration) -> Option<Load> {
        lock(&self.load).filter(|load| now.saturating_sub(load.sampled_at()) < fresh_for)
    }

    /// Takes a look at the tasks into account and returns the load to show. `age` is the container's, for the first
    /// look.
    ///
    /// ```
    /// use std::time::Duration;
    /// use lxcfs_core::{Remembered, state::load::Tasks};
    ///
    /// let (remembered, hour) = (Remembered::new(), Duration::from_secs(3600));
    /// let busy = Tasks { running: 1, threads: 1, ..Tasks::default() };
    /// assert_eq!(remembered.advance_load(busy, hour, hour).hundredths()[0], 100);
    /// ```
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
    ///
    /// ```
    /// use std::time::Duration;
    /// use lxcfs_core::{Remembered, state::load::Tasks};
    ///
    /// let remembered = Remembered::new();
    /// let saved_at = remembered.changes();
    /// remembered.advance_load(Tasks::default(), Duration::ZERO, Duration::ZERO);
    /// assert_ne!(remembered.changes(), saved_at, "it is to be saved again");
    /// ```
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
