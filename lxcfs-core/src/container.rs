//! Who is asking: a container, as found by [`live`](crate::live) or told by the embedder.

use crate::cgroup::Cgroups;

/// A process id in the numbering of the source's `/proc`.
pub type Pid = u32;

/// The container of one caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// The process that asks.
    pub caller: Pid,
    /// The first process of the caller's pid namespace; `None` in the host's pid namespace, whose first process is the
    /// host's.
    pub init: Option<Init>,
    /// The container's cgroups.
    pub cgroups: Cgroups,
}

/// The first process of a pid namespace: the container's life is its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Init {
    /// Its pid as the host numbers it.
    pub pid: Pid,
    /// When it started, in ticks since boot: field 22 of `/proc/PID/stat`.
    pub start_ticks: u64,
}

impl Container {
    /// A caller in the host's pid namespace and in no cgroup: the host's own view.
    #[must_use]
    pub fn host(caller: Pid) -> Self {
        Self {
            caller,
            init: None,
            cgroups: Cgroups::none(),
        }
    }
}
