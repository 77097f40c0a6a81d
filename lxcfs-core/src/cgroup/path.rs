//! One cgroup: which hierarchy it is in, and its directory; and the way from there up to the root.

use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Which of the kernel's two cgroup interfaces a hierarchy speaks.
///
/// ```
/// use lxcfs_core::cgroup::{Hierarchies, Version};
///
/// let hierarchies = Hierarchies::parse(b"35 24 0:30 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
/// assert_eq!(hierarchies.iter().next().unwrap().version, Version::V2);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Version {
    /// cgroup v1: one hierarchy for one or a few controllers.
    V1,
    /// cgroup v2: the unified hierarchy.
    V2,
}

/// A resource that a cgroup accounts for. Named in v2's words; v1 has some of them under other names, and CPU time
/// and CPU bandwidth apart.
///
/// ```
/// use lxcfs_core::cgroup::{Cgroups, Controller};
///
/// let cgroups = Cgroups::unified("/sys/fs/cgroup", "/web");
/// assert!(Controller::ALL.into_iter().all(|controller| cgroups.get(controller).is_some()));
/// ```
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
    ///
    /// ```
    /// use lxcfs_core::cgroup::Controller;
    ///
    /// assert_eq!(Controller::CpuTime.name(), "cpu time");
    /// ```
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
    ///
    /// ```
    /// use lxcfs_core::cgroup::{CgroupPath, Version};
    ///
    /// let cgroup = CgroupPath::new(Version::V1, "/sys/fs/cgroup/memory", "/docker/1f");
    /// assert_eq!(cgroup.dir().to_str(), Some("/sys/fs/cgroup/memory/docker/1f"));
    /// ```
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
    ///
    /// ```
    /// use lxcfs_core::cgroup::{CgroupPath, Version};
    ///
    /// let cgroup = CgroupPath::new(Version::V2, "/sys/fs/cgroup", "/web");
    /// let limit = match cgroup.version() {
    ///     Version::V1 => "memory.limit_in_bytes",
    ///     Version::V2 => "memory.max",
    /// };
    /// assert_eq!(cgroup.dir().join(limit).to_str(), Some("/sys/fs/cgroup/web/memory.max"));
    /// ```
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// Where the hierarchy is mounted.
    ///
    /// ```
    /// use lxcfs_core::cgroup::{CgroupPath, Version};
    ///
    /// let cgroup = CgroupPath::new(Version::V2, "/sys/fs/cgroup", "/web");
    /// assert_eq!(cgroup.mount().to_str(), Some("/sys/fs/cgroup"));
    /// ```
    #[must_use]
    pub fn mount(&self) -> &Path {
        &self.mount
    }

    /// The cgroup's directory.
    ///
    /// ```
    /// use lxcfs_core::cgroup::{CgroupPath, Version};
    ///
    /// let root = CgroupPath::new(Version::V2, "/sys/fs/cgroup", "/");
    /// assert_eq!(root.dir().to_str(), Some("/sys/fs/cgroup"));
    /// ```
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The path below the mount, absolute: `/` for the root.
    ///
    /// ```
    /// use lxcfs_core::cgroup::{CgroupPath, Version};
    ///
    /// let cgroup = CgroupPath::new(Version::V2, "/sys/fs/cgroup", "/web/ct");
    /// assert_eq!(cgroup.path().to_str(), Some("/web/ct"));
    /// ```
    #[must_use]
    pub fn path(&self) -> PathBuf {
        Path::new("/").join(self.dir.strip_prefix(&self.mount).unwrap_or(Path::new("")))
    }

    /// Whether this is the root of the hierarchy, which has no limits.
    ///
    /// ```
    /// use lxcfs_core::cgroup::{CgroupPath, Version};
    ///
    /// assert!(CgroupPath::new(Version::V2, "/sys/fs/cgroup", "/").is_root());
    /// assert!(!CgroupPath::new(Version::V2, "/sys/fs/cgroup", "/web").is_root());
    /// ```
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.depth == 0
    }

    /// The cgroup and its ancestors, the cgroup first, without the root.
    ///
    /// ```
    /// use lxcfs_core::cgroup::{CgroupPath, Version};
    ///
    /// let cgroup = CgroupPath::new(Version::V2, "/sys/fs/cgroup", "/pod/ct");
    /// let limits: Vec<_> = cgroup.levels().map(|dir| dir.join("memory.max").display().to_string()).collect();
    /// assert_eq!(limits, ["/sys/fs/cgroup/pod/ct/memory.max", "/sys/fs/cgroup/pod/memory.max"]);
    /// ```
    pub fn levels(&self) -> impl Iterator<Item = &Path> {
        self.dir.ancestors().take(self.depth)
    }

    /// Whether `other` is this cgroup or one below it.
    ///
    /// ```
    /// use lxcfs_core::cgroup::{CgroupPath, Version};
    ///
    /// let cgroup = |path| CgroupPath::new(Version::V2, "/sys/fs/cgroup", path);
    /// assert!(cgroup("/web").contains(&cgroup("/web/ct")));
    /// assert!(!cgroup("/web").contains(&cgroup("/web2")));
    /// ```
    #[must_use]
    pub fn contains(&self, other: &Self) -> bool {
        self.mount == other.mount && other.dir.starts_with(&self.dir)
    }

    /// The parent, or itself for the root.
    ///
    /// ```
    /// use lxcfs_core::cgroup::{CgroupPath, Version};
    ///
    /// let pod = CgroupPath::new(Version::V2, "/sys/fs/cgroup", "/pod/ct").parent();
    /// assert_eq!(pod.path().to_str(), Some("/pod"));
    /// ```
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
///
/// ```
/// use lxcfs_core::cgroup::{CgroupPath, Cgroups, Controller, Version};
///
/// // Memory in v1, all else in v2.
/// let cgroups = Cgroups::unified("/sys/fs/cgroup/unified", "/web")
///     .with(Controller::Memory, CgroupPath::new(Version::V1, "/sys/fs/cgroup/memory", "/web"));
/// let version = |controller| cgroups.get(controller).unwrap().version();
/// assert_eq!((version(Controller::Memory), version(Controller::Cpu)), (Version::V1, Version::V2));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Cgroups {
    paths: Arc<[Option<CgroupPath>; Controller::ALL.len()]>,
}

impl Cgroups {
    /// In no cgroup at all: nothing is accounted, nothing is limited.
    ///
    /// ```
    /// use lxcfs_core::cgroup::Cgroups;
    ///
    /// assert_eq!(Cgroups::none().iter().count(), 0);
    /// ```
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// The same path for every controller of a v2 hierarchy.
    ///
    /// ```
    /// use lxcfs_core::cgroup::{Cgroups, Controller};
    ///
    /// let cgroups = Cgroups::unified("/sys/fs/cgroup", "/web");
    /// assert_eq!(cgroups.get(Controller::Io).unwrap().dir().to_str(), Some("/sys/fs/cgroup/web"));
    /// ```
    #[must_use]
    pub fn unified(mount: impl Into<PathBuf>, path: impl AsRef<Path>) -> Self {
        let cgroup = CgroupPath::new(Version::V2, mount, path);
        Controller::ALL
            .into_iter()
            .fold(Self::none(), |all, one| all.with(one, cgroup.clone()))
    }

    /// Says where that controller has the container.
    ///
    /// ```
    /// use lxcfs_core::cgroup::{CgroupPath, Cgroups, Controller, Version};
    ///
    /// let cpuset = CgroupPath::new(Version::V1, "/sys/fs/cgroup/cpuset", "/web");
    /// let cgroups = Cgroups::none().with(Controller::Cpuset, cpuset.clone());
    /// assert_eq!(cgroups.get(Controller::Cpuset), Some(&cpuset));
    /// ```
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
    ///
    /// ```
    /// use lxcfs_core::cgroup::{Cgroups, Controller};
    ///
    /// let cgroups = Cgroups::unified("/sys/fs/cgroup", "/web");
    /// assert_eq!(cgroups.get(Controller::Memory).unwrap().path().to_str(), Some("/web"));
    /// assert_eq!(Cgroups::none().get(Controller::Memory), None);
    /// ```
    #[must_use]
    pub fn get(&self, controller: Controller) -> Option<&CgroupPath> {
        Controller::ALL
            .into_iter()
            .zip(&*self.paths)
            .find(|(one, _)| *one == controller)
            .and_then(|(_, path)| path.as_ref())
    }

    /// The controllers and their places.
    ///
    /// ```
    /// use lxcfs_core::cgroup::{Cgroups, Controller};
    ///
    /// let cgroups = Cgroups::unified("/sys/fs/cgroup", "/web");
    /// let controllers: Vec<_> = cgroups.iter().map(|(controller, _)| controller).collect();
    /// assert_eq!(controllers, Controller::ALL);
    /// ```
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
