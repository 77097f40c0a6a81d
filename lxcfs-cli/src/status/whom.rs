//! The container of a process, among those that a daemon knows.

use lxcfs_core::cgroup::Controller;
use lxcfs_core::live::{self, Root};
use lxcfs_core::{Container as Found, Pid};

use super::rows::Row;
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

    /// Leaves only that container among the lines. An error: the daemon does not know it.
    pub(super) fn only(&self, rows: &mut Vec<Row>) -> Result<(), Failure> {
        let found = self.among(rows).cloned();
        let found = found.ok_or(Failure::NeverAsked { pid: self.process })?;
        *rows = vec![found];
        Ok(())
    }

    fn among<'r>(&self, rows: &'r [Row]) -> Option<&'r Row> {
        let is_init = |row: &&Row| row.container.pid == self.init;
        let is_cgroup = |row: &&Row| Some(&row.container.cgroup) == self.cgroup.as_ref();
        // A daemon in a pid namespace of its own has other numbers; one that met the container early has another cgroup.
        let is_alike = |row: &&Row| row.container.pid.is_some() == self.init.is_some();
        let both = rows.iter().find(|row| is_init(row) && is_cgroup(row));
        let same_cgroup = || rows.iter().find(|row| is_alike(row) && is_cgroup(row));
        let same_init = || rows.iter().find(|row| self.init.is_some() && is_init(row));
        both.or_else(same_cgroup).or_else(same_init)
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
    use super::super::rows::rows;
    use super::*;

    fn whom(init: Option<Pid>, cgroup: &str) -> Whom {
        Whom {
            process: 99,
            init,
            cgroup: Some(cgroup.to_owned()),
        }
    }

    fn found(whom: &Whom) -> Option<u32> {
        let mut rows = rows(None, &status(1000, vec![container(1, 0, &[]), container(2, 0, &[])]));
        whom.only(&mut rows).ok()?;
        assert_eq!(rows.len(), 1);
        rows[0].container.pid
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
        let said = whom(Some(3), "/c").only(&mut Vec::new()).unwrap_err().to_string();
        assert!(said.contains("process 99"), "{said}");
    }
}
