//! A set of CPU ids, as `0-3,8` in the kernel's list format.
//!
//! # References
//!
//! `Documentation/admin-guide/kernel-parameters.rst`, "cpu lists"; `lib/bitmap-str.c`.

use std::fmt;

use crate::error::ParseError;
use crate::parse;
use crate::text::Text;

/// The kernel id of one CPU: the `N` of `cpuN`.
pub type CpuId = u32;

/// No kernel has more CPUs than this (`NR_CPUS` is 8192 at most today); it bounds what a list can make us do.
pub const MAX_CPUS: u32 = 65_536;

/// A set of CPUs, kept as sorted ranges that neither touch nor overlap.
///
/// ```
/// use lxcfs_core::CpuList;
///
/// let cpus: CpuList = "0-3,8\n".parse().unwrap();
/// assert_eq!(cpus.len(), 5);
/// assert_eq!(cpus.iter().collect::<Vec<_>>(), [0, 1, 2, 3, 8]);
/// assert_eq!(cpus.to_string(), "0-3,8");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CpuList {
    ranges: Vec<(CpuId, CpuId)>,
}

impl CpuList {
    /// The CPUs `0..count`.
    ///
    /// ```
    /// use lxcfs_core::CpuList;
    ///
    /// assert_eq!(CpuList::first(4).to_string(), "0-3");
    /// ```
    #[must_use]
    pub fn first(count: u32) -> Self {
        let last = count.min(MAX_CPUS).checked_sub(1);
        Self {
            ranges: last.map(|last| (0, last)).into_iter().collect(),
        }
    }

    /// Parses the kernel's list format. An empty text is the empty set.
    ///
    /// # Errors
    ///
    /// [`ParseError`] where something else than numbers, `-`, `,` and `:` stands, a range runs backwards, or an id is
    /// [`MAX_CPUS`] or more.
    ///
    /// ```
    /// use lxcfs_core::CpuList;
    ///
    /// assert_eq!(CpuList::parse(b"0-3,8\n").unwrap().len(), 5);
    /// assert!(CpuList::parse(b"\n").unwrap().is_empty());
    /// assert!(CpuList::parse(b"3-0\n").is_err());
    /// ```
    pub fn parse(text: &[u8]) -> Result<Self, ParseError> {
        let error = || ParseError::new("CPU list", "ids and ranges such as 0-3,8", text);
        let id = |bytes: &[u8]| {
            parse::number(bytes)
                .and_then(|id| u32::try_from(id).ok())
                .filter(|id| *id < MAX_CPUS)
                .ok_or_else(error)
        };
        let mut ranges = Vec::new();
        for part in parse::value(text)
            .split(|byte| *byte == b',')
            .filter(|part| !part.is_empty())
        {
            let part = part.trim_ascii();
            let (first, last) = match parse::split_once(part, b'-') {
                Some((first, last)) => (id(first)?, id(last)?),
                None => (id(part)?, id(part)?),
            };
            if first > last {
                return Err(error());
            }
            ranges.push((first, last));
        }
        Ok(Self::normal(ranges))
    }

    fn normal(mut ranges: Vec<(CpuId, CpuId)>) -> Self {
        ranges.sort_unstable();
        let mut merged: Vec<(CpuId, CpuId)> = Vec::with_capacity(ranges.len());
        for (first, last) in ranges {
            match merged.last_mut() {
                Some(previous) if first <= previous.1.saturating_add(1) => {
                    previous.1 = previous.1.max(last);
                }
                _ => merged.push((first, last)),
            }
        }
        Self { ranges: merged }
    }

    /// How many CPUs there are.
    ///
    /// ```
    /// use lxcfs_core::CpuList;
    ///
    /// let cpus: CpuList = "0-3,8".parse().unwrap();
    /// assert_eq!(cpus.len(), 5);
    /// ```
    #[must_use]
    pub fn len(&self) -> u32 {
        self.ranges.iter().fold(0, |sum: u32, (first, last)| {
            sum.saturating_add(last.saturating_sub(*first).saturating_add(1))
        })
    }

    /// Whether there is none.
    ///
    /// ```
    /// use lxcfs_core::CpuList;
    ///
    /// let (here, there): (CpuList, CpuList) = ("0-1".parse().unwrap(), "2-3".parse().unwrap());
    /// assert!(here.intersection(&there).is_empty());
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Whether that CPU is among them.
    ///
    /// ```
    /// use lxcfs_core::CpuList;
    ///
    /// let cpus: CpuList = "0-3,8".parse().unwrap();
    /// assert!(cpus.contains(8) && !cpus.contains(4));
    /// ```
    #[must_use]
    pub fn contains(&self, cpu: CpuId) -> bool {
        self.ranges.iter().any(|(first, last)| (*first..=*last).contains(&cpu))
    }

    /// The ids, ascending.
    ///
    /// ```
    /// use lxcfs_core::CpuList;
    ///
    /// let cpus: CpuList = "0-1,8".parse().unwrap();
    /// assert_eq!(cpus.iter().collect::<Vec<_>>(), [0, 1, 8]);
    /// ```
    pub fn iter(&self) -> impl Iterator<Item = CpuId> + '_ {
        self.ranges.iter().flat_map(|(first, last)| *first..=*last)
    }

    /// The place of that CPU among the ids, counted from 0.
    ///
    /// ```
    /// use lxcfs_core::CpuList;
    ///
    /// let cpus: CpuList = "2-3,8".parse().unwrap();
    /// assert_eq!((cpus.position(8), cpus.position(4)), (Some(2), None));
    /// ```
    #[must_use]
    pub fn position(&self, cpu: CpuId) -> Option<u32> {
        let mut before = 0_u32;
        for (first, last) in &self.ranges {
            if (*first..=*last).contains(&cpu) {
                return Some(before.saturating_add(cpu.saturating_sub(*first)));
            }
            before = before.saturating_add(last.saturating_sub(*first).saturating_add(1));
        }
        None
    }

    /// The CPUs that stand in both.
    ///
    /// ```
    /// use lxcfs_core::CpuList;
    ///
    /// let (cpuset, online): (CpuList, CpuList) = ("2-5".parse().unwrap(), "0-3".parse().unwrap());
    /// assert_eq!(cpuset.intersection(&online).to_string(), "2-3");
    /// ```
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        let mut ranges = Vec::new();
        for (first, last) in &self.ranges {
            for (other_first, other_last) in &other.ranges {
                let both = (*first.max(other_first), *last.min(other_last));
                if both.0 <= both.1 {
                    ranges.push(both);
                }
            }
        }
        Self::normal(ranges)
    }

    /// The CPUs that stand here and not in `other`.
    ///
    /// ```
    /// use lxcfs_core::CpuList;
    ///
    /// let (present, offline): (CpuList, CpuList) = ("0-3".parse().unwrap(), "1".parse().unwrap());
    /// assert_eq!(present.difference(&offline).to_string(), "0,2-3");
    /// ```
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        self.iter().filter(|cpu| !other.contains(*cpu)).collect()
    }

    /// The first `count` of them.
    ///
    /// ```
    /// use lxcfs_core::CpuList;
    ///
    /// let cpus: CpuList = "2-3,8-9".parse().unwrap();
    /// assert_eq!(cpus.take(3).to_string(), "2-3,8");
    /// ```
    #[must_use]
    pub fn take(&self, count: u32) -> Self {
        let mut left = count;
        let mut ranges = Vec::new();
        for (first, last) in &self.ranges {
            let Some(more) = left.checked_sub(1) else { break };
            let end = (*last).min(first.saturating_add(more));
            ranges.push((*first, end));
            left = left.saturating_sub(end.saturating_sub(*first).saturating_add(1));
        }
        Self { ranges }
    }

    /// Adds the list to a text, without a newline.
    ///
    /// ```
    /// use lxcfs_core::{CpuList, Text};
    ///
    /// let mut text = Text::new();
    /// CpuList::first(4).render(&mut text);
    /// assert_eq!(text.push("\n").take(), "0-3\n");
    /// ```
    pub fn render(&self, out: &mut Text) {
        for (index, (first, last)) in self.ranges.iter().enumerate() {
            if index > 0 {
                out.push(",");
            }
            out.number(u64::from(*first));
            if last > first {
                out.push("-").number(u64::from(*last));
            }
        }
    }

    /// Adds the set as a bit mask of `width` bits, in the kernel's groups of 32 bits: `00000000,0000000f`.
    ///
    /// ```
    /// use lxcfs_core::{CpuList, Text};
    ///
    /// let mut text = Text::new();
    /// let cpus: CpuList = "0-3,32".parse().unwrap();
    /// cpus.render_mask(40, &mut text);
    /// assert_eq!(text.take(), "01,0000000f");
    /// ```
    pub fn render_mask(&self, width: u32, out: &mut Text) {
        let groups = width.max(1).div_ceil(32);
        for group in (0..groups).rev() {
            let base = group.saturating_mul(32);
            let bits = (0..32_u32)
                .filter(|bit| self.contains(base.saturating_add(*bit)))
                .fold(0_u32, |bits, bit| bits | 1_u32.checked_shl(bit).unwrap_or(0));
            // The first group has as many digits as its share of the width asks for.
            let digits = if group.saturating_add(1) == groups {
                width.max(1).saturating_sub(base).div_ceil(4)
            } else {
                8
            };
            out.push(format!(
                "{bits:0digits$x}",
                digits = usize::try_from(digits).unwrap_or(8)
            ));
            if group > 0 {
                out.push(",");
            }
        }
    }
}

impl FromIterator<CpuId> for CpuList {
    fn from_iter<I: IntoIterator<Item = CpuId>>(ids: I) -> Self {
        Self::normal(ids.into_iter().filter(|id| *id < MAX_CPUS).map(|id| (id, id)).collect())
    }
}

impl std::str::FromStr for CpuList {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::parse(text.as_bytes())
    }
}

impl fmt::Display for CpuList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Text::new();
        self.render(&mut text);
        f.write_str(&String::from_utf8_lossy(text.as_bytes()))
    }
}

/// A `cpuN` name: its id.
///
/// ```
/// use lxcfs_core::cpu_list::cpu_of_name;
///
/// assert_eq!(cpu_of_name(b"cpu12"), Some(12));
/// assert_eq!((cpu_of_name(b"cpu"), cpu_of_name(b"cpufreq"), cpu_of_name(b"cpu01")), (None, None, None));
/// ```
#[must_use]
pub fn cpu_of_name(name: &[u8]) -> Option<CpuId> {
    let digits = name.strip_prefix(b"cpu")?;
    let id = u32::try_from(parse::number(digits)?).ok()?;
    // Without leading zeros.
    let canonical = digits.len() == 1 || !digits.starts_with(b"0");
    (id < MAX_CPUS && canonical).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> CpuList {
        text.parse().unwrap()
    }

    #[test]
    fn ranges_are_merged_and_sorted() {
        assert_eq!(list("8,0-3,2-5,6").to_string(), "0-6,8");
        assert_eq!(list("\n").to_string(), "");
        assert_eq!(list("3").to_string(), "3");
    }

    #[test]
    fn what_is_no_list_is_an_error_and_no_id_is_unbounded() {
        for bad in ["a", "1-", "-1", "3-1", "0-65536", "4294967296", "0--2", "1;2"] {
            assert!(bad.parse::<CpuList>().is_err(), "{bad}");
        }
    }

    #[test]
    fn sets() {
        assert_eq!(list("0-7").intersection(&list("2,6-9")).to_string(), "2,6-7");
        assert_eq!(list("0-3").difference(&list("1-2")).to_string(), "0,3");
        assert_eq!(list("1,4-7").take(3).to_string(), "1,4-5");
        assert_eq!(list("1,4-7").take(0).to_string(), "");
        assert_eq!(list("1,4-7").position(5), Some(2));
        assert_eq!(list("1,4-7").position(2), None);
    }

    #[test]
    fn masks_have_the_kernels_groups() {
        let mask = |text: &str, width| {
            let mut out = Text::new();
            list(text).render_mask(width, &mut out);
            String::from_utf8(out.take().to_vec()).unwrap()
        };
        assert_eq!(mask("0-1", 2), "3");
        assert_eq!(mask("0-3", 8), "0f");
        assert_eq!(mask("0,32", 64), "00000001,00000001");
        assert_eq!(mask("33", 40), "02,00000000");
    }

    #[test]
    fn a_cpu_name_is_canonical() {
        assert_eq!(cpu_of_name(b"cpu12"), Some(12));
        for bad in [&b"cpu"[..], b"cpu01", b"cpuidle", b"cpu1x", b"cpu65536", b"xcpu1"] {
            assert_eq!(cpu_of_name(bad), None);
        }
    }
}
