//! What a test needs and this machine may not have.

use std::io::Write as _;
use std::path::Path;

use crate::hierarchy::{Version, hierarchies};

/// What a test needs of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Machine {
    /// To be root.
    Root,
    /// A cgroup hierarchy with the memory controller in which cgroups can be made.
    Cgroups,
    /// `/dev/fuse`.
    Fuse,
    /// Swap.
    Swap,
    /// More than one CPU.
    Cpus,
    /// The memory controller on cgroup v1.
    V1,
    /// Pressure stall information.
    Pressure,
}

impl Machine {
    fn is_there(self) -> bool {
        match self {
            Self::Root => nix::unistd::geteuid().is_root(),
            Self::Cgroups => hierarchies().iter().any(|one| one.has("memory") && one.is_writable()),
            Self::Fuse => Path::new("/dev/fuse").exists(),
            Self::Swap => std::fs::read_to_string("/proc/swaps").is_ok_and(|swaps| swaps.lines().count() > 1),
            Self::V1 => hierarchies()
                .iter()
                .any(|one| one.version == Version::V1 && one.has("memory")),
            Self::Pressure => Path::new("/proc/pressure/cpu").exists(),
            Self::Cpus => std::thread::available_parallelism().is_ok_and(|cpus| cpus.get() > 1),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Cgroups => "a memory cgroup that it can write to",
            Self::Fuse => "/dev/fuse",
            Self::Swap => "swap",
            Self::Cpus => "more than one CPU",
            Self::V1 => "cgroup v1",
            Self::Pressure => "a kernel that tells pressure",
        }
    }
}

/// Whether this machine has all of that. If not, the test is said to be skipped; where it is a matter of how tests are
/// run and not of the machine, it fails if the environment says that it must run.
#[must_use]
pub fn machine_has(all: &[Machine]) -> bool {
    let missing = all.iter().find(|one| !one.is_there());
    match missing {
        None => {}
        Some(one @ (Machine::Swap | Machine::Cpus | Machine::V1 | Machine::Pressure)) => say(one.name()),
        Some(one) => skipped(one.name()),
    }
    missing.is_none()
}

/// Whether the running kernel is of that version or a later one, as its release says.
#[must_use]
pub fn kernel_is_at_least(major: u32, minor: u32) -> bool {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let mut numbers = release
        .split(|c: char| !c.is_ascii_digit())
        .map_while(|number| number.parse::<u32>().ok());
    (numbers.next(), numbers.next()) >= (Some(major), Some(minor))
}

/// Says that this test is skipped, as the kernel does not have what it needs: that is no matter of how tests are run.
pub fn kernel_lacks(needs: &str) {
    say(needs);
}

/// Says that this test is skipped, and what it needs; a failure where the environment says that it must run.
pub fn skipped(needs: &str) {
    assert!(
        std::env::var_os("LXCFS_TESTS_MUST_RUN").is_none(),
        "needs {needs}, and LXCFS_TESTS_MUST_RUN is set"
    );
    say(needs);
}

fn say(needs: &str) {
    let thread = std::thread::current();
    let name = thread.name().unwrap_or("a test");
    // Not `eprintln!`: the test harness would keep that to itself.
    let _ = writeln!(std::io::stderr(), "SKIPPED {name}: needs {needs}");
}
