//! What a process of ours can still do once it has begun: the capabilities that it needs and no others; and for a worker,
//! which is the one that reads what containers have written, no system calls but those that answering takes.
//!
//! ```text
//! keeper, daemon    capabilities: to unmount, to heal, and what workers need          every system call
//! worker            capabilities: to look at the processes and cgroups of others      some system calls; opens to read
//! ```
//!
//! A keeper, and a daemon that is its own, start other programs, which inherit a filter for ever: the next version would have
//! to do with the system calls of the last one. So only workers have one.
//!
//! # References
//!
//! capabilities(7), seccomp(2), `PR_SET_NO_NEW_PRIVS` in prctl(2). Why no Landlock: `docs/security.md`.

mod capabilities;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64"))]
mod filter;

use rustix::thread::set_no_new_privs;

pub use capabilities::{CAPABILITIES, Capability};

/// For machines whose system calls nobody has looked at.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")))]
mod filter {
    pub(super) fn install(_triggers: bool) -> std::io::Result<()> {
        Err(std::io::ErrorKind::Unsupported.into())
    }
}

/// What a process is there for.
///
/// ```
/// use lxcfs_fuse::sandbox::{CAPABILITIES, Role};
///
/// // Whoever serves what somebody else keeps mounted has no need to mount.
/// let admin = CAPABILITIES.iter().find(|one| one.name == "CAP_SYS_ADMIN").unwrap();
/// assert!(admin.is_kept_by(Role::Keeper, false) && !admin.is_kept_by(Role::Worker, false));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Answers requests, and nothing else.
    Worker,
    /// Mounts, unmounts, heals, starts workers. A daemon without a keeper is its own.
    Keeper,
}

/// Takes from this process what it has no use for. It is for good, and for all programs that it starts.
///
/// `triggers`: the mount is one of `--enable-psi-poll`. To be called before the first thread is started: capabilities are
/// those of a thread.
///
/// What cannot be taken is logged, and the process goes on. What is missing that would be of use is logged as well.
///
/// ```no_run
/// use lxcfs_fuse::sandbox::{Role, confine};
/// use lxcfs_fuse::{MountOptions, Settings, begin, serve};
///
/// // Mounted while it may mount; served by a process that only looks and answers.
/// let kept = begin(&MountOptions::new("/var/lib/lxcfs"))?;
/// confine(Role::Worker, kept.has_triggers());
/// let mounted = serve(kept, &MountOptions::new("/var/lib/lxcfs"), Settings::default(), |_| {})?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn confine(role: Role, triggers: bool) {
    capabilities::keep(role, triggers);
    // A keeper that is not root has what it may from the file of its program, and so have its workers.
    if (role == Role::Worker || rustix::process::geteuid().is_root())
        && let Err(error) = set_no_new_privs(true)
    {
        tracing::warn!(%error, "sandbox: programs that it starts may have more privileges");
    }
    if role == Role::Worker {
        match filter::install(triggers) {
            Ok(()) => tracing::debug!("sandbox: system calls are filtered"),
            Err(error) => tracing::warn!(%error, "sandbox: system calls are not filtered"),
        }
    }
}
