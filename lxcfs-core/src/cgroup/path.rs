//! One cgroup: which hierarchy it is in, and its directory; and the way from there up to the root.

use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Which of the kernel's two cgroup interfaces a hierarchy speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Version {
    /// cgroup v1: one hierarchy for one or a few controllers.
    V1,
    /// cgroup v2: the unified hierarchy.
    V2,
}

/// A resource that a cgroup accounts for. Named in v2's words; v1 has some of them under other names, and CPU time
/// and CPU bandwidth apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Controller {
    /// Memory and swap.
    Memory,
    /// CPU bandwidth: quota and period.
    Cpu,
    /// CPU time that was used. `cpuacct` on v1; on v2 every cgroup has it.
    CpuTime,
    /// Which CPUs may be used.
    Cpuset,
    /// Block I/O. `blkio` on v1.
    Io,
    /// Numbers of tasks.
    Pids,
    /// Huge pages.
    Hugetlb,
    /// Pressure stall information. Only v2 has it, without a controller.
    Pressure,
    /// Membership itself: which tasks belong to the container. Any hierarchy tells.
    Tasks,
}

impl Controller {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Memory,
        Self::Cpu,
        Self::CpuTime,
        Self::Cpuset,
        Self::Io,
        Self::Pids,
        Self::Hugetlb,
        Self::Pressure,
        Self::Tasks,
    ];

    /// A name for messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Cpu => "cpu",
            Self::CpuTime => "cpu time",
            Self::Cpuset => "cpuset",
            Self::Io => "io",
            Self::Pids => "pids",
            Self::Hugetlb => "hugetlb",
            Self::Pressure => "pressure",
            Self::Tasks => "tasks",
        }
    }
}

/// A cgroup in one hierarchy.
///
/// ```
/// use lxcfs_core::cgroup::{CgroupPath, Version};
///
/// let cgroup = CgroupPath::new(Version::V2, "/sys/fs/cgroup", "/kubepods/pod1/ct");
/// let levels: Vec<_> = cgroup.levels().map(|dir| dir.display().to_string()).collect();
/// assert_eq!(levels, ["/sys/fs/cgroup/kubepods/pod1/ct", "/sys/fs/cgroup/kubepods/pod1", "/sys/fs/cgroup/kubepods"]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CgroupPath {
    version: Version,
    mount: PathBuf,
    dir: PathBuf,
    depth: usize,
}

impl CgroupPath {
    /// The cgroup `path` (absolute, as `/proc/PID/cgroup` has it) of the hierarchy mounted at `mount`.
    #[must_use]
    pub fn new(version: Version, mount: impl Into<PathBuf>, path: impl AsRef<Path>) -> Self {
        let mount = mount.into();
        let below = path.as_ref().strip_prefix("/").unwrap_or(path.as_ref());
        let depth = below.components().count();
        let dir = if depth == 0 { mount.clone() } else { mount.join(below) };
        Self {
            version,
            mount,
            dir,
            depth,
        }
    }

    /// Which interface its files have.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// Where the hierarchy is mounted.
    #[must_use]
    pub fn mount(&self) -> &Path {
        &self.mount
    }

    /// The cgroup's directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The path below the mount, absolute: `/` for the root.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        Path::new("/").join(self.dir.strip_prefix(&self.mount).unwrap_or(Path::new("")))
    }

    /// Whether this is the root of the hierarchy, which has no limits.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.depth == 0
    }

    /// The cgroup and its ancestors, the cgroup first, without the root.
    pub fn levels(&self) -> impl Iterator<Item = &Path> {
        self.dir.ancestors().take(self.depth)
    }

    /// Whether `other` is this cgroup or one below it.
    #[must_use]
    pub fn contains(&self, other: &Self) -> bool {
        self.mount == other.mount && other.dir.starts_with(&self.dir)
    }

    /// The parent, or itself for the root.
    #[must_use]
    pub fn parent(&self) -> Self {
        match self.dir.parent() {
            Some(parent) if self.depth > 0 => Self {
                version: self.version,
                mount: self.mount.clone(),
                dir: parent.to_path_buf(),
                depth: self.depth.saturating_sub(1),
            },
            _ => self.clone(),
        }
    }
}

/// The cgroups of one container: for each controller the hierarchy that has it and the place in there. Clones share
/// them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Cgroups {
    paths: Arc<[Option<CgroupPath>; Controller::ALL.len()]>,
}

impl Cgroups {
    /// In no cgroup at all: nothing is accounted, nothing is limited.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// The same path for every controller of a v2 hierarchy.
    #[must_use]
    pub fn unified(mount: impl Into<PathBuf>, path: impl AsRef<Path>) -> Self {
        let cgroup = CgroupPath::new(Version::V2, mount, path);
        Controller::ALL
            .into_iter()
            .fold(Self::none(), |all, one| all.with(one, cgroup.clone()))
    }

    /// Says where that controller has the container.
    #[must_use]
    pub fn with(mut self, controller: Controller, path: CgroupPath) -> Self {
        let slot = Arc::make_mut(&mut self.paths)
            .iter_mut()
            .zip(Controller::ALL)
            .find(|(_, one)| *one == controller);
        if let Some((slot, _)) = slot {
            *slot = Some(path);
        }
        self
    }

    /// Where that controller has the container; `None` where no hierarchy has the controller.
    #[must_use]
    pub fn get(&self, controller: Controller) -> Option<&CgroupPath> {
        Controller::ALL
            .into_iter()
            .zip(&*self.paths)
            .find(|(one, _)| *one == controller)
            .and_then(|(_, path)| path.as_ref())
    }

    /// The controllers and their places.
    pub fn iter(&self) -> impl Iterator<Item = (Controller, &CgroupPath)> {
        Controller::ALL
            .into_iter()
            .zip(&*self.paths)
            .filter_map(|(one, path)| Some((one, path.as_ref()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_has_no_levels() {
        let root = CgroupPath::new(Version::V1, "/sys/fs/cgroup/memory", "/");
        assert!(root.is_root());
        assert_eq!(root.levels().count(), 0);
        assert_eq!(root.path(), Path::new("/"));
        assert_eq!(root.parent(), root);
    }

    #[test]
    fn containment_is_by_whole_names() {
        let pod = CgroupPath::new(Version::V2, "/c", "/pod");
        assert!(pod.contains(&CgroupPath::new(Version::V2, "/c", "/pod/ct")));
        assert!(!pod.contains(&CgroupPath::new(Version::V2, "/c", "/pod2")));
        assert_eq!(CgroupPath::new(Version::V2, "/c", "/pod/ct").parent(), pod);
        assert_eq!(pod.path(), Path::new("/pod"));
    }
}
