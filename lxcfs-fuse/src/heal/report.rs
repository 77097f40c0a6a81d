//! What a sweep has found and done.

use std::path::PathBuf;

use lxcfs_core::Pid;
use lxcfs_core::mountinfo::Device;
use serde::{Deserialize, Serialize};

/// What has become of a dead mount.
///
/// ```
/// use lxcfs_fuse::heal::Outcome;
///
/// let left = Outcome::Left("the container has no capability for it".to_owned());
/// assert!(left.is_left() && !Outcome::Replaced.is_left());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Outcome {
    /// The live file was put beneath it and it was taken away.
    Replaced,
    /// The live file was put over it: it is still there and cannot be seen.
    Covered,
    /// It lay in a directory that was replaced, and is part of that.
    WithDirectory,
    /// It could not be seen before either.
    Hidden,
    /// It would be replaced.
    WouldReplace,
    /// It is still there.
    Left(String),
}

impl Outcome {
    /// Whether a process of the container still sees it.
    ///
    /// ```
    /// use lxcfs_fuse::heal::Outcome;
    ///
    /// assert!(Outcome::WouldReplace.is_left());
    /// assert!(!Outcome::Covered.is_left());
    /// ```
    #[must_use]
    pub fn is_left(&self) -> bool {
        matches!(self, Self::Left(_) | Self::WouldReplace)
    }
}

/// A dead mount and what has become of it.
///
/// ```no_run
/// use lxcfs_fuse::heal::Sweep;
///
/// for mended in Sweep::default().run()?.namespaces.iter().flat_map(|one| &one.mounts) {
///     println!("{} at {}: {:?}", mended.file, mended.point, mended.outcome);
/// }
/// # Ok::<(), lxcfs_fuse::heal::HealError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mended {
    /// Where it is, as seen in its namespace.
    pub point: String,
    /// What it shows: `/proc/meminfo`.
    pub file: String,
    /// What has become of it.
    pub outcome: Outcome,
}

/// A mount namespace with dead mounts.
///
/// ```no_run
/// use lxcfs_fuse::heal::Sweep;
///
/// for namespace in Sweep::default().run()?.namespaces {
///     println!("process {} ({}): {} mounts were dead", namespace.pid, namespace.name, namespace.mounts.len());
/// }
/// # Ok::<(), lxcfs_fuse::heal::HealError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Namespace {
    /// A process in it.
    pub pid: Pid,
    /// The name of that process.
    pub name: String,
    /// The namespace's number, as in `mnt:[4026531841]`.
    pub inode: u64,
    /// Its dead mounts.
    pub mounts: Vec<Mended>,
    /// What went wrong with the namespace as a whole.
    pub trouble: Option<String>,
}

/// What there is to say about a file system of type `fuse.lxcfs`.
///
/// ```no_run
/// use std::path::Path;
/// use std::time::Duration;
/// use lxcfs_fuse::heal::{State, state_of};
///
/// match state_of(Path::new("/proc/stat"), Duration::from_secs(3)) {
///     State::Dead => println!("to be healed"),
///     State::Held => println!("nobody answers, and somebody may yet"),
///     _ => {}
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum State {
    /// Somebody answers for it.
    Served,
    /// Its process has ended, and nobody can take over.
    Dead,
    /// Nobody answers, but somebody may: its connection is held open, or its process hangs.
    Held,
    /// It can be seen nowhere, so that nobody asks it.
    Hidden,
    /// It could not be found out.
    Unknown,
}

/// All of it.
///
/// ```no_run
/// use lxcfs_fuse::heal::{Outcome, Sweep};
///
/// let report = Sweep::default().run()?;
/// println!("{} healed", report.count(|outcome| *outcome == Outcome::Replaced));
/// assert!(report.is_whole());
/// # Ok::<(), lxcfs_fuse::heal::HealError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Where the live file system is mounted.
    pub mountpoint: PathBuf,
    /// Its device.
    pub live: Device,
    /// The others of type `fuse.lxcfs` that are mounted anywhere.
    pub others: Vec<(Device, State)>,
    /// The namespaces with dead mounts.
    pub namespaces: Vec<Namespace>,
    /// How many namespaces were looked at.
    pub looked_at: usize,
    /// How many processes did not let us look.
    pub unreadable: usize,
}

impl Report {
    /// Whether nothing is left dead.
    ///
    /// ```no_run
    /// use lxcfs_fuse::heal::Sweep;
    ///
    /// let report = Sweep::default().run()?;
    /// assert!(report.is_whole(), "{report:?}");
    /// # Ok::<(), lxcfs_fuse::heal::HealError>(())
    /// ```
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.namespaces
            .iter()
            .all(|one| one.trouble.is_none() && !one.mounts.iter().any(|mount| mount.outcome.is_left()))
    }

    /// How many mounts have come to an outcome like that.
    ///
    /// ```no_run
    /// use lxcfs_fuse::heal::{Outcome, Sweep};
    ///
    /// let report = Sweep { rehearsal: true, ..Sweep::default() }.run()?;
    /// println!("{} would be replaced", report.count(|outcome| *outcome == Outcome::WouldReplace));
    /// # Ok::<(), lxcfs_fuse::heal::HealError>(())
    /// ```
    #[must_use]
    pub fn count(&self, like: impl Fn(&Outcome) -> bool) -> usize {
        let mounts = self.namespaces.iter().flat_map(|one| &one.mounts);
        mounts.filter(|mount| like(&mount.outcome)).count()
    }
}
