//! The virtual files: one module and one row of [`TABLE`] each.
//!
//! Whatever enumerates virtual files — a FUSE tree, the command line, documentation, tests — enumerates [`TABLE`].

mod cpuinfo;
mod diskstats;
mod loadavg;
mod meminfo;
mod pressure;
mod slabinfo;
mod stat;
mod swaps;
mod sys_cpu;
mod uptime;

pub use pressure::pressure_file;

use std::path::PathBuf;

use bytes::Bytes;

use crate::error::CaptureError;
use crate::source::{Entry, EntryKind};
use crate::text::Text;
use crate::view::ContainerView;

/// One row of [`TABLE`]: a virtual file, or a directory whose contents depend on the container.
///
/// ```
/// use lxcfs_core::TABLE;
///
/// for file in TABLE {
///     println!("/{}: {}", file.path, file.about);
/// }
/// assert!(TABLE.iter().any(|file| file.path == "proc/meminfo"));
/// ```
#[derive(Debug)]
pub struct VirtualFile {
    /// Its path below the mount point, and below `/` on the host: `proc/meminfo`.
    pub path: &'static str,
    /// What it tells, in one line.
    pub about: &'static str,
    /// What each of its lines means.
    pub lines: &'static [Line],
    pub(crate) kind: Kind,
}

/// What one line of a virtual file means.
///
/// ```
/// use lxcfs_core::{Class, Fact, find};
///
/// let line = find("meminfo").unwrap().file.line("MemTotal").unwrap();
/// assert_eq!(line.class, Class::Container);
/// assert!(line.from.contains(&Fact::MemoryLimit));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    /// The first word of the line, without its colon; `*` stands for any other.
    pub key: &'static str,
    /// Where its value belongs.
    pub class: Class,
    /// The facts that it is made from.
    pub from: &'static [Fact],
    /// How it is made from them.
    pub formula: &'static str,
}

/// To whom the value of a line belongs.
///
/// ```
/// use lxcfs_core::{Class, TABLE};
///
/// // What is not accounted for a cgroup is not shown.
/// let meminfo = TABLE.iter().find(|file| file.path == "proc/meminfo").unwrap();
/// let zero: Vec<_> = meminfo.lines.iter().filter(|line| line.class == Class::Zero).map(|line| line.key).collect();
/// assert!(zero.contains(&"Mlocked"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// The container's, as its cgroup accounts for it.
    Container,
    /// Computed from the container's values.
    Derived,
    /// The host's, and true of the container as well: the boot time, a page size, a CPU's model.
    Shared,
    /// The same on any machine of this kind.
    Constant,
    /// The host's alone, or not accounted for a cgroup: 0.
    Zero,
}

/// A fact that values are made from. [`explain`](crate::explain) tells which file of which level it came from.
///
/// ```
/// use lxcfs_core::{Fact, TABLE};
///
/// // Which files tell of block I/O?
/// let of_io = TABLE.iter().filter(|file| file.lines.iter().any(|line| line.from.contains(&Fact::Io)));
/// assert!(of_io.map(|file| file.path).eq(["proc/diskstats"]));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fact {
    /// The host's file of the same path.
    HostFile,
    /// The host's `/proc/meminfo`.
    HostMeminfo,
    /// The host's list of online CPUs.
    OnlineCpus,
    /// The tightest memory limit.
    MemoryLimit,
    /// What memory is used.
    MemoryUsage,
    /// The statistics of the memory controller.
    MemoryStat,
    /// The tightest swap limit.
    SwapLimit,
    /// What swap is used.
    SwapUsage,
    /// Huge pages: limit and usage.
    Hugetlb,
    /// The tightest CPU quota.
    CpuQuota,
    /// The effective cpuset.
    Cpuset,
    /// The CPU time used.
    CpuTime,
    /// The tasks of the container.
    Tasks,
    /// When the first process of the container started.
    InitStart,
    /// Block I/O.
    Io,
    /// Pressure stall information.
    Pressure,
    /// The container's slab caches.
    Slabinfo,
}

/// Two rows are the same if they stand at the same place.
impl PartialEq for VirtualFile {
    fn eq(&self, other: &Self) -> bool {
        self.path == other.path
    }
}

impl Eq for VirtualFile {}

type Produce = fn(&ContainerView<'_>, &mut Text) -> Result<(), CaptureError>;

#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    File(Produce),
    Directory(Directory),
}

/// A directory whose contents depend on the container. `below` is the path within it, `""` for itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Directory {
    pub(crate) kind: fn(&ContainerView<'_>, below: &str) -> Result<EntryKind, CaptureError>,
    pub(crate) list: fn(&ContainerView<'_>, below: &str) -> Result<Vec<Entry>, CaptureError>,
    pub(crate) produce: fn(&ContainerView<'_>, below: &str, &mut Text) -> Result<(), CaptureError>,
    pub(crate) read_link: fn(&ContainerView<'_>, below: &str) -> Result<PathBuf, CaptureError>,
}

/// All virtual files, sorted by path.
pub static TABLE: &[VirtualFile] = &[
    cpuinfo::FILE,
    diskstats::FILE,
    loadavg::FILE,
    meminfo::FILE,
    pressure::CPU,
    pressure::IO,
    pressure::IRQ,
    pressure::MEMORY,
    slabinfo::FILE,
    stat::FILE,
    swaps::FILE,
    uptime::FILE,
    sys_cpu::DIRECTORY,
    sys_cpu::ISOLATED,
    sys_cpu::KERNEL_MAX,
    sys_cpu::OFFLINE,
    sys_cpu::ONLINE,
    sys_cpu::POSSIBLE,
    sys_cpu::PRESENT,
];

impl VirtualFile {
    /// Whether this row is a directory whose contents depend on the container.
    ///
    /// ```
    /// use lxcfs_core::find;
    ///
    /// assert!(find("sys/devices/system/cpu").unwrap().file.is_directory());
    /// assert!(!find("proc/stat").unwrap().file.is_directory());
    /// ```
    #[must_use]
    pub fn is_directory(&self) -> bool {
        matches!(self.kind, Kind::Directory(_))
    }

    /// The last part of the path: `meminfo`.
    ///
    /// ```
    /// assert_eq!(lxcfs_core::find("proc/meminfo").unwrap().file.name(), "meminfo");
    /// ```
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.path.rsplit('/').next().unwrap_or(self.path)
    }

    /// What a line of this file means, by its first word.
    ///
    /// ```
    /// use lxcfs_core::find;
    ///
    /// let stat = find("proc/stat").unwrap().file;
    /// assert_eq!(stat.line("btime").unwrap().key, "btime");
    /// ```
    #[must_use]
    pub fn line(&self, key: &str) -> Option<&'static Line> {
        self.lines
            .iter()
            .find(|line| line.key == key)
            .or_else(|| self.lines.iter().find(|line| line.key == "*"))
    }
}

/// A place in the tree: a row of [`TABLE`], and the path below it if the row is a directory.
///
/// ```
/// use lxcfs_core::find;
///
/// let place = find("sys/devices/system/cpu/cpu1/topology").unwrap();
/// assert_eq!((place.file.path, place.below), ("sys/devices/system/cpu", "cpu1/topology"));
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Place<'p> {
    /// The row.
    pub file: &'static VirtualFile,
    /// The path within a directory; `""` for the row itself.
    pub below: &'p str,
}

/// The rows of [`TABLE`] that are mounted one by one: those in a directory of it come with that.
///
/// ```
/// let mounted: Vec<_> = lxcfs_core::mounted().map(|row| row.path).collect();
/// assert!(mounted.contains(&"proc/meminfo") && mounted.contains(&"sys/devices/system/cpu"));
/// assert!(!mounted.contains(&"sys/devices/system/cpu/online"));
/// ```
pub fn mounted() -> impl Iterator<Item = &'static VirtualFile> {
    let comes_with = |path: &str| {
        let mut directories = TABLE.iter().filter(|row| row.is_directory());
        directories.any(|dir| path.strip_prefix(dir.path).is_some_and(|below| below.starts_with('/')))
    };
    TABLE.iter().filter(move |row| !comes_with(row.path))
}

/// Finds a path (`proc/stat`, `sys/devices/system/cpu/cpu0/topology/core_id`), or the only row of a name (`meminfo`).
///
/// ```
/// let place = lxcfs_core::find("/proc/meminfo").unwrap();
/// assert_eq!(place.file.path, "proc/meminfo");
/// assert_eq!(lxcfs_core::find("uptime").unwrap().file.path, "proc/uptime");
/// assert_eq!(lxcfs_core::find("sys/devices/system/cpu/cpu1").unwrap().below, "cpu1");
/// assert!(lxcfs_core::find("proc/kcore").is_none());
/// ```
#[must_use]
pub fn find(path: &str) -> Option<Place<'_>> {
    let path = path.trim_start_matches('/');
    if let Some(file) = TABLE.iter().find(|file| file.path == path) {
        return Some(Place { file, below: "" });
    }
    if let Some(place) = TABLE.iter().filter(|file| file.is_directory()).find_map(|file| {
        let below = path.strip_prefix(file.path)?.strip_prefix('/')?;
        let plain = below.split('/').all(|part| !matches!(part, "" | "." | ".."));
        plain.then_some(Place { file, below })
    }) {
        return Some(place);
    }
    let by_end = |end: &str| {
        let mut rows = TABLE
            .iter()
            .filter(move |file| file.path.strip_suffix(end).is_some_and(|before| before.ends_with('/')));
        let first = rows.next()?;
        rows.next().is_none().then_some(Place { file: first, below: "" })
    };
    by_end(path)
}

impl Place<'_> {
    /// Renders the file into `out`.
    ///
    /// # Errors
    ///
    /// [`CaptureError`] where a fact that it is made from cannot be read. Rendering itself cannot fail.
    ///
    /// ```
    /// use std::time::Duration;
    /// use lxcfs_core::{Container, ContainerView, MemorySource, Text, find};
    ///
    /// let machine = MemorySource::new().with("/proc/uptime", "350735.47 234388.90\n");
    /// let container = Container::host(1);
    /// let view = ContainerView::new(&machine, &container, Duration::from_secs(350_735));
    /// // One buffer for many renderings.
    /// let mut text = Text::new();
    /// find("uptime").unwrap().produce(&view, &mut text).unwrap();
    /// assert_eq!(text.take(), "350735.47 234388.90\n");
    /// ```
    pub fn produce(&self, view: &ContainerView<'_>, out: &mut Text) -> Result<(), CaptureError> {
        match self.file.kind {
            Kind::File(_) if view.options().passthrough => {
                out.push(view.host(&format!("/{}", self.file.path))?);
                Ok(())
            }
            Kind::File(produce) => produce(view, out),
            Kind::Directory(directory) => (directory.produce)(view, self.below, out),
        }
    }

    /// Renders the file.
    ///
    /// # Errors
    ///
    /// As [`produce`](Self::produce).
    ///
    /// ```
    /// use std::time::Duration;
    /// use lxcfs_core::{Container, ContainerView, MemorySource, find};
    ///
    /// let machine = MemorySource::new().with("/sys/devices/system/cpu/online", "0-3\n");
    /// let container = Container::host(1);
    /// let view = ContainerView::new(&machine, &container, Duration::ZERO);
    /// assert_eq!(find("online").unwrap().render(&view).unwrap(), "0-3\n");
    /// ```
    pub fn render(&self, view: &ContainerView<'_>) -> Result<Bytes, CaptureError> {
        let mut out = Text::with_capacity(4096);
        self.produce(view, &mut out)?;
        Ok(out.take())
    }

    /// What stands at this place for this container, without reading it.
    ///
    /// # Errors
    ///
    /// [`CaptureError::NoSuchFile`] if nothing does.
    ///
    /// ```
    /// use std::time::Duration;
    /// use lxcfs_core::{CaptureError, Container, ContainerView, EntryKind, MemorySource, find};
    ///
    /// let machine = MemorySource::new()
    ///     .with("/sys/devices/system/cpu/online", "0-1\n")
    ///     .with("/sys/devices/system/cpu/cpu1/topology/core_id", "1\n");
    /// let container = Container::host(1);
    /// let view = ContainerView::new(&machine, &container, Duration::ZERO);
    /// assert_eq!(find("sys/devices/system/cpu/cpu1").unwrap().kind(&view).unwrap(), EntryKind::Directory);
    /// let error = find("sys/devices/system/cpu/cpu7").unwrap().kind(&view).unwrap_err();
    /// assert!(matches!(error, CaptureError::NoSuchFile { .. }));
    /// ```
    pub fn kind(&self, view: &ContainerView<'_>) -> Result<EntryKind, CaptureError> {
        match self.file.kind {
            Kind::File(_) => Ok(EntryKind::File),
            Kind::Directory(directory) => (directory.kind)(view, self.below),
        }
    }

    /// Lists a directory as this container sees it, sorted by name; rows of [`TABLE`] that stand in it are included.
    ///
    /// # Errors
    ///
    /// [`CaptureError::NoSuchFile`] if it is none.
    ///
    /// ```
    /// use lxcfs_core::synthetic::{Level, Limits, Machine, Spelling};
    /// use lxcfs_core::{ContainerView, find};
    ///
    /// let machine = Machine::new(8, 16 << 20);
    /// let one_cpu = Level { quota: Some((100_000, 100_000)), ..Level::default() };
    /// let (source, container) = machine.source(&Limits { own: one_cpu, ..Limits::default() }, Spelling::V2);
    /// let view = ContainerView::new(&source, &container, machine.uptime);
    /// let entries = find("sys/devices/system/cpu").unwrap().list(&view).unwrap();
    /// let names: Vec<_> = entries.into_iter().map(|one| one.name).collect();
    /// assert!(names.contains(&"cpu0".to_owned()) && !names.contains(&"cpu1".to_owned()));
    /// ```
    pub fn list(&self, view: &ContainerView<'_>) -> Result<Vec<Entry>, CaptureError> {
        match self.file.kind {
            Kind::File(_) => Err(no_such_file(self.file.path, "")),
            Kind::Directory(directory) => (directory.list)(view, self.below),
        }
    }

    /// The text of a symbolic link.
    ///
    /// # Errors
    ///
    /// [`CaptureError::NoSuchFile`] if it is none.
    ///
    /// ```
    /// use lxcfs_core::synthetic::{Limits, Machine, Spelling};
    /// use lxcfs_core::{ContainerView, find};
    ///
    /// let machine = Machine::new(2, 16 << 20);
    /// let (source, container) = machine.source(&Limits::default(), Spelling::V2);
    /// let view = ContainerView::new(&source, &container, machine.uptime);
    /// let link = find("sys/devices/system/cpu/cpu0/subsystem").unwrap().read_link(&view).unwrap();
    /// assert_eq!(link.to_str(), Some("../../../../bus/cpu"));
    /// ```
    pub fn read_link(&self, view: &ContainerView<'_>) -> Result<PathBuf, CaptureError> {
        match self.file.kind {
            Kind::File(_) => Err(no_such_file(self.file.path, "")),
            Kind::Directory(directory) => (directory.read_link)(view, self.below),
        }
    }
}

/// There is no such file in the directory `dir`.
pub(crate) fn no_such_file(dir: &str, below: &str) -> CaptureError {
    let separator = if below.is_empty() { "" } else { "/" };
    CaptureError::NoSuchFile {
        path: format!("{dir}{separator}{below}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_has_no_path_twice() {
        assert!(TABLE.windows(2).all(|pair| pair[0].path < pair[1].path));
    }

    #[test]
    fn every_row_says_what_it_is() {
        for file in TABLE {
            assert!(!file.about.is_empty() && !file.lines.is_empty(), "{}", file.path);
            assert!(
                file.path.starts_with("proc/") || file.path.starts_with("sys/"),
                "{}",
                file.path
            );
            for line in file.lines {
                assert!(!line.formula.is_empty(), "{} {}", file.path, line.key);
                let zero = matches!(line.class, Class::Zero | Class::Constant);
                assert_eq!(
                    line.from.is_empty(),
                    zero,
                    "{} {}: only what is made from nothing has no facts",
                    file.path,
                    line.key
                );
            }
        }
    }

    #[test]
    fn names_that_are_not_unique_are_not_guessed() {
        assert!(find("cpu").is_none_or(|place| place.file.path.ends_with("/cpu")));
        assert_eq!(find("pressure/cpu").unwrap().file.path, "proc/pressure/cpu");
        assert!(find("sys/devices/system/cpu/../../../kernel").is_none());
        assert!(find("").is_none());
    }
}
