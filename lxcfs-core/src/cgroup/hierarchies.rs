//! Which hierarchies a host has and where they are mounted; and from there to the cgroups of one process.
//!
//! # References
//!
//! proc(5), `/proc/PID/mountinfo` and `/proc/PID/cgroup`; cgroups(7).

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::{CgroupPath, Cgroups, Controller, Version};
use crate::mountinfo::Mount;
use crate::parse;

/// One mounted hierarchy.
///
/// ```
/// use lxcfs_core::cgroup::{Hierarchies, Version};
///
/// let hierarchies = Hierarchies::parse(b"30 23 0:26 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n");
/// let memory = hierarchies.iter().next().unwrap();
/// assert_eq!((memory.version, memory.mount.to_str()), (Version::V1, Some("/sys/fs/cgroup/memory")));
/// assert_eq!(memory.controllers, ["memory"]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hierarchy {
    /// Which interface it has.
    pub version: Version,
    /// Where it is mounted.
    pub mount: PathBuf,
    /// Which of its cgroups is at the mount point: `/` unless only a part is mounted.
    pub root: PathBuf,
    /// v1: the controllers, by the kernel's names. Empty on v2, which has whatever no v1 hierarchy has.
    pub controllers: Vec<String>,
}

/// All the hierarchies of a host.
///
/// ```
/// use lxcfs_core::cgroup::{Controller, Hierarchies};
///
/// let hierarchies = Hierarchies::parse(b"35 24 0:30 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
/// let cgroups = hierarchies.cgroups(b"0::/system.slice/web.service\n");
/// let memory = cgroups.get(Controller::Memory).unwrap();
/// assert_eq!(memory.dir().to_str(), Some("/sys/fs/cgroup/system.slice/web.service"));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hierarchies {
    all: Vec<Hierarchy>,
}

impl Hierarchies {
    /// Finds the hierarchies in the text of a `/proc/PID/mountinfo`.
    ///
    /// A hierarchy that is mounted several times is taken from where its own root is mounted, at the shortest path.
    ///
    /// ```
    /// use lxcfs_core::cgroup::Hierarchies;
    ///
    /// let hybrid = Hierarchies::parse(
    ///     b"30 23 0:26 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n\
    ///       31 23 0:27 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n\
    ///       32 23 0:28 / /proc rw - proc proc rw\n",
    /// );
    /// assert_eq!(hybrid.iter().count(), 2);
    /// ```
    #[must_use]
    pub fn parse(mountinfo: &[u8]) -> Self {
        let mut all: Vec<Hierarchy> = parse::lines(mountinfo).filter_map(mount_line).collect();
        all.sort_by_key(|one| (one.root.components().count(), one.mount.components().count()));
        let mut kept: Vec<Hierarchy> = Vec::new();
        for one in all {
            let again = kept
                .iter()
                .any(|other| other.version == one.version && other.controllers == one.controllers);
            if !again {
                kept.push(one);
            }
        }
        Self { all: kept }
    }

    /// The mounted hierarchies.
    ///
    /// ```
    /// use lxcfs_core::cgroup::{Hierarchies, Version};
    ///
    /// let hierarchies = Hierarchies::parse(b"35 24 0:30 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
    /// assert!(hierarchies.iter().all(|one| one.version == Version::V2));
    /// ```
    pub fn iter(&self) -> impl Iterator<Item = &Hierarchy> {
        self.all.iter()
    }

    /// Whether the host has no cgroups at all.
    ///
    /// ```
    /// use lxcfs_core::cgroup::Hierarchies;
    ///
    /// assert!(Hierarchies::parse(b"22 1 8:1 / / rw - ext4 /dev/sda1 rw\n").is_empty());
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// The cgroups of a process, from the text of its `/proc/PID/cgroup`.
    ///
    /// ```
    /// use lxcfs_core::cgroup::{Controller, Hierarchies};
    ///
    /// let hierarchies = Hierarchies::parse(b"30 23 0:26 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n");
    /// let cgroups = hierarchies.cgroups(b"4:memory:/docker/1f\n");
    /// assert_eq!(cgroups.get(Controller::Memory).unwrap().path().to_str(), Some("/docker/1f"));
    /// assert_eq!(cgroups.get(Controller::Io), None, "no hierarchy has it");
    /// ```
    #[must_use]
    pub fn cgroups(&self, proc_pid_cgroup: &[u8]) -> Cgroups {
        Controller::ALL.into_iter().fold(Cgroups::none(), |all, controller| {
            match self.place(controller, proc_pid_cgroup) {
                Some(path) => all.with(controller, path),
                None => all,
            }
        })
    }

    fn place(&self, controller: Controller, text: &[u8]) -> Option<CgroupPath> {
        let unified = || self.all.iter().find(|one| one.version == Version::V2)?.place(text);
        let legacy = |name: &str| {
            self.all
                .iter()
                .find(|one| one.version == Version::V1 && one.controllers.iter().any(|has| has == name))?
                .place(text)
        };
        match controller {
            Controller::Memory => legacy("memory").or_else(unified),
            Controller::Cpu => legacy("cpu").or_else(unified),
            Controller::CpuTime => legacy("cpuacct").or_else(unified),
            Controller::Cpuset => legacy("cpuset").or_else(unified),
            Controller::Io => legacy("blkio").or_else(unified),
            Controller::Pids => legacy("pids").or_else(unified),
            Controller::Hugetlb => legacy("hugetlb").or_else(unified),
            Controller::Pressure => unified(),
            // Any hierarchy will do in which the container has a cgroup of its own.
            Controller::Tasks => unified()
                .into_iter()
                .chain(
                    ["pids", "cpuacct", "memory", "cpu", "cpuset", "blkio"]
                        .into_iter()
                        .filter_map(legacy),
                )
                .find(|path| !path.is_root())
                .or_else(unified)
                .or_else(|| legacy("pids")),
        }
    }
}

impl Hierarchy {
    /// Where a process is in this hierarchy.
    fn place(&self, proc_pid_cgroup: &[u8]) -> Option<CgroupPath> {
        let path = parse::lines(proc_pid_cgroup).find_map(|line| {
            let (id, rest) = parse::split_once(line, b':')?;
            let (controllers, path) = parse::split_once(rest, b':')?;
            let ours = match self.version {
                Version::V2 => id == b"0" && controllers.is_empty(),
                Version::V1 => {
                    !controllers.is_empty()
                        && controllers
                            .split(|byte| *byte == b',')
                            .any(|name| self.controllers.iter().any(|own| own.as_bytes() == name))
                }
            };
            ours.then_some(Path::new(OsStr::from_bytes(path)))
        })?;
        // What lies outside the mounted part, or outside this process's cgroup namespace, cannot be read here.
        let below = path.strip_prefix(&self.root).ok()?;
        let outside = below.components().any(|part| part == std::path::Component::ParentDir);
        (!outside).then(|| CgroupPath::new(self.version, &self.mount, below))
    }
}

/// A line of mountinfo, if it mounts a cgroup hierarchy with controllers.
fn mount_line(line: &[u8]) -> Option<Hierarchy> {
    let mount = Mount::parse(line)?;
    let (version, controllers) = match mount.kind.as_bytes() {
        b"cgroup2" => (Version::V2, Vec::new()),
        b"cgroup" => (Version::V1, v1_controllers(super_options(line))),
        _ => return None,
    };
    if version == Version::V1 && controllers.is_empty() {
        return None;
    }
    Some(Hierarchy {
        version,
        mount: mount.point,
        root: mount.root,
        controllers,
    })
}

/// The options of the file system: the last word.
fn super_options(line: &[u8]) -> &[u8] {
    line.rsplit(|byte| *byte == b' ').next().unwrap_or_default()
}

/// The options of a v1 mount that are controllers; the others are these few.
fn v1_controllers(options: &[u8]) -> Vec<String> {
    const NO_CONTROLLERS: [&str; 8] = [
        "rw",
        "ro",
        "xattr",
        "noprefix",
        "clone_children",
        "all",
        "none",
        "cpuset_v2_mode",
    ];
    options
        .split(|byte| *byte == b',')
        .filter_map(|word| std::str::from_utf8(word).ok())
        .filter(|word| !word.contains('=') && !NO_CONTROLLERS.contains(word))
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HYBRID: &[u8] = b"31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
36 31 0:32 /docker/abc /var/lib/ct/rootfs/sys/fs/cgroup/memory ro - cgroup cgroup rw,memory
40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,xattr,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
";

    #[test]
    fn a_hybrid_host_has_each_controller_where_it_is_mounted() {
        let cgroups = Hierarchies::parse(HYBRID)
            .cgroups(b"9:name=systemd:/x\n4:memory:/docker/a:b\n2:cpu,cpuacct:/docker/c\n0::/u\n");
        let dir = |controller| cgroups.get(controller).map(|path| path.dir().display().to_string());
        assert_eq!(dir(Controller::Memory).unwrap(), "/sys/fs/cgroup/memory/docker/a:b");
        assert_eq!(dir(Controller::Cpu).unwrap(), "/sys/fs/cgroup/cpu,cpuacct/docker/c");
        assert_eq!(dir(Controller::CpuTime), dir(Controller::Cpu));
        assert_eq!(dir(Controller::Hugetlb).unwrap(), "/sys/fs/cgroup/unified/u");
        assert_eq!(dir(Controller::Pressure).unwrap(), "/sys/fs/cgroup/unified/u");
    }

    #[test]
    fn a_part_of_a_hierarchy_is_relative_to_its_root() {
        let part = b"36 31 0:32 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n";
        let hierarchies = Hierarchies::parse(part);
        let memory = |text: &[u8]| hierarchies.cgroups(text).get(Controller::Memory).cloned();
        assert_eq!(
            memory(b"4:memory:/docker/abc/x\n").unwrap().dir(),
            Path::new("/sys/fs/cgroup/memory/x")
        );
        assert_eq!(memory(b"4:memory:/docker/other\n"), None);
    }

    #[test]
    fn what_lies_outside_the_cgroup_namespace_is_not_there() {
        let hierarchies = Hierarchies::parse(b"1 0 0:1 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
        assert_eq!(hierarchies.cgroups(b"0::/../other\n"), Cgroups::none());
    }

    #[test]
    fn tasks_are_where_the_container_has_a_cgroup_of_its_own() {
        let cgroups = Hierarchies::parse(HYBRID).cgroups(b"4:memory:/ct\n2:cpu,cpuacct:/\n0::/\n");
        assert_eq!(
            cgroups.get(Controller::Tasks).unwrap().dir(),
            Path::new("/sys/fs/cgroup/memory/ct")
        );
    }
}
