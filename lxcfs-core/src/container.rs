//! Who is asking: a container, as found by [`live`](crate::live) or told by the embedder.

use crate::cgroup::Cgroups;

/// A process id in the numbering of the source's `/proc`.
pub type Pid = u32;

/// The container of one caller.
///
/// ```
/// use lxcfs_core::{Container, Init, cgroup::Cgroups};
///
/// let container = Container {
///     caller: 4711,
///     init: Some(Init { pid: 4700, start_ticks: 100_000 }),
///     cgroups: Cgroups::unified("/sys/fs/cgroup", "/web"),
/// };
/// assert!(container.init.is_some(), "a pid namespace of its own");
/// ```
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
///
/// ```
/// use std::time::Duration;
/// use lxcfs_core::{Container, ContainerView, Init, MemorySource};
///
/// let container = Container { init: Some(Init { pid: 4700, start_ticks: 6_000 }), ..Container::host(4711) };
/// let machine = MemorySource::new();
/// let view = ContainerView::new(&machine, &container, Duration::from_secs(100));
/// assert_eq!(view.age(), Duration::from_secs(40));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Init {
    /// Its pid as the host numbers it.
    pub pid: Pid,
    /// When it started, in ticks since boot: field 22 of `/proc/PID/stat`.
    pub start_ticks: u64,
}

impl Container {
    /// A caller in the host's pid namespace and in no cgroup: the host's own view.
    ///
    /// ```
    /// use std::time::Duration;
    /// use lxcfs_core::{Container, ContainerView, MemorySource, find};
    ///
    /// let container = Container::host(std::process::id());
    /// let machine = MemorySource::new().with("/proc/loadavg", "0.20 0.18 1.12 1/80 11206\n");
    /// let view = ContainerView::new(&machine, &container, Duration::ZERO);
    /// assert_eq!(find("loadavg").unwrap().render(&view).unwrap(), "0.20 0.18 1.12 1/80 11206\n");
    /// ```
    #[must_use]
    pub fn host(caller: Pid) -> Self {
        Self {
            caller,
            init: None,
            cgroups: Cgroups::none(),
        }
    }
}
