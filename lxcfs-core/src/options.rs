//! The policies that a view can have; the defaults are what most containers want.

use std::fmt;
use std::str::FromStr;

/// Which CPUs a container is shown.
///
/// ```
/// use lxcfs_core::CpuView;
///
/// assert_eq!("cpuset".parse(), Ok(CpuView::Cpuset));
/// assert_eq!(CpuView::default().to_string(), "quota");
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CpuView {
    /// As many CPUs of its cpuset as its quota can keep busy.
    #[default]
    Quota,
    /// All CPUs of its cpuset; the quota does not count.
    Cpuset,
    /// All CPUs of the host.
    Host,
}

/// How the CPUs that are shown are numbered.
///
/// ```
/// use lxcfs_core::CpuIds;
///
/// assert_eq!("dense".parse(), Ok(CpuIds::Dense));
/// assert_eq!(CpuIds::default(), CpuIds::Host);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CpuIds {
    /// By the kernel's own ids: what is shown is what `sched_setaffinity(2)` accepts.
    #[default]
    Host,
    /// From 0 without gaps, in all files.
    Dense,
}

/// What was asked for is none of the policies.
///
/// ```
/// use lxcfs_core::CpuView;
///
/// let error = "all".parse::<CpuView>().unwrap_err();
/// assert_eq!(error.to_string(), "\"all\" is not one of quota, cpuset, host");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is not one of {expected}")]
pub struct UnknownPolicy {
    found: String,
    expected: &'static str,
}

macro_rules! names {
    ($type:ty: $($name:literal => $value:expr),+; $all:literal) => {
        impl FromStr for $type {
            type Err = UnknownPolicy;
            fn from_str(text: &str) -> Result<Self, UnknownPolicy> {
                match text {
                    $($name => Ok($value),)+
                    _ => Err(UnknownPolicy { found: text.to_owned(), expected: $all }),
                }
            }
        }
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                $(if *self == $value { return f.write_str($name); })+
                Ok(())
            }
        }
    };
}

names!(CpuView: "quota" => Self::Quota, "cpuset" => Self::Cpuset, "host" => Self::Host; "quota, cpuset, host");
names!(CpuIds: "host" => Self::Host, "dense" => Self::Dense; "host, dense");

/// The policies of a view.
///
/// ```
/// use std::time::Duration;
/// use lxcfs_core::{Container, ContainerView, CpuIds, MemorySource, ViewOptions};
///
/// let (machine, container) = (MemorySource::new(), Container::host(1));
/// let options = ViewOptions { cpu_ids: CpuIds::Dense, swap: false, ..ViewOptions::default() };
/// let view = ContainerView::new(&machine, &container, Duration::ZERO).with_options(options);
/// assert!(!view.options().swap);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ViewOptions {
    /// Which CPUs are shown.
    pub cpu_view: CpuView,
    /// How they are numbered.
    pub cpu_ids: CpuIds,
    /// Whether the container's swap is shown; if not, it has none.
    pub swap: bool,
    /// Whether zswap is shown; if not, its lines are 0.
    pub zswap: bool,
    /// Whether tasks are sampled for load averages; if not, the averages are 0.00.
    pub loadavg: bool,
    /// Show the host's files as they are, whoever asks.
    pub passthrough: bool,
}

impl Default for ViewOptions {
    fn default() -> Self {
        Self {
            cpu_view: CpuView::default(),
            cpu_ids: CpuIds::default(),
            swap: true,
            zswap: true,
            loadavg: true,
            passthrough: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_both_ways() {
        for name in ["quota", "cpuset", "host"] {
            assert_eq!(name.parse::<CpuView>().unwrap().to_string(), name);
        }
        let error = "shares".parse::<CpuView>().unwrap_err();
        assert_eq!(error.to_string(), "\"shares\" is not one of quota, cpuset, host");
    }
}
