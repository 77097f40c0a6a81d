//! Memory, swap and huge pages of a cgroup, as plain data.

use super::level::{self, Limit};
use crate::parse;

/// What a cgroup accounts for as memory. All in bytes.
///
/// ```
/// use lxcfs_core::MemorySource;
/// use lxcfs_core::cgroup::{CgroupReader, Cgroups};
///
/// let machine = MemorySource::new()
///     .with("/sys/fs/cgroup/web/memory.max", "268435456\n")
///     .with("/sys/fs/cgroup/web/memory.current", "67108864\n")
///     .with("/sys/fs/cgroup/web/memory.stat", "anon 50331648\nfile 16777216\ninactive_file 16777216\n");
/// let cgroups = Cgroups::unified("/sys/fs/cgroup", "/web");
/// let memory = CgroupReader::new(&machine, &cgroups).memory().unwrap().unwrap();
/// assert_eq!((memory.usage, memory.stat.anon), (64 << 20, 48 << 20));
/// assert_eq!((memory.free, memory.available), (Some(192 << 20), Some(208 << 20)));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Memory {
    /// The tightest `memory.max` on the way up; `None` where no level has one.
    pub limit: Option<Limit>,
    /// `memory.current` of the container's own cgroup.
    pub usage: u64,
    /// What is left below the limits: the least `memory.max` − `memory.current` of all limited levels.
    pub free: Option<u64>,
    /// What is left when caches are given up: as `free`, with `memory.high` as a limit too, and what that level could
    /// reclaim added.
    pub available: Option<u64>,
    /// `memory.stat` of the container's own cgroup.
    pub stat: MemoryStat,
}

impl Memory {
    /// Takes one level of the hierarchy into account.
    pub(super) fn bound(
        &mut self,
        levels_up: usize,
        max: Option<u64>,
        high: Option<u64>,
        usage: u64,
        stat: &MemoryStat,
    ) {
        if let Some(value) = max {
            self.limit = Some(Limit { value, levels_up }.tighter(self.limit));
            self.free = level::lower(self.free, value.saturating_sub(usage));
        }
        if let Some(bound) = max.into_iter().chain(high).min() {
            let left = bound.saturating_sub(usage).saturating_add(stat.reclaimable());
            self.available = level::lower(self.available, left.min(bound));
        }
    }
}

macro_rules! memory_stat {
    ($($(#[$doc:meta])* $field:ident: $v2:literal $(or $v1:literal)?,)*) => {
        /// The fields of `memory.stat` that virtual files show, in v2's names. All in bytes; 0 where the kernel does not
        /// account for it.
        ///
        /// ```
        /// use lxcfs_core::MemorySource;
        /// use lxcfs_core::cgroup::{CgroupPath, CgroupReader, Cgroups, Controller, Version};
        ///
        /// // v1 says `rss` and `cache` for what v2 calls `anon` and `file`.
        /// let machine = MemorySource::new()
        ///     .with("/sys/fs/cgroup/memory/web/memory.limit_in_bytes", "9223372036854771712\n")
        ///     .with("/sys/fs/cgroup/memory/web/memory.usage_in_bytes", "12288\n")
        ///     .with("/sys/fs/cgroup/memory/web/memory.stat", "total_cache 4096\ntotal_rss 8192\n");
        /// let cgroup = CgroupPath::new(Version::V1, "/sys/fs/cgroup/memory", "/web");
        /// let cgroups = Cgroups::none().with(Controller::Memory, cgroup);
        /// let stat = CgroupReader::new(&machine, &cgroups).memory().unwrap().unwrap().stat;
        /// assert_eq!((stat.anon, stat.file), (8192, 4096));
        /// ```
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub struct MemoryStat {
            $($(#[$doc])* pub $field: u64,)*
        }

        impl MemoryStat {
            /// Parses v2's `memory.stat`.
            pub(super) fn parse_v2(text: &[u8]) -> Self {
                let mut stat = Self::default();
                for (key, value) in parse::flat_keyed(text) {
                    match key {
                        $($v2 => stat.$field = value,)*
                        _ => {}
                    }
                }
                stat
            }

            /// Parses v1's `memory.stat`: the `total_` lines, which include the cgroups below.
            pub(super) fn parse_v1(text: &[u8]) -> Self {
                let mut stat = Self::default();
                for (key, value) in parse::flat_keyed(text) {
                    match key.strip_prefix(b"total_") {
                        $($(Some($v1) => stat.$field = value,)?)*
                        _ => {}
                    }
                }
                stat
            }
        }
    };
}

memory_stat! {
    /// Anonymous memory.
    anon: b"anon" or b"rss",
    /// Page cache, with tmpfs and shared memory.
    file: b"file" or b"cache",
    /// Kernel stacks.
    kernel_stack: b"kernel_stack",
    /// Page tables.
    pagetables: b"pagetables",
    /// Secondary page tables (KVM, IOMMU).
    sec_pagetables: b"sec_pagetables",
    /// Per-CPU kernel memory.
    percpu: b"percpu",
    /// Memory mapped by `vmalloc`.
    vmalloc: b"vmalloc",
    /// tmpfs, shared memory, shared anonymous mappings.
    shmem: b"shmem" or b"shmem",
    /// Memory that zswap's compressed pages take.
    zswap: b"zswap",
    /// Memory that has been swapped out into zswap.
    zswapped: b"zswapped",
    /// Page cache that is mapped.
    file_mapped: b"file_mapped" or b"mapped_file",
    /// Page cache that waits to be written back.
    file_dirty: b"file_dirty" or b"dirty",
    /// Page cache that is being written back.
    file_writeback: b"file_writeback" or b"writeback",
    /// Swap that is cached in memory.
    swapcached: b"swapcached" or b"swapcached",
    /// Anonymous memory in transparent huge pages.
    anon_thp: b"anon_thp" or b"rss_huge",
    /// Page cache in transparent huge pages.
    file_thp: b"file_thp",
    /// Shared memory in transparent huge pages.
    shmem_thp: b"shmem_thp",
    /// Anonymous memory on the inactive list.
    inactive_anon: b"inactive_anon" or b"inactive_anon",
    /// Anonymous memory on the active list.
    active_anon: b"active_anon" or b"active_anon",
    /// Page cache on the inactive list.
    inactive_file: b"inactive_file" or b"inactive_file",
    /// Page cache on the active list.
    active_file: b"active_file" or b"active_file",
    /// Memory that cannot be reclaimed.
    unevictable: b"unevictable" or b"unevictable",
    /// Slab memory that can be reclaimed.
    slab_reclaimable: b"slab_reclaimable",
    /// Slab memory that cannot.
    slab_unreclaimable: b"slab_unreclaimable",
}

impl MemoryStat {
    /// What the kernel could give back without swapping: file pages on both lists and reclaimable slab, less what first
    /// has to be written.
    #[must_use]
    pub(crate) fn reclaimable(&self) -> u64 {
        self.active_file
            .saturating_add(self.inactive_file)
            .saturating_add(self.slab_reclaimable)
            .saturating_sub(self.file_dirty)
            .saturating_sub(self.file_writeback)
    }

    /// All slab memory.
    #[must_use]
    pub(crate) fn slab(&self) -> u64 {
        self.slab_reclaimable.saturating_add(self.slab_unreclaimable)
    }
}

/// What a cgroup accounts for as swap. All in bytes.
///
/// ```
/// use lxcfs_core::MemorySource;
/// use lxcfs_core::cgroup::{CgroupReader, Cgroups};
///
/// let machine = MemorySource::new()
///     .with("/sys/fs/cgroup/web/memory.swap.max", "1048576\n")
///     .with("/sys/fs/cgroup/web/memory.swap.current", "4096\n");
/// let cgroups = Cgroups::unified("/sys/fs/cgroup", "/web");
/// let swap = CgroupReader::new(&machine, &cgroups).swap().unwrap().unwrap();
/// assert_eq!((swap.usage, swap.free), (4096, Some(1_044_480)));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swap {
    /// The tightest limit on the way up; `None` where no level has one.
    pub limit: Option<Limit>,
    /// What the container uses.
    pub usage: u64,
    /// What is left below the limits: the least of all limited levels.
    pub free: Option<u64>,
}

/// Huge pages of one size. All in bytes.
///
/// ```
/// use lxcfs_core::MemorySource;
/// use lxcfs_core::cgroup::{CgroupReader, Cgroups};
///
/// let machine = MemorySource::new()
///     .with("/sys/fs/cgroup/web/hugetlb.2MB.max", "4194304\n")
///     .with("/sys/fs/cgroup/web/hugetlb.2MB.current", "2097152\n");
/// let cgroups = Cgroups::unified("/sys/fs/cgroup", "/web");
/// let pages = CgroupReader::new(&machine, &cgroups).hugetlb(2048).unwrap().unwrap();
/// assert_eq!((pages.limit.unwrap().value, pages.usage), (4 << 20, 2 << 20));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Hugetlb {
    /// The tightest limit on the way up; `None` where no level has one.
    pub limit: Option<Limit>,
    /// What the container uses.
    pub usage: u64,
}

/// A huge page size as the names of the `hugetlb.*` files have it: `64KB`, `2MB`, `1GB`.
///
/// # References
///
/// `mm/hugetlb_cgroup.c`, `mem_fmt`.
pub(super) fn huge_page_name(size_kib: u64) -> String {
    match size_kib {
        kib if kib >= 1 << 20 => format!("{}GB", kib >> 20),
        kib if kib >= 1 << 10 => format!("{}MB", kib >> 10),
        kib => format!("{kib}KB"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_does_not_swallow_file_mapped() {
        let stat = MemoryStat::parse_v2(b"anon 1\nfile 2\nfile_mapped 3\nfile_dirty 4\nnew_key 9\n");
        assert_eq!((stat.anon, stat.file, stat.file_mapped, stat.file_dirty), (1, 2, 3, 4));
    }

    #[test]
    fn only_the_total_lines_of_v1_count() {
        let stat = MemoryStat::parse_v1(b"cache 1\nrss 2\ntotal_cache 10\ntotal_rss 20\ntotal_mapped_file 30\n");
        assert_eq!((stat.anon, stat.file, stat.file_mapped), (20, 10, 30));
    }

    #[test]
    fn what_is_dirty_is_not_available_yet() {
        let stat = MemoryStat {
            active_file: 10,
            inactive_file: 5,
            file_dirty: 4,
            file_writeback: 20,
            ..Default::default()
        };
        assert_eq!(stat.reclaimable(), 0);
    }

    #[test]
    fn usage_above_the_limit_leaves_nothing() {
        let mut memory = Memory::default();
        memory.bound(
            0,
            Some(100),
            None,
            150,
            &MemoryStat {
                active_file: 20,
                ..Default::default()
            },
        );
        assert_eq!((memory.free, memory.available), (Some(0), Some(20)));
    }

    #[test]
    fn high_bounds_what_is_available_and_not_the_total() {
        let mut memory = Memory::default();
        memory.bound(0, Some(100), Some(60), 50, &MemoryStat::default());
        assert_eq!(memory.limit.map(|limit| limit.value), Some(100));
        assert_eq!((memory.free, memory.available), (Some(50), Some(10)));
    }

    #[test]
    fn huge_page_sizes_have_the_kernels_names() {
        assert_eq!(
            [64, 2048, 32_768, 1_048_576].map(huge_page_name),
            ["64KB", "2MB", "32MB", "1GB"]
        );
    }
}
