//! Whose view it is: a process of this machine, or a recording.

use std::time::Duration;

use lxcfs_core::live::{self, Recording, Root};
use lxcfs_core::{Container, ContainerView, Pid, Source, ViewOptions};

use crate::args::Whose;
use crate::failure::Failure;

/// A container, the machine that it is on, and the time there.
pub(crate) struct Subject {
    machine: Machine,
    container: Container,
    now: Duration,
}

enum Machine {
    This(Root),
    Recorded(Recording),
}

impl Subject {
    /// What the command line asks for.
    pub(crate) fn of(whose: &Whose) -> Result<Self, Failure> {
        let Some(dir) = &whose.root else {
            return Self::live(whose.pid.pid());
        };
        let recording = Recording::open(dir)?;
        Ok(Self {
            container: recording.container(),
            now: recording.now(),
            machine: Machine::Recorded(recording),
        })
    }

    /// A process of this machine.
    pub(crate) fn live(pid: Pid) -> Result<Self, Failure> {
        let source = Root::host();
        let container = live::container_of_live(&source, &live::hierarchies(&source)?, pid)?;
        Ok(Self {
            machine: Machine::This(source),
            container,
            now: live::boot_time(),
        })
    }

    pub(crate) fn container(&self) -> &Container {
        &self.container
    }

    pub(crate) fn view(&self, options: ViewOptions) -> ContainerView<'_> {
        ContainerView::new(self.source(), &self.container, self.now).with_options(options)
    }

    /// The view of `nobody` in particular: of the host, where that is in no cgroup.
    pub(crate) fn host_view<'s>(&'s self, nobody: &'s Container) -> ContainerView<'s> {
        ContainerView::new(self.source(), nobody, self.now)
    }

    fn source(&self) -> &dyn Source {
        match &self.machine {
            Machine::This(root) => root,
            Machine::Recorded(recording) => recording.source(),
        }
    }
}
