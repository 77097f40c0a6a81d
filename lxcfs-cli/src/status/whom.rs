//! The container of a process, among those that a daemon knows.

use lxcfs_core::cgroup::Controller;
use lxcfs_core::live::{self, Root};
use lxcfs_core::{Container as Found, Pid};
use lxcfs_fuse::status::{Container, Status};

use crate::failure::Failure;

/// The container of a process.
#[derive(Debug, Clone)]
pub(super) struct Whom {
    process: Pid,
    init: Option<Pid>,
    cgroup: Option<String>,
}

impl Whom {
    pub(super) fn of(process: Pid) -> Result<Self, Failure> {
        let source = Root::host();
        let found = live::container_of_live(&source, &live::hierarchies(&source)?, process)?;
        Ok(Self {
            process,
            init: found.init.map(|init| init.pid),
            cgroup: cgroup(&found),
        })
    }

    /// Leaves only that container. An error: the daemon does not know it.
    pub(super) fn only(&self, status: &mut Status) -> Result<(), Failure> {
        let found = self.among(&status.containers).cloned();
        let found = found.ok_or(Failure::NeverAsked { pid: self.process })?;
        status.containers = vec![found];
        Ok(())
    }

    fn among<'c>(&self, containers: &'c [Container]) -> Option<&'c Container> {
        let is_init = |one: &Container| one.pid == self.init;
        let is_cgroup = |one: &Container| Some(&one.cgroup) == self.cgroup.as_ref();
        let both = containers.iter().find(|one| is_init(one) && is_cgroup(one));
        // A daemon in a pid namespace of its own has other numbers; one that met the container early has another cgroup.
        let alike = |one: &&Container| one.pid.is_some() == self.init.is_some();
        let either = || containers.iter().filter(alike).find(|one| is_cgroup(one));
        let or_init = || containers.iter().find(|one| self.init.is_some() && is_init(one));
        both.or_else(either).or_else(or_init)
    }
}

/// Where its memory is limited, as the daemon names it.
fn cgroup(found: &Found) -> Option<String> {
    let cgroup = found.cgroups.get(Controller::Memory)?;
    Some(cgroup.path().display().to_string())
}

#[cfg(test)]
mod tests {
    use super::super::example::{container, status};
    use super::*;

    fn whom(init: Option<Pid>, cgroup: &str) -> Whom {
        Whom {
            process: 99,
            init,
            cgroup: Some(cgroup.to_owned()),
        }
    }

    fn found(whom: &Whom) -> Option<u32> {
        let mut status = status(1000, vec![container(1, 0, &[]), container(2, 0, &[])]);
        whom.only(&mut status).ok()?;
        assert_eq!(status.containers.len(), 1);
        status.containers[0].pid
    }

    #[test]
    fn a_container_is_found_by_its_first_process_and_its_cgroup() {
        assert_eq!(found(&whom(Some(2), "/lxc/ct2")), Some(2));
    }

    #[test]
    fn a_daemon_with_other_pids_or_an_older_cgroup_knows_it_all_the_same() {
        assert_eq!(found(&whom(Some(4711), "/lxc/ct2")), Some(2));
        assert_eq!(found(&whom(Some(2), "/moved")), Some(2));
    }

    #[test]
    fn who_has_never_asked_is_not_somebody_else() {
        assert_eq!(found(&whom(Some(3), "/lxc/ct3")), None);
        assert_eq!(found(&whom(None, "/lxc/ct2")), None);
        let mut status = status(1000, vec![]);
        let said = whom(Some(3), "/c").only(&mut status).unwrap_err().to_string();
        assert!(said.contains("process 99"), "{said}");
    }
}
