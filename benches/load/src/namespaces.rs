//! Children in pid namespaces, new ones and those of others.

use std::fs::File;
use std::process::{Child, Command};

use nix::sched::{CloneFlags, setns, unshare};

use crate::failure::{Doing as _, Failure};

/// Our own pid namespace, to come back to.
///
/// Both calls change only where the next child is born. While that is not where we are, no thread can be started: that
/// is why each child is followed by the way back.
#[derive(Debug)]
pub(crate) struct PidNamespaces {
    own: File,
}

impl PidNamespaces {
    pub(crate) fn here() -> Result<Self, Failure> {
        let own = File::open("/proc/self/ns/pid").doing("cannot open the own pid namespace")?;
        Ok(Self { own })
    }

    /// Starts a child as the init of a new namespace.
    pub(crate) fn start_init(&self, command: &mut Command) -> Result<Child, Failure> {
        unshare(CloneFlags::CLONE_NEWPID).doing("cannot make a pid namespace")?;
        self.start_and_return(command)
    }

    /// Starts a child in a namespace that is there.
    pub(crate) fn start_in(&self, namespace: &File, command: &mut Command) -> Result<Child, Failure> {
        setns(namespace, CloneFlags::CLONE_NEWPID).doing("cannot enter a pid namespace")?;
        self.start_and_return(command)
    }

    fn start_and_return(&self, command: &mut Command) -> Result<Child, Failure> {
        let started = command.spawn();
        setns(&self.own, CloneFlags::CLONE_NEWPID).doing("cannot leave a pid namespace")?;
        started.doing("cannot start a process in a pid namespace")
    }
}
