//! What a file system is told: once when it is mounted, and again while it runs.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use lxcfs_core::ViewOptions;

/// What may change while the file system is mounted.
///
/// ```
/// use std::time::Duration;
/// use lxcfs_fuse::Settings;
///
/// let settings = Settings { deadline: Duration::from_millis(500), ..Settings::default() };
/// assert_eq!(settings.coalesce, Settings::COALESCE);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// What containers are shown.
    pub view: ViewOptions,
    /// How long a rendering is shown again to the same container, and a file of the host's to all. Zero: never.
    pub coalesce: Duration,
    /// How long a reader waits before it is answered with an error.
    pub deadline: Duration,
}

impl Settings {
    /// A hundred readers in a container cost one capture in that time. It is a clock tick: no number in `/proc/stat`,
    /// `/proc/uptime` or `/proc/diskstats` is finer.
    pub const COALESCE: Duration = Duration::from_nanos(lxcfs_core::TICK_NSEC);
    /// Far beyond what any kernel file takes, and far below what a health check waits.
    pub const DEADLINE: Duration = Duration::from_secs(2);
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            view: ViewOptions::default(),
            coalesce: Self::COALESCE,
            deadline: Self::DEADLINE,
        }
    }
}

/// What is fixed when the file system is mounted.
///
/// ```
/// use lxcfs_fuse::MountOptions;
///
/// let options = MountOptions {
///     psi_poll: true,
///     extra: vec!["noexec".to_owned()],
///     ..MountOptions::new("/var/lib/lxcfs")
/// };
/// assert_eq!(options.mountpoint.to_str(), Some("/var/lib/lxcfs"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountOptions {
    /// Where.
    pub mountpoint: PathBuf,
    /// How many threads answer requests.
    pub threads: NonZeroUsize,
    /// Whether triggers can be written to `proc/pressure/*` and polled. The file system is then not mounted read-only.
    pub psi_poll: bool,
    /// Further options for `mount(2)`, as `-o` has them: `noexec`, `context=…`.
    pub extra: Vec<String>,
    /// How the requests are had again that a dead process had in hand.
    pub resume: Resume,
}

/// How the requests are had again that a dead process had in hand.
///
/// ```
/// use lxcfs_fuse::{MountOptions, Resume};
///
/// assert_eq!(MountOptions::new("/var/lib/lxcfs").resume, Resume::Auto);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Resume {
    /// The kernel hands them out once more, if it is one that can: since Linux 6.9. Else as the other.
    #[default]
    Auto,
    /// They lie in memory that the dead process and this one share. For tests, on kernels that need it no more.
    Slots,
}

impl MountOptions {
    /// The usual options for that mount point.
    ///
    /// ```
    /// use lxcfs_fuse::MountOptions;
    ///
    /// let options = MountOptions::new("/var/lib/lxcfs");
    /// assert!(!options.psi_poll && options.extra.is_empty());
    /// ```
    #[must_use]
    pub fn new(mountpoint: impl Into<PathBuf>) -> Self {
        Self {
            mountpoint: mountpoint.into(),
            threads: Self::default_threads(),
            psi_poll: false,
            extra: Vec::new(),
            resume: Resume::default(),
        }
    }

    /// As many as there are CPUs, at most four: more have been measured to be slower.
    ///
    /// ```
    /// use lxcfs_fuse::MountOptions;
    ///
    /// assert!((1..=4).contains(&MountOptions::default_threads().get()));
    /// ```
    #[must_use]
    pub fn default_threads() -> NonZeroUsize {
        const MOST: NonZeroUsize = NonZeroUsize::MIN.saturating_add(3);
        std::thread::available_parallelism().map_or(NonZeroUsize::MIN, |cpus| cpus.min(MOST))
    }
}
