//! What is to be mounted in a container, and from where.

use std::path::{Path, PathBuf};

use super::allowed::is_allowed;
use super::release::{Release, Runtime};
use crate::{TABLE, mounted};

/// What happens in a container when the host mounts something over a source.
///
/// ```
/// use lxcfs_core::inject::{Plan, Propagation};
///
/// let plan = Plan::new("/var/lib/lxcfs").with_propagation(Propagation::Private);
/// assert!(plan.mounts()[0].options.contains(&"rprivate"));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Propagation {
    /// The container sees it too: how files that are mounted anew come back. Some engines want the source to be on a shared
    /// mount, as everything is under systemd.
    #[default]
    Slave,
    /// Nothing.
    Private,
}

impl Propagation {
    /// The mount option.
    ///
    /// ```
    /// use lxcfs_core::inject::Propagation;
    ///
    /// assert_eq!(Propagation::default().option(), "rslave");
    /// ```
    #[must_use]
    pub fn option(self) -> &'static str {
        match self {
            Self::Slave => "rslave",
            Self::Private => "rprivate",
        }
    }
}

/// One mount.
///
/// ```
/// use lxcfs_core::inject::Plan;
///
/// let mounts = Plan::new("/var/lib/lxcfs").mounts();
/// let cpus = mounts.iter().find(|mount| mount.is_directory).unwrap();
/// assert_eq!(cpus.destination.to_str(), Some("/sys/devices/system/cpu"));
/// assert!(cpus.options.contains(&"ro"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// The row of [`TABLE`].
    pub file: &'static str,
    /// The file of the daemon.
    pub source: PathBuf,
    /// Where it goes in the container.
    pub destination: PathBuf,
    /// Whether it is a directory.
    pub is_directory: bool,
    /// The options of the mount.
    pub options: Vec<&'static str>,
}

impl Mount {
    /// A name for it: `meminfo`, `sys-cpu`.
    ///
    /// ```
    /// use lxcfs_core::inject::Plan;
    ///
    /// let names: Vec<_> = Plan::new("/var/lib/lxcfs").mounts().iter().map(|mount| mount.name()).collect();
    /// assert!(names.contains(&"pressure-cpu".to_owned()) && names.contains(&"sys-cpu".to_owned()));
    /// ```
    #[must_use]
    pub fn name(&self) -> String {
        match self.file {
            "sys/devices/system/cpu" => "sys-cpu".to_owned(),
            file => file.strip_prefix("proc/").unwrap_or(file).replace('/', "-"),
        }
    }
}

/// Whether a file of [`TABLE`] is meant by that name: `meminfo`, `sys-cpu`, `pressure` for all of pressure.
///
/// ```
/// use lxcfs_core::inject::is_named;
///
/// assert!(is_named("proc/meminfo", "meminfo"));
/// assert!(is_named("proc/pressure/io", "pressure"));
/// assert!(is_named("sys/devices/system/cpu", "sys-cpu"));
/// assert!(!is_named("proc/meminfo", "mem"));
/// ```
#[must_use]
pub fn is_named(file: &str, name: &str) -> bool {
    match name {
        "sys-cpu" => file == "sys/devices/system/cpu",
        name => file
            .strip_prefix("proc/")
            .and_then(|file| file.strip_prefix(name))
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
    }
}

/// What is to be mounted, and from where.
///
/// ```
/// use lxcfs_core::inject::Plan;
///
/// let plan = Plan::new("/var/lib/lxcfs").allowed_everywhere().only(|file| file.starts_with("proc/"));
/// let mounts = plan.mounts();
/// assert_eq!(mounts[0].source.to_str(), Some("/var/lib/lxcfs/proc/cpuinfo"));
/// assert_eq!(mounts[0].destination.to_str(), Some("/proc/cpuinfo"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    source: PathBuf,
    files: Vec<&'static str>,
    propagation: Propagation,
}

impl Plan {
    /// All files, from the tree of a daemon: its mount point, or its slots.
    ///
    /// ```
    /// use lxcfs_core::inject::{Plan, mounted_files};
    ///
    /// assert!(mounted_files().eq(Plan::new("/var/lib/lxcfs").files().iter().copied()));
    /// ```
    #[must_use]
    pub fn new(source: impl Into<PathBuf>) -> Self {
        Self {
            source: source.into(),
            files: mounted_files().collect(),
            propagation: Propagation::default(),
        }
    }

    /// Of these, what every one of those runtimes lets be mounted.
    ///
    /// ```
    /// use lxcfs_core::inject::Plan;
    ///
    /// let old = "runc@1.0.0-rc5".parse().unwrap();
    /// assert!(!Plan::new("/var/lib/lxcfs").allowed_by(&[old]).files().contains(&"proc/loadavg"));
    /// ```
    #[must_use]
    pub fn allowed_by(self, releases: &[Release]) -> Self {
        self.only(|file| releases.iter().all(|release| is_allowed(file, *release)))
    }

    /// Of these, what may be mounted wherever the runtime is not known.
    ///
    /// ```
    /// use lxcfs_core::inject::Plan;
    ///
    /// let plan = Plan::new("/var/lib/lxcfs").allowed_everywhere();
    /// assert!(plan.files().contains(&"proc/meminfo") && !plan.files().contains(&"proc/pressure/cpu"));
    /// ```
    #[must_use]
    pub fn allowed_everywhere(self) -> Self {
        self.allowed_by(&Runtime::ALL.map(Release::any))
    }

    /// Of these, those for which that is true.
    ///
    /// ```
    /// use lxcfs_core::inject::{Plan, is_named};
    ///
    /// let plan = Plan::new("/var/lib/lxcfs").only(|file| is_named(file, "meminfo") || is_named(file, "sys-cpu"));
    /// assert_eq!(plan.files(), ["proc/meminfo", "sys/devices/system/cpu"]);
    /// ```
    #[must_use]
    pub fn only(mut self, wanted: impl Fn(&str) -> bool) -> Self {
        self.files.retain(|file| wanted(file));
        self
    }

    /// With that propagation.
    ///
    /// ```
    /// use lxcfs_core::inject::{Plan, Propagation};
    ///
    /// let plan = Plan::new("/var/lib/lxcfs").with_propagation(Propagation::Private);
    /// assert_eq!(plan.propagation(), Propagation::Private);
    /// ```
    #[must_use]
    pub fn with_propagation(mut self, propagation: Propagation) -> Self {
        self.propagation = propagation;
        self
    }

    /// The files, as in [`TABLE`].
    ///
    /// ```
    /// use lxcfs_core::inject::Plan;
    ///
    /// assert!(Plan::new("/var/lib/lxcfs").files().contains(&"proc/meminfo"));
    /// ```
    #[must_use]
    pub fn files(&self) -> &[&'static str] {
        &self.files
    }

    /// Where they come from.
    ///
    /// ```
    /// use lxcfs_core::inject::Plan;
    ///
    /// assert_eq!(Plan::new("/var/lib/lxcfs").source().to_str(), Some("/var/lib/lxcfs"));
    /// ```
    #[must_use]
    pub fn source(&self) -> &Path {
        &self.source
    }

    /// With which propagation.
    ///
    /// ```
    /// use lxcfs_core::inject::{Plan, Propagation};
    ///
    /// assert_eq!(Plan::new("/var/lib/lxcfs").propagation(), Propagation::Slave);
    /// ```
    #[must_use]
    pub fn propagation(&self) -> Propagation {
        self.propagation
    }

    /// The mounts, in the order of the table.
    ///
    /// ```
    /// use lxcfs_core::inject::Plan;
    ///
    /// for mount in Plan::new("/var/lib/lxcfs").mounts() {
    ///     assert!(mount.source.starts_with("/var/lib/lxcfs") && mount.destination.is_absolute());
    /// }
    /// ```
    #[must_use]
    pub fn mounts(&self) -> Vec<Mount> {
        let mount = |file: &&'static str| Mount {
            file,
            source: self.source.join(file),
            destination: Path::new("/").join(file),
            is_directory: TABLE.iter().any(|row| row.path == *file && row.is_directory()),
            // Podman of 4.1 drops the type `bind`, so the option says it too.
            options: vec!["bind", "ro", "nosuid", "nodev", "noexec", self.propagation.option()],
        };
        self.files.iter().map(mount).collect()
    }
}

/// The paths of what is [mounted one by one](mounted).
///
/// ```
/// use lxcfs_core::inject::mounted_files;
///
/// let files: Vec<_> = mounted_files().collect();
/// assert!(files.contains(&"proc/stat") && files.contains(&"sys/devices/system/cpu"));
/// ```
pub fn mounted_files() -> impl Iterator<Item = &'static str> {
    mounted().map(|row| row.path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_in_a_directory_come_with_it() {
        let rows: Vec<_> = mounted_files().collect();
        assert!(rows.contains(&"proc/meminfo") && rows.contains(&"sys/devices/system/cpu"));
        assert!(!rows.contains(&"sys/devices/system/cpu/online"));
    }

    #[test]
    fn every_mount_is_read_only_and_holds_nothing_to_run() {
        for mount in Plan::new("/s").mounts() {
            for option in ["ro", "nosuid", "nodev", "noexec", "bind", "rslave"] {
                assert!(mount.options.contains(&option), "{option}: {mount:?}");
            }
        }
    }

    #[test]
    fn several_runtimes_get_what_all_of_them_allow() {
        let plan = |releases: &[&str]| {
            let releases: Vec<_> = releases.iter().map(|text| text.parse().unwrap()).collect();
            Plan::new("/s").allowed_by(&releases)
        };
        assert!(plan(&["crun"]).files().contains(&"proc/pressure/cpu"));
        assert!(!plan(&["crun", "runc"]).files().contains(&"proc/pressure/cpu"));
        assert_eq!(plan(&[]), Plan::new("/s"));
        let everywhere = Plan::new("/s").allowed_everywhere();
        let expected = [
            "cpuinfo",
            "diskstats",
            "loadavg",
            "meminfo",
            "stat",
            "swaps",
            "uptime",
            "sys-cpu",
        ];
        assert_eq!(
            everywhere.mounts().iter().map(Mount::name).collect::<Vec<_>>(),
            expected
        );
    }
}
