//! Which capabilities are kept, by whom, and what for.
//!
//! # References
//!
//! capabilities(7); `kernel/ptrace.c`, `__ptrace_may_access`; `kernel/sched/psi.c`, `psi_trigger_create`.

use rustix::thread::{
    CapabilitiesSecureBits, CapabilitySet, CapabilitySets, capabilities, capability_is_in_bounding_set,
    remove_capability_from_bounding_set, set_capabilities, set_capabilities_secure_bits,
};

use super::Role;

/// Who needs a capability.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Needed {
    /// Workers and keepers.
    Always,
    /// The same, if callers may set pressure triggers.
    ForTriggers,
    /// Keepers.
    ByKeepers,
    /// Keepers, and workers if callers may set pressure triggers.
    ByKeepersAndForTriggers,
}

/// A capability that is kept.
///
/// ```
/// use lxcfs_fuse::sandbox::{CAPABILITIES, Role};
///
/// let of_workers = CAPABILITIES.iter().filter(|one| one.is_kept_by(Role::Worker, false));
/// let names: Vec<_> = of_workers.map(|one| one.name).collect();
/// assert_eq!(names, ["CAP_SYS_PTRACE", "CAP_DAC_READ_SEARCH"]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capability {
    /// As in capabilities(7).
    pub name: &'static str,
    set: CapabilitySet,
    /// By whom.
    needed: Needed,
    /// What does not work without it.
    pub without: &'static str,
}

const fn kept(name: &'static str, set: CapabilitySet, needed: Needed, without: &'static str) -> Capability {
    Capability {
        name,
        set,
        needed,
        without,
    }
}

/// All that are kept. All others are dropped.
///
/// ```
/// let chroot = lxcfs_fuse::sandbox::CAPABILITIES.iter().find(|one| one.name == "CAP_SYS_CHROOT").unwrap();
/// assert!(chroot.without.contains("mount namespaces cannot be entered"));
/// ```
pub const CAPABILITIES: &[Capability] = &[
    kept(
        "CAP_SYS_PTRACE",
        CapabilitySet::SYS_PTRACE,
        Needed::Always,
        "a caller that has a capability or a user which this process has not cannot be told its container by /proc/PID/ns",
    ),
    kept(
        "CAP_DAC_READ_SEARCH",
        CapabilitySet::DAC_READ_SEARCH,
        Needed::Always,
        "a cgroup whose owner has closed it to others cannot be read",
    ),
    kept(
        "CAP_SYS_RESOURCE",
        CapabilitySet::SYS_RESOURCE,
        Needed::ForTriggers,
        "pressure triggers whose window is no multiple of two seconds cannot be set",
    ),
    kept(
        "CAP_DAC_OVERRIDE",
        CapabilitySet::DAC_OVERRIDE,
        Needed::ByKeepersAndForTriggers,
        "pid file, control socket and slots cannot be in directories of other users, nor pressure triggers in their cgroups",
    ),
    kept(
        "CAP_SYS_ADMIN",
        CapabilitySet::SYS_ADMIN,
        Needed::ByKeepers,
        "nothing can be mounted, unmounted or healed",
    ),
    kept(
        "CAP_SYS_CHROOT",
        CapabilitySet::SYS_CHROOT,
        Needed::ByKeepers,
        "containers of a daemon before this one cannot be healed: their mount namespaces cannot be entered",
    ),
    kept(
        "CAP_SETPCAP",
        CapabilitySet::SETPCAP,
        Needed::ByKeepers,
        "what is dropped stays in the bounding set",
    ),
];

impl Capability {
    /// Whether a process in that role keeps it. `triggers`: callers may set pressure triggers (`--enable-psi-poll`).
    ///
    /// ```
    /// use lxcfs_fuse::sandbox::{CAPABILITIES, Role};
    ///
    /// let resource = CAPABILITIES.iter().find(|one| one.name == "CAP_SYS_RESOURCE").unwrap();
    /// assert!(resource.is_kept_by(Role::Worker, true));
    /// assert!(!resource.is_kept_by(Role::Worker, false));
    /// ```
    #[must_use]
    pub fn is_kept_by(&self, role: Role, triggers: bool) -> bool {
        match self.needed {
            Needed::Always => true,
            Needed::ForTriggers => triggers,
            Needed::ByKeepers => role == Role::Keeper,
            Needed::ByKeepersAndForTriggers => role == Role::Keeper || triggers,
        }
    }

    /// Its bit in the masks of `/proc/PID/status`.
    ///
    /// ```
    /// let ptrace = lxcfs_fuse::sandbox::CAPABILITIES.iter().find(|one| one.name == "CAP_SYS_PTRACE").unwrap();
    /// assert_eq!(ptrace.mask(), 1 << 19);
    /// ```
    #[must_use]
    pub fn mask(&self) -> u64 {
        self.set.bits()
    }
}

/// Drops all others from all sets.
pub(super) fn keep(role: Role, triggers: bool) {
    let kept = || CAPABILITIES.iter().filter(|one| one.is_kept_by(role, triggers));
    let wanted = kept().fold(CapabilitySet::empty(), |all, one| all | one.set);
    let Ok(before) =
        capabilities(None).inspect_err(|error| tracing::warn!(%error, "sandbox: no capabilities are known"))
    else {
        return;
    };
    for one in kept().filter(|one| !before.permitted.contains(one.set)) {
        tracing::warn!(
            capability = one.name,
            without = one.without,
            "sandbox: a capability is missing"
        );
    }
    // While it may: both of these take CAP_SETPCAP.
    if role == Role::Worker {
        // To be root says nothing any more: a program that root starts gets no capabilities by that.
        let no_root = CapabilitiesSecureBits::NO_ROOT | CapabilitiesSecureBits::NO_ROOT_LOCKED;
        if let Err(error) = set_capabilities_secure_bits(no_root) {
            tracing::debug!(%error, "sandbox: root stays root for programs that are started");
        }
    }
    if let Err(error) = bound_by(wanted) {
        tracing::debug!(%error, "sandbox: the bounding set stays");
    }
    // A keeper that is not root hands its own to its workers by what is inheritable.
    let inherited = role == Role::Keeper && !rustix::process::geteuid().is_root();
    let sets = CapabilitySets {
        effective: before.effective & wanted,
        permitted: before.permitted & wanted,
        inheritable: before.inheritable & if inherited { wanted } else { CapabilitySet::empty() },
    };
    match set_capabilities(None, sets) {
        Ok(()) => {
            let names: Vec<&str> = kept()
                .filter(|one| sets.permitted.contains(one.set))
                .map(|one| one.name)
                .collect();
            tracing::info!(capabilities = names.join(","), "sandbox");
        }
        Err(error) => tracing::warn!(%error, "sandbox: capabilities are not dropped"),
    }
}

/// Takes all others out of the bounding set. The kernel may know more than we have names for.
fn bound_by(wanted: CapabilitySet) -> rustix::io::Result<()> {
    for bit in 0..u64::BITS {
        let one = CapabilitySet::from_bits_retain(1_u64.checked_shl(bit).unwrap_or_default());
        // An error: the last one that the kernel knows was the one before.
        let Ok(is_there) = capability_is_in_bounding_set(one) else {
            break;
        };
        if is_there && !wanted.contains(one) {
            remove_capability_from_bounding_set(one)?;
        }
    }
    Ok(())
}
