//! The container's cgroups: made with their limits, joined by its init, removed with whatever is left in them.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use cgroups_rs::error::Error;
use cgroups_rs::{Cgroup, CgroupPid, Controller as _, Hierarchy as _, MaxValue, Subsystem};
use lxcfs_core::Pid;
use lxcfs_core::cgroup::Hierarchies;

use super::amount::PERIOD_USEC;
use super::error::RunError;
use super::hierarchy::{Mounted, usable};
use super::leftover;
use crate::args::Run;

/// The cgroups of one container, in each hierarchy; dropping them removes them.
#[derive(Debug)]
pub(crate) struct ContainerCgroups {
    name: String,
    parts: Vec<(Mounted, Cgroup)>,
}

/// How long the removal may wait for processes to be gone: tries, and the pause between them.
const TRIES: u32 = 200;
const PAUSE: Duration = Duration::from_millis(10);

impl ContainerCgroups {
    /// Makes the cgroups and sets the limits.
    pub(crate) fn create(run: &Run, hierarchies: &Hierarchies) -> Result<Self, RunError> {
        let mut all = Self {
            name: leftover::own_name().ok_or(RunError::NoProc)?,
            parts: Vec::new(),
        };
        for mounted in usable(run, hierarchies)? {
            for root in mounted.roots() {
                leftover::remove_leftovers(root);
            }
            let cgroup = Cgroup::load(Box::new(mounted.clone()), &all.name);
            // On the list before it is made: half of one is to be removed as well.
            all.parts.push((mounted, cgroup));
            if let Some((mounted, _)) = all.parts.last() {
                make(mounted, &all.name, run)?;
            }
        }
        all.limit(run)?;
        Ok(all)
    }

    /// Sets the limits.
    fn limit(&self, run: &Run) -> Result<(), RunError> {
        if let Some(bytes) = run.memory {
            self.set("--memory", |one| match one {
                Subsystem::Mem(memory) => Some(memory.set_limit(signed(bytes))),
                _ => None,
            })?;
        }
        if let Some(swap) = run.swap {
            self.limit_swap(run.memory, swap)?;
        }
        if let Some(quota) = run.cpus {
            self.set("--cpus", |one| match one {
                // The period first: the kernel compares the quota with it.
                Subsystem::Cpu(cpu) => Some(
                    cpu.set_cfs_period(PERIOD_USEC)
                        .and_then(|()| cpu.set_cfs_quota(signed(quota))),
                ),
                _ => None,
            })?;
        }
        if let Some(cpus) = &run.cpuset {
            self.set("--cpuset", |one| match one {
                Subsystem::CpuSet(cpuset) => Some(cpuset.set_cpus(&cpus.to_string())),
                _ => None,
            })?;
        }
        if let Some(pids) = run.pids {
            self.set("--pids", |one| match one {
                Subsystem::Pid(controller) => Some(controller.set_pid_max(MaxValue::Value(i64::from(pids)))),
                _ => None,
            })?;
        }
        Ok(())
    }

    fn limit_swap(&self, memory: Option<u64>, swap: u64) -> Result<(), RunError> {
        let mut files = self.subsystems().filter_map(|one| match one {
            Subsystem::Mem(controller) => Some((
                controller.v2(),
                controller.path().join(if controller.v2() {
                    "memory.swap.max"
                } else {
                    "memory.memsw.limit_in_bytes"
                }),
            )),
            _ => None,
        });
        let limit = match files.next() {
            Some((_, path)) if !path.exists() => return Err(RunError::NoSwapAccounting { path }),
            // v1 limits memory and swap together.
            Some((false, _)) => memory.ok_or(RunError::SwapWithoutMemory)?.saturating_add(swap),
            _ => swap,
        };
        self.set("--swap", |one| match one {
            Subsystem::Mem(controller) => Some(controller.set_memswap_limit(signed(limit))),
            _ => None,
        })
    }

    /// Sets one limit, where its controller is; [`usable`] has made sure that there is one.
    fn set(&self, option: &'static str, set: impl Fn(&Subsystem) -> Option<Result<(), Error>>) -> Result<(), RunError> {
        self.subsystems()
            .find_map(set)
            .unwrap_or(Ok(()))
            .map_err(|cause| RunError::Limit { option, cause })
    }

    fn subsystems(&self) -> impl Iterator<Item = &Subsystem> {
        self.parts.iter().flat_map(|(_, cgroup)| cgroup.subsystems())
    }

    /// Moves a process there.
    pub(crate) fn attach(&self, pid: Pid) -> Result<(), RunError> {
        for (_, cgroup) in &self.parts {
            cgroup
                .add_task_by_tgid(CgroupPid::from(u64::from(pid)))
                .map_err(RunError::Attach)?;
        }
        Ok(())
    }

    fn dirs(&self) -> impl Iterator<Item = PathBuf> {
        self.parts
            .iter()
            .flat_map(|(mounted, _)| mounted.roots())
            .map(|root| root.join(&self.name))
    }
}

impl Drop for ContainerCgroups {
    /// Kills what is still there and removes the cgroups. With its init, all of the container is dead; others may have
    /// put processes of theirs in.
    fn drop(&mut self) {
        for _ in 0..TRIES {
            // Not `all`: that would stop at the first that is still in use.
            let left = self.dirs().filter(|dir| !leftover::remove_tree(dir)).count();
            if left == 0 {
                return;
            }
            self.dirs().for_each(|dir| leftover::kill_tree(&dir));
            std::thread::sleep(PAUSE);
        }
        for dir in self.dirs().filter(|dir| dir.exists()) {
            crate::complain(&format_args!("{}: cannot remove the cgroup", dir.display()));
        }
    }
}

/// Makes the cgroup in the hierarchies of one version.
fn make(mounted: &Mounted, name: &str, run: &Run) -> Result<(), RunError> {
    if mounted.v2() {
        mounted.enable(run)?;
        // The crate would enable whatever there is, and say nothing where it could not.
        let nothing = Some(Vec::new());
        let made = Cgroup::new_with_specified_controllers(Box::new(mounted.clone()), name, nothing);
        // Its error does not tell what the kernel said; the check below does.
        drop(made);
    } else {
        drop(Cgroup::new(Box::new(mounted.clone()), name));
    }
    for root in mounted.roots() {
        let path = root.join(name);
        if !path.is_dir() {
            let cause = fs::create_dir(&path).err().unwrap_or(io::ErrorKind::NotFound.into());
            return Err(RunError::Create { path, cause });
        }
        // On v1, nobody may join a cpuset that has no CPUs or no memory nodes; the crate copies those above.
        for what in ["cpuset.cpus", "cpuset.mems"] {
            let file = path.join(what);
            if !mounted.v2() && fs::read_to_string(&file).is_ok_and(|text| text.trim().is_empty()) {
                return Err(RunError::EmptyCpuset { path: file });
            }
        }
    }
    Ok(())
}

fn signed(amount: u64) -> i64 {
    i64::try_from(amount).unwrap_or(i64::MAX)
}
