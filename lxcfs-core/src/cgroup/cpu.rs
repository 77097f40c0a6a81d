//! CPU bandwidth and CPU time of a cgroup, as plain data.

use crate::cpu_list::CpuId;

/// A CPU quota: `quota_usec` of CPU time in every `period_usec` of real time.
///
/// ```
/// use lxcfs_core::MemorySource;
/// use lxcfs_core::cgroup::{CgroupReader, Cgroups, CpuBandwidth};
///
/// let machine = MemorySource::new()
///     .with("/sys/fs/cgroup/web/cpu.max", "max 100000\n")
///     .with("/sys/fs/cgroup/web/ct/cpu.max", "150000 100000\n")
///     .with("/sys/fs/cgroup/web/ct/cgroup.procs", "");
/// let cgroups = Cgroups::unified("/sys/fs/cgroup", "/web/ct");
/// let quota = CgroupReader::new(&machine, &cgroups).cpu_bandwidth().unwrap();
/// assert_eq!(quota, Some(CpuBandwidth { quota_usec: 150_000, period_usec: 100_000, levels_up: 0 }));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CpuBandwidth {
    /// The CPU time in a period, in microseconds.
    pub quota_usec: u64,
    /// The period, in microseconds; never 0.
    pub period_usec: u64,
    /// How far above the container's own cgroup it is set: 0 is its own.
    pub levels_up: usize,
}

impl CpuBandwidth {
    /// The tighter of two; of equal ones, the first.
    pub(super) fn tighter(self, other: Option<Self>) -> Self {
        let ratio = |one: &Self, two: &Self| u128::from(one.quota_usec).saturating_mul(u128::from(two.period_usec));
        match other {
            Some(other) if ratio(&other, &self) <= ratio(&self, &other) => other,
            _ => self,
        }
    }

    /// The quota as thousandths of a CPU, at least 1.
    ///
    /// ```
    /// use lxcfs_core::cgroup::CpuBandwidth;
    ///
    /// let quota = CpuBandwidth { quota_usec: 150_000, period_usec: 100_000, levels_up: 0 };
    /// assert_eq!(quota.milli_cpus(), 1500);
    /// ```
    #[must_use]
    pub fn milli_cpus(&self) -> u64 {
        let milli = u128::from(self.quota_usec)
            .saturating_mul(1000)
            .checked_div(u128::from(self.period_usec))
            .unwrap_or(u128::MAX);
        u64::try_from(milli).unwrap_or(u64::MAX).max(1)
    }
}

/// CPU time by kind, in nanoseconds.
///
/// ```
/// use lxcfs_core::cgroup::CpuTimes;
///
/// let used = CpuTimes { user: 3_000_000, nice: 0, system: 1_000_000 };
/// assert_eq!(used.total(), 4_000_000);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[cfg_attr(feature = "save", derive(serde::Serialize, serde::Deserialize))]
pub struct CpuTimes {
    /// In user mode, without `nice`.
    pub user: u64,
    /// In user mode at low priority.
    pub nice: u64,
    /// In the kernel.
    pub system: u64,
}

impl CpuTimes {
    /// All of it.
    ///
    /// ```
    /// use lxcfs_core::cgroup::CpuTimes;
    ///
    /// assert_eq!(CpuTimes { user: 5, nice: 1, system: 2 }.total(), 8);
    /// ```
    #[must_use]
    pub fn total(&self) -> u64 {
        self.user.saturating_add(self.nice).saturating_add(self.system)
    }

    /// What has come since `earlier`; 0 where a counter fell.
    ///
    /// ```
    /// use lxcfs_core::cgroup::CpuTimes;
    ///
    /// let (before, now) = (CpuTimes { user: 5, nice: 0, system: 2 }, CpuTimes { user: 9, nice: 0, system: 1 });
    /// assert_eq!(now.since(&before), CpuTimes { user: 4, nice: 0, system: 0 });
    /// ```
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            user: self.user.saturating_sub(earlier.user),
            nice: self.nice.saturating_sub(earlier.nice),
            system: self.system.saturating_sub(earlier.system),
        }
    }

    /// Both together.
    ///
    /// ```
    /// use lxcfs_core::cgroup::CpuTimes;
    ///
    /// let on_two_cpus = [CpuTimes { user: 5, nice: 0, system: 2 }, CpuTimes { user: 1, nice: 0, system: 1 }];
    /// let both = on_two_cpus.iter().fold(CpuTimes::default(), |sum, one| sum.plus(one));
    /// assert_eq!(both, CpuTimes { user: 6, nice: 0, system: 3 });
    /// ```
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        Self {
            user: self.user.saturating_add(other.user),
            nice: self.nice.saturating_add(other.nice),
            system: self.system.saturating_add(other.system),
        }
    }
}

/// The CPU time that a cgroup has used since it was made.
///
/// ```
/// use lxcfs_core::MemorySource;
/// use lxcfs_core::cgroup::{CgroupReader, Cgroups};
///
/// let machine = MemorySource::new().with("/sys/fs/cgroup/web/cpu.stat", "user_usec 6000\nsystem_usec 3000\n");
/// let cgroups = Cgroups::unified("/sys/fs/cgroup", "/web");
/// let time = CgroupReader::new(&machine, &cgroups).cpu_time().unwrap().unwrap();
/// assert_eq!((time.total.user, time.total.system), (6_000_000, 3_000_000));
/// assert!(time.per_cpu.is_empty(), "v2 does not tell the CPUs");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "save", derive(serde::Serialize, serde::Deserialize))]
pub struct CpuTime {
    /// In all.
    pub total: CpuTimes,
    /// On each of the host's CPUs, ascending; empty where the kernel does not tell (v2).
    pub per_cpu: Vec<(CpuId, CpuTimes)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tighter_quota_is_the_lower_ratio() {
        let half = CpuBandwidth {
            quota_usec: 50_000,
            period_usec: 100_000,
            levels_up: 0,
        };
        let quarter = CpuBandwidth {
            quota_usec: 250_000,
            period_usec: 1_000_000,
            levels_up: 1,
        };
        assert_eq!(half.tighter(Some(quarter)), quarter);
        assert_eq!(quarter.tighter(Some(half)), quarter);
        assert_eq!(half.tighter(None), half);
        assert_eq!(quarter.milli_cpus(), 250);
    }

    #[test]
    fn a_quota_is_never_no_cpu_at_all() {
        let least = CpuBandwidth {
            quota_usec: 1,
            period_usec: 1_000_000,
            levels_up: 0,
        };
        assert_eq!(least.milli_cpus(), 1);
        let most = CpuBandwidth {
            quota_usec: u64::MAX,
            period_usec: 1,
            levels_up: 0,
        };
        assert_eq!(most.milli_cpus(), u64::MAX);
    }
}
