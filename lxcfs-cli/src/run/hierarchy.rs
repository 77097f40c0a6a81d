//! Where this host has its controllers, in the terms of the crate that makes the cgroups.

use std::fs;
use std::path::{Path, PathBuf};

use cgroups_rs::blkio::BlkIoController;
use cgroups_rs::cpu::CpuController;
use cgroups_rs::cpuacct::CpuAcctController;
use cgroups_rs::cpuset::CpuSetController;
use cgroups_rs::freezer::FreezerController;
use cgroups_rs::hugetlb::HugeTlbController;
use cgroups_rs::memory::MemController;
use cgroups_rs::pid::PidController;
use cgroups_rs::{Cgroup, Hierarchy, Subsystem};
use lxcfs_core::cgroup::{Hierarchies, Version};

use super::error::RunError;
use crate::args::{Run, WhichHierarchy};

/// The hierarchies of one version.
///
/// The crate has types for this too; they know cgroup v2 only at `/sys/fs/cgroup`, where a hybrid host has v1. And
/// what the virtual files are made from should be the very mounts where the limits are set.
#[derive(Debug, Clone)]
pub(crate) struct Mounted {
    version: Version,
    /// Controllers by the kernel's names, and where they are. On v2 all are in one place.
    controllers: Vec<(String, PathBuf)>,
    root: PathBuf,
}

/// What a container's numbers come from. The others (`devices`, `net_cls`, `misc` …) are left alone.
const WANTED: [&str; 8] = ["blkio", "cpu", "cpuacct", "cpuset", "hugetlb", "io", "memory", "pids"];

impl Mounted {
    /// The v1 hierarchies that have any of the controllers.
    pub(crate) fn v1(hierarchies: &Hierarchies) -> Option<Self> {
        let mut controllers: Vec<(String, PathBuf)> = hierarchies
            .iter()
            .filter(|one| one.version == Version::V1)
            .flat_map(|one| one.controllers.iter().map(|name| (name.clone(), one.mount.clone())))
            .filter(|(name, _)| WANTED.contains(&name.as_str()))
            .collect();
        // Sorted, `blkio` is before `memory`, as writeback between the two wants it.
        controllers.sort();
        let root = controllers.first()?.1.clone();
        Some(Self {
            version: Version::V1,
            controllers,
            root,
        })
    }

    /// The v2 hierarchy; `available` is the text of its root's `cgroup.controllers`.
    pub(crate) fn v2(root: &Path, available: &str) -> Self {
        let controllers = available
            .split_whitespace()
            .filter(|name| WANTED.contains(name))
            .map(|name| (name.to_owned(), root.to_path_buf()))
            .collect();
        Self {
            version: Version::V2,
            controllers,
            root: root.to_path_buf(),
        }
    }

    /// Enables the controllers for the cgroups below the root of v2.
    ///
    /// That stays so afterwards, as other cgroups may come to depend on it. `hugetlb` is left as it is: nothing
    /// limits it here.
    pub(crate) fn enable(&self, run: &Run) -> Result<(), RunError> {
        let path = self.root.join("cgroup.subtree_control");
        let enabled = fs::read_to_string(&path).unwrap_or_default();
        let missing = self
            .controllers()
            .filter(|name| *name != "hugetlb" && !enabled.split_whitespace().any(|one| one == *name));
        for controller in missing {
            let done = fs::write(&path, format!("+{controller}"));
            let needed = limited(run).any(|(_, name)| name == controller);
            match done {
                Err(cause) if needed => {
                    return Err(RunError::Enable {
                        path,
                        controller: controller.to_owned(),
                        cause,
                    });
                }
                // Without it, the container is shown the host's values in its place.
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }

    /// The controllers, by the kernel's names.
    pub(crate) fn controllers(&self) -> impl Iterator<Item = &str> {
        self.controllers.iter().map(|(name, _)| name.as_str())
    }

    /// The directories below which the cgroups are, each once.
    pub(crate) fn roots(&self) -> Vec<&Path> {
        let mut roots: Vec<&Path> = self.controllers.iter().map(|(_, dir)| dir.as_path()).collect();
        roots.push(&self.root);
        roots.sort_unstable();
        roots.dedup();
        roots
    }
}

/// The hierarchies to use: those that are there, if they have all the controllers that the limits need.
pub(crate) fn usable(run: &Run, hierarchies: &Hierarchies) -> Result<Vec<Mounted>, RunError> {
    let which = match run.hierarchy {
        WhichHierarchy::Auto => "this host",
        WhichHierarchy::V1 => "cgroup v1",
        WhichHierarchy::V2 => "cgroup v2",
    };
    let mut usable = Vec::new();
    if run.hierarchy != WhichHierarchy::V2 {
        usable.extend(Mounted::v1(hierarchies));
    }
    if run.hierarchy != WhichHierarchy::V1 {
        usable.extend(hierarchies.iter().find(|one| one.version == Version::V2).map(|one| {
            let available = fs::read_to_string(one.mount.join("cgroup.controllers"));
            Mounted::v2(&one.mount, &available.unwrap_or_default())
        }));
    }
    if usable.is_empty() {
        return Err(RunError::NoHierarchy { which });
    }
    let has = |name| usable.iter().any(|one| one.controllers().any(|other| other == name));
    match limited(run).find(|(_, controller)| !has(*controller)) {
        Some((option, controller)) => Err(RunError::NoController {
            option,
            controller,
            which,
        }),
        None => Ok(usable),
    }
}

/// The options that limit something, and the controllers that they need.
fn limited(run: &Run) -> impl Iterator<Item = (&'static str, &'static str)> {
    [
        ("--memory", "memory", run.memory.is_some()),
        ("--swap", "memory", run.swap.is_some()),
        ("--cpus", "cpu", run.cpus.is_some()),
        ("--cpuset", "cpuset", run.cpuset.is_some()),
        ("--pids", "pids", run.pids.is_some()),
    ]
    .into_iter()
    .filter(|(_, _, given)| *given)
    .map(|(option, controller, _)| (option, controller))
}

impl Hierarchy for Mounted {
    fn subsystems(&self) -> Vec<Subsystem> {
        let v2 = self.v2();
        let mut subsystems: Vec<Subsystem> = self
            .controllers
            .iter()
            .filter_map(|(name, dir)| {
                let dir = dir.clone();
                Some(match name.as_str() {
                    "blkio" | "io" => Subsystem::BlkIo(BlkIoController::new(dir, v2)),
                    "cpu" => Subsystem::Cpu(CpuController::new(dir, v2)),
                    "cpuacct" => Subsystem::CpuAcct(CpuAcctController::new(dir)),
                    "cpuset" => Subsystem::CpuSet(CpuSetController::new(dir, v2)),
                    "hugetlb" => Subsystem::HugeTlb(HugeTlbController::new(dir, v2)),
                    "memory" => Subsystem::Mem(MemController::new(dir, v2)),
                    "pids" => Subsystem::Pid(PidController::new(dir, v2)),
                    _ => return None,
                })
            })
            .collect();
        if v2 {
            // The crate attaches processes by way of the first subsystem; this one is in every cgroup of v2.
            subsystems.push(Subsystem::Freezer(FreezerController::new(self.root.clone(), true)));
        }
        subsystems
    }

    fn root(&self) -> PathBuf {
        self.root.clone()
    }

    fn root_control_group(&self) -> Cgroup {
        Cgroup::load(Box::new(self.clone()), "")
    }

    fn parent_control_group(&self, path: &str) -> Cgroup {
        Cgroup::load(
            Box::new(self.clone()),
            Path::new(path).parent().unwrap_or(Path::new("")),
        )
    }

    fn v2(&self) -> bool {
        self.version == Version::V2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HYBRID: &[u8] = b"32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
39 31 0:36 / /sys/fs/cgroup/devices rw,relatime - cgroup cgroup rw,devices
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
";

    #[test]
    fn controllers_mounted_together_have_one_root() {
        let v1 = Mounted::v1(&Hierarchies::parse(HYBRID)).unwrap();
        assert_eq!(v1.controllers().collect::<Vec<_>>(), ["cpu", "cpuacct", "memory"]);
        assert_eq!(
            v1.roots(),
            [
                Path::new("/sys/fs/cgroup/cpu,cpuacct"),
                Path::new("/sys/fs/cgroup/memory")
            ]
        );
        assert_eq!(v1.subsystems().len(), 3);
    }

    #[test]
    fn a_v2_hierarchy_without_controllers_still_has_processes() {
        let v2 = Mounted::v2(Path::new("/sys/fs/cgroup/unified"), "misc\n");
        assert_eq!(v2.controllers().count(), 0);
        assert_eq!(v2.subsystems().len(), 1);
        assert_eq!(v2.roots(), [Path::new("/sys/fs/cgroup/unified")]);
    }
}
