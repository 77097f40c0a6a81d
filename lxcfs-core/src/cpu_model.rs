//! Quota, cpuset and online CPUs in; which CPUs this container sees out. Every file that names or counts CPUs asks here.

use crate::cgroup::CpuBandwidth;
use crate::cpu_list::{CpuId, CpuList};
use crate::options::{CpuIds, CpuView};

/// The CPUs of one container.
///
/// ```
/// use lxcfs_core::{CpuModel, CpuView, CpuIds};
/// use lxcfs_core::cgroup::CpuBandwidth;
///
/// let online = "0-7".parse().unwrap();
/// let cpuset = "2-5".parse().unwrap();
/// let quota = CpuBandwidth { quota_usec: 150_000, period_usec: 100_000, levels_up: 0 };
/// let cpus = CpuModel::new(&online, Some(&cpuset), Some(&quota), CpuView::Quota, CpuIds::Host);
/// assert_eq!(cpus.shown().to_string(), "2-3");
/// assert_eq!(cpus.capacity_milli(), 1500);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CpuModel {
    shown: CpuList,
    numbered: CpuList,
    capacity_milli: u64,
    whole_host: bool,
}

impl CpuModel {
    /// Decides which CPUs a container sees.
    ///
    /// *shown* = the first ⌈capacity⌉ of cpuset ∩ online, at least one; *capacity* = the lesser of their number and the
    /// quota. A cpuset that has nothing online counts as none: a task always runs somewhere.
    ///
    /// ```
    /// use lxcfs_core::{CpuIds, CpuModel, CpuView};
    /// use lxcfs_core::cgroup::CpuBandwidth;
    ///
    /// let (online, cpuset) = ("0-7".parse().unwrap(), "4-7".parse().unwrap());
    /// let half = CpuBandwidth { quota_usec: 50_000, period_usec: 100_000, levels_up: 0 };
    /// let shown = |view| CpuModel::new(&online, Some(&cpuset), Some(&half), view, CpuIds::Host).shown().to_string();
    /// assert_eq!(shown(CpuView::Quota), "4", "half a CPU is one");
    /// assert_eq!(shown(CpuView::Cpuset), "4-7");
    /// assert_eq!(shown(CpuView::Host), "0-7");
    /// ```
    #[must_use]
    pub fn new(
        online: &CpuList,
        cpuset: Option<&CpuList>,
        quota: Option<&CpuBandwidth>,
        view: CpuView,
        ids: CpuIds,
    ) -> Self {
        let online = if online.is_empty() {
            CpuList::first(1)
        } else {
            online.clone()
        };
        let allowed = match (view, cpuset) {
            (CpuView::Host, _) | (_, None) => online.clone(),
            (_, Some(cpuset)) => Some(cpuset.intersection(&online))
                .filter(|both| !both.is_empty())
                .unwrap_or_else(|| online.clone()),
        };
        let whole = u64::from(allowed.len()).saturating_mul(1000);
        let capacity_milli = match (view, quota) {
            (CpuView::Quota, Some(quota)) => quota.milli_cpus().min(whole),
            _ => whole,
        };
        let count = u32::try_from(capacity_milli.div_ceil(1000)).unwrap_or(u32::MAX).max(1);
        let shown = allowed.take(count);
        let numbered = match ids {
            CpuIds::Host => shown.clone(),
            CpuIds::Dense => CpuList::first(shown.len()),
        };
        let whole_host = shown == online && capacity_milli == whole;
        Self {
            shown,
            numbered,
            capacity_milli,
            whole_host,
        }
    }

    /// The CPUs that are shown, by the ids that the host gives them.
    ///
    /// ```
    /// use lxcfs_core::{CpuIds, CpuModel, CpuView};
    ///
    /// let (online, cpuset) = ("0-7".parse().unwrap(), "4-5".parse().unwrap());
    /// let cpus = CpuModel::new(&online, Some(&cpuset), None, CpuView::Quota, CpuIds::Dense);
    /// assert_eq!(cpus.shown().to_string(), "4-5");
    /// ```
    #[must_use]
    pub fn shown(&self) -> &CpuList {
        &self.shown
    }

    /// The CPUs that are shown, by the ids that the container is told.
    ///
    /// ```
    /// use lxcfs_core::{CpuIds, CpuModel, CpuView};
    ///
    /// let (online, cpuset) = ("0-7".parse().unwrap(), "4-5".parse().unwrap());
    /// let cpus = CpuModel::new(&online, Some(&cpuset), None, CpuView::Quota, CpuIds::Dense);
    /// assert_eq!(cpus.numbered().to_string(), "0-1");
    /// ```
    #[must_use]
    pub fn numbered(&self) -> &CpuList {
        &self.numbered
    }

    /// How many CPUs are shown: one at least.
    ///
    /// ```
    /// use lxcfs_core::{CpuIds, CpuModel, CpuView};
    /// use lxcfs_core::cgroup::CpuBandwidth;
    ///
    /// let quota = CpuBandwidth { quota_usec: 250_000, period_usec: 100_000, levels_up: 0 };
    /// let cpus = CpuModel::new(&"0-7".parse().unwrap(), None, Some(&quota), CpuView::Quota, CpuIds::Host);
    /// assert_eq!(cpus.count(), 3);
    /// ```
    #[must_use]
    pub fn count(&self) -> u32 {
        self.shown.len()
    }

    /// What the container can keep busy, in thousandths of a CPU.
    ///
    /// ```
    /// use lxcfs_core::{CpuIds, CpuModel, CpuView};
    /// use lxcfs_core::cgroup::CpuBandwidth;
    ///
    /// // A quota above what the cpuset can give is of no use.
    /// let quota = CpuBandwidth { quota_usec: 400_000, period_usec: 100_000, levels_up: 0 };
    /// let (online, cpuset) = ("0-7".parse().unwrap(), "0-1".parse().unwrap());
    /// let cpus = CpuModel::new(&online, Some(&cpuset), Some(&quota), CpuView::Quota, CpuIds::Host);
    /// assert_eq!(cpus.capacity_milli(), 2000);
    /// ```
    #[must_use]
    pub fn capacity_milli(&self) -> u64 {
        self.capacity_milli
    }

    /// Whether all of the host's CPUs are shown, without any quota.
    ///
    /// ```
    /// use lxcfs_core::{CpuIds, CpuModel, CpuView};
    ///
    /// let (online, cpuset) = ("0-7".parse().unwrap(), "0-3".parse().unwrap());
    /// let whole = |cpuset| CpuModel::new(&online, cpuset, None, CpuView::Quota, CpuIds::Host).is_whole_host();
    /// assert!(whole(None) && !whole(Some(&cpuset)));
    /// ```
    #[must_use]
    pub fn is_whole_host(&self) -> bool {
        self.whole_host
    }

    /// The id that the container is told for the host's CPU `host`; `None` if that one is not shown.
    #[must_use]
    pub(crate) fn number_of(&self, host: CpuId) -> Option<CpuId> {
        let position = self.shown.position(host)?;
        if self.numbered == self.shown {
            Some(host)
        } else {
            Some(position)
        }
    }

    /// The host's CPU that the container knows as `number`; `None` if it knows no such CPU.
    #[must_use]
    pub(crate) fn host_cpu(&self, number: CpuId) -> Option<CpuId> {
        if self.numbered == self.shown {
            return self.shown.contains(number).then_some(number);
        }
        self.numbered.position(number)?;
        self.shown.iter().nth(usize::try_from(number).ok()?)
    }

    /// A set of the host's CPUs, cut to those shown and numbered as the container is told.
    #[must_use]
    pub(crate) fn translate(&self, host: &CpuList) -> CpuList {
        self.shown
            .intersection(host)
            .iter()
            .filter_map(|cpu| self.number_of(cpu))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> CpuList {
        text.parse().unwrap()
    }

    fn quota(milli: u64) -> CpuBandwidth {
        CpuBandwidth {
            quota_usec: milli,
            period_usec: 1000,
            levels_up: 0,
        }
    }

    fn model(online: &str, cpuset: Option<&str>, milli: Option<u64>, view: CpuView, ids: CpuIds) -> CpuModel {
        let cpuset = cpuset.map(list);
        let quota = milli.map(quota);
        CpuModel::new(&list(online), cpuset.as_ref(), quota.as_ref(), view, ids)
    }

    #[test]
    fn half_a_cpu_is_one_cpu_of_half_capacity() {
        let cpus = model("0-3", None, Some(500), CpuView::Quota, CpuIds::Host);
        assert_eq!((cpus.shown().to_string().as_str(), cpus.capacity_milli()), ("0", 500));
    }

    #[test]
    fn a_quota_above_the_cpuset_changes_nothing() {
        let cpus = model("0-7", Some("1,3"), Some(64_000), CpuView::Quota, CpuIds::Host);
        assert_eq!(
            (cpus.shown().to_string().as_str(), cpus.capacity_milli()),
            ("1,3", 2000)
        );
    }

    #[test]
    fn offline_cpus_are_not_shown() {
        assert_eq!(
            model("0-1", Some("0-3"), None, CpuView::Quota, CpuIds::Host)
                .shown()
                .to_string(),
            "0-1"
        );
        assert_eq!(
            model("0-1", Some("2-3"), None, CpuView::Quota, CpuIds::Host)
                .shown()
                .to_string(),
            "0-1"
        );
        assert_eq!(model("", None, None, CpuView::Quota, CpuIds::Host).count(), 1);
    }

    #[test]
    fn views_leave_out_what_they_say() {
        assert_eq!(
            model("0-7", Some("2-5"), Some(1500), CpuView::Cpuset, CpuIds::Host)
                .shown()
                .to_string(),
            "2-5"
        );
        let host = model("0-7", Some("2-5"), Some(1500), CpuView::Host, CpuIds::Host);
        assert_eq!(host.shown().to_string(), "0-7");
        assert!(host.is_whole_host());
    }

    #[test]
    fn dense_ids_translate_both_ways() {
        let cpus = model("0-7", Some("2,5-6"), None, CpuView::Quota, CpuIds::Dense);
        assert_eq!(cpus.numbered().to_string(), "0-2");
        assert_eq!(cpus.number_of(5), Some(1));
        assert_eq!(cpus.host_cpu(1), Some(5));
        assert_eq!((cpus.number_of(3), cpus.host_cpu(3)), (None, None));
        assert_eq!(cpus.translate(&list("0-5")).to_string(), "0-1");
    }
}
