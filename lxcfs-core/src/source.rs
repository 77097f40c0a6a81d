//! The only door to the outside: where the bytes of kernel files come from.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bytes::Bytes;

/// Where kernel files are read from.
///
/// Everything that this crate knows about a host and its cgroups comes through this trait. The running kernel is
/// [`live::Root`](crate::live), a recorded machine is a directory behind the same type, and an embedder that already
/// has the texts uses [`MemorySource`] or its own implementation.
///
/// Paths are absolute, as the host's kernel names them: `/proc/meminfo`,
/// `/sys/fs/cgroup/memory/ct/memory.stat`.
///
/// ```
/// use std::path::Path;
/// use lxcfs_core::{MemorySource, Source};
///
/// let machine = MemorySource::new().with("/proc/uptime", "350735.47 234388.90\n");
/// assert_eq!(machine.read(Path::new("/proc/uptime")).unwrap(), "350735.47 234388.90\n");
/// assert!(machine.read_optional(Path::new("/proc/swaps")).unwrap().is_none());
/// ```
pub trait Source {
    /// Reads the whole file.
    ///
    /// # Errors
    ///
    /// [`SourceError`] with the path and the kind of failure.
    ///
    /// ```
    /// use std::path::Path;
    /// use lxcfs_core::{MemorySource, Source, SourceErrorKind};
    ///
    /// let machine = MemorySource::new().with("/proc/uptime", "10.50 38.05\n");
    /// assert_eq!(machine.read(Path::new("/proc/uptime")).unwrap(), "10.50 38.05\n");
    /// assert_eq!(machine.read(Path::new("/proc/stat")).unwrap_err().kind, SourceErrorKind::NotFound);
    /// ```
    fn read(&self, path: &Path) -> Result<Bytes, SourceError>;

    /// Reads the whole file for what hardly ever changes in it: the model of a CPU, the boot time, which lines there are. A
    /// source that is asked all the time may give a text of a second ago; this one reads.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    ///
    /// ```
    /// use std::path::Path;
    /// use lxcfs_core::{MemorySource, Source};
    ///
    /// let machine = MemorySource::new().with("/proc/cpuinfo", "processor\t: 0\n\n");
    /// let path = Path::new("/proc/cpuinfo");
    /// assert_eq!(machine.read_steady(path), machine.read(path));
    /// ```
    fn read_steady(&self, path: &Path) -> Result<Bytes, SourceError> {
        self.read(path)
    }

    /// Reads `name` in the directory `dir`. The same as reading `dir/name`; a source that keeps directories open can
    /// do it without building that path.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    ///
    /// ```
    /// use std::path::Path;
    /// use lxcfs_core::{MemorySource, Source};
    ///
    /// let machine = MemorySource::new().with("/sys/fs/cgroup/web/memory.max", "max\n");
    /// assert_eq!(machine.read_in(Path::new("/sys/fs/cgroup/web"), "memory.max").unwrap(), "max\n");
    /// ```
    fn read_in(&self, dir: &Path, name: &str) -> Result<Bytes, SourceError> {
        self.read(&dir.join(name))
    }

    /// Lists a directory, without `.` and `..`, sorted by name.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    ///
    /// ```
    /// use std::path::Path;
    /// use lxcfs_core::{EntryKind, MemorySource, Source};
    ///
    /// let machine = MemorySource::new().with("/proc/7/task/8/status", "").with("/proc/7/stat", "");
    /// let entries = machine.list(Path::new("/proc/7")).unwrap();
    /// let found: Vec<_> = entries.iter().map(|entry| (entry.name.as_str(), entry.kind)).collect();
    /// assert_eq!(found, [("stat", EntryKind::File), ("task", EntryKind::Directory)]);
    /// ```
    fn list(&self, dir: &Path) -> Result<Vec<Entry>, SourceError>;

    /// The names of the directories in a directory. A source that can tell them without looking at the files beside them
    /// does so.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    ///
    /// ```
    /// use std::path::Path;
    /// use lxcfs_core::{MemorySource, Source};
    ///
    /// let machine = MemorySource::new().with("/proc/7/task/8/status", "").with("/proc/7/stat", "");
    /// assert_eq!(machine.list_directories(Path::new("/proc/7")).unwrap(), ["task"]);
    /// ```
    fn list_directories(&self, dir: &Path) -> Result<Vec<String>, SourceError> {
        let entries = self.list(dir)?.into_iter();
        let directories = entries.filter(|entry| entry.kind == EntryKind::Directory);
        Ok(directories.map(|entry| entry.name).collect())
    }

    /// The text of a symbolic link. `/proc/PID/ns/pid` is one: `pid:[4026531836]`.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    ///
    /// ```
    /// use std::path::Path;
    /// use lxcfs_core::{MemorySource, Source};
    ///
    /// let machine = MemorySource::new().with_link("/proc/7/ns/pid", "pid:[4026531836]");
    /// assert_eq!(machine.read_link(Path::new("/proc/7/ns/pid")).unwrap().to_str(), Some("pid:[4026531836]"));
    /// ```
    fn read_link(&self, path: &Path) -> Result<PathBuf, SourceError>;

    /// [`read`](Self::read), with `None` where there is no such file.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read), except for [`SourceErrorKind::NotFound`].
    ///
    /// ```
    /// use std::path::Path;
    /// use lxcfs_core::{MemorySource, Source, SourceErrorKind};
    ///
    /// let machine = MemorySource::new().with_error("/proc/pressure/cpu", SourceErrorKind::NotSupported);
    /// assert_eq!(machine.read_optional(Path::new("/proc/swaps")), Ok(None));
    /// assert!(machine.read_optional(Path::new("/proc/pressure/cpu")).is_err());
    /// ```
    fn read_optional(&self, path: &Path) -> Result<Option<Bytes>, SourceError> {
        optional(self.read(path))
    }

    /// [`read_in`](Self::read_in), with `None` where there is no such file.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read), except for [`SourceErrorKind::NotFound`].
    ///
    /// ```
    /// use std::path::Path;
    /// use lxcfs_core::{MemorySource, Source};
    ///
    /// let machine = MemorySource::new().with("/sys/fs/cgroup/web/cgroup.procs", "");
    /// // The root of a hierarchy has no limits.
    /// assert_eq!(machine.read_in_optional(Path::new("/sys/fs/cgroup"), "memory.max"), Ok(None));
    /// ```
    fn read_in_optional(&self, dir: &Path, name: &str) -> Result<Option<Bytes>, SourceError> {
        optional(self.read_in(dir, name))
    }
}

fn optional(result: Result<Bytes, SourceError>) -> Result<Option<Bytes>, SourceError> {
    match result {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind == SourceErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

impl<S: Source + ?Sized> Source for &S {
    fn read(&self, path: &Path) -> Result<Bytes, SourceError> {
        (**self).read(path)
    }
    fn read_steady(&self, path: &Path) -> Result<Bytes, SourceError> {
        (**self).read_steady(path)
    }

    fn read_in(&self, dir: &Path, name: &str) -> Result<Bytes, SourceError> {
        (**self).read_in(dir, name)
    }
    fn list(&self, dir: &Path) -> Result<Vec<Entry>, SourceError> {
        (**self).list(dir)
    }
    fn list_directories(&self, dir: &Path) -> Result<Vec<String>, SourceError> {
        (**self).list_directories(dir)
    }

    fn read_link(&self, path: &Path) -> Result<PathBuf, SourceError> {
        (**self).read_link(path)
    }
}

/// One name in a directory.
///
/// ```
/// use std::path::Path;
/// use lxcfs_core::{Entry, EntryKind, MemorySource, Source};
///
/// let machine = MemorySource::new().with("/sys/devices/system/cpu/online", "0-3\n");
/// let entries = machine.list(Path::new("/sys/devices/system/cpu")).unwrap();
/// assert_eq!(entries, [Entry { name: "online".to_owned(), kind: EntryKind::File }]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// The name, without the directory. Names that are not UTF-8 are left out of listings: neither procfs nor the
    /// parts of sysfs that are shown have any.
    pub name: String,
    /// What it is.
    pub kind: EntryKind,
}

/// What a directory entry is.
///
/// ```
/// use std::path::Path;
/// use lxcfs_core::{EntryKind, MemorySource, Source};
///
/// let machine = MemorySource::new().with_link("/sys/devices/system/cpu/cpu0/subsystem", "../../../../bus/cpu");
/// let entries = machine.list(Path::new("/sys/devices/system/cpu/cpu0")).unwrap();
/// assert_eq!(entries[0].kind, EntryKind::Symlink);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EntryKind {
    /// A regular file that everybody may read.
    File,
    /// A regular file whose mode keeps others out (`crash_notes`, for one).
    PrivateFile,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
}

/// A kernel file could not be read.
///
/// ```
/// use std::path::Path;
/// use lxcfs_core::{MemorySource, Source};
///
/// let error = MemorySource::new().read(Path::new("/proc/stat")).unwrap_err();
/// assert_eq!(error.to_string(), "/proc/stat: no such file");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {kind}", path.display())]
pub struct SourceError {
    /// The path as it was asked for.
    pub path: PathBuf,
    /// What went wrong.
    pub kind: SourceErrorKind,
}

impl SourceError {
    /// An error of that kind for that path.
    ///
    /// ```
    /// use lxcfs_core::{SourceError, SourceErrorKind};
    ///
    /// let error = SourceError::new("/sys/fs/cgroup/web/memory.max", SourceErrorKind::Gone);
    /// assert_eq!(error.to_string(), "/sys/fs/cgroup/web/memory.max: the process or cgroup has gone");
    /// ```
    #[must_use]
    pub fn new(path: impl Into<PathBuf>, kind: SourceErrorKind) -> Self {
        Self {
            path: path.into(),
            kind,
        }
    }
}

/// Why a kernel file could not be read.
///
/// ```
/// use std::path::Path;
/// use lxcfs_core::{MemorySource, Source, SourceErrorKind};
///
/// let machine = MemorySource::new().with_error("/proc/slabinfo", SourceErrorKind::PermissionDenied);
/// match machine.read(Path::new("/proc/slabinfo")) {
///     Err(error) if error.kind == SourceErrorKind::PermissionDenied => {}
///     other => panic!("{other:?}"),
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SourceErrorKind {
    /// `ENOENT`, `ENOTDIR`: there is no such file.
    #[error("no such file")]
    NotFound,
    /// `EACCES`, `EPERM`.
    #[error("permission denied; run as root, or as the owner of the process")]
    PermissionDenied,
    /// `ESRCH`, `ENODEV`: the process or cgroup behind the file has gone.
    #[error("the process or cgroup has gone")]
    Gone,
    /// `EOPNOTSUPP`: the kernel has the file and not the feature (PSI without `psi=1`).
    #[error("not supported by this kernel")]
    NotSupported,
    /// Any other error number.
    #[error("error number {0}")]
    Errno(i32),
}

#[derive(Debug, Clone)]
enum Node {
    File(Bytes),
    Link(PathBuf),
    Error(SourceErrorKind),
}

/// A machine in memory: paths and their texts. For tests, and for embedders that bring their own snapshot.
///
/// Directories are whatever the paths imply.
///
/// ```
/// use std::path::Path;
/// use lxcfs_core::{MemorySource, Source};
///
/// let machine = MemorySource::new()
///     .with("/proc/meminfo", "MemTotal:       24684096 kB\n")
///     .with("/sys/devices/system/cpu/online", "0-7\n");
/// assert_eq!(machine.list_directories(Path::new("/")).unwrap(), ["proc", "sys"]);
/// ```
#[derive(Debug, Clone, Default)]
pub struct MemorySource {
    nodes: BTreeMap<PathBuf, Node>,
}

impl MemorySource {
    /// A machine without any file.
    ///
    /// ```
    /// use std::path::Path;
    /// use lxcfs_core::{MemorySource, Source};
    ///
    /// assert!(MemorySource::new().read(Path::new("/proc/stat")).is_err());
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds or replaces a file.
    ///
    /// ```
    /// use std::path::Path;
    /// use lxcfs_core::{MemorySource, Source};
    ///
    /// let machine = MemorySource::new().with("/proc/uptime", "1.00 1.00\n").with("/proc/uptime", "2.00 2.00\n");
    /// assert_eq!(machine.read(Path::new("/proc/uptime")).unwrap(), "2.00 2.00\n");
    /// ```
    #[must_use]
    pub fn with(mut self, path: impl Into<PathBuf>, text: impl Into<Bytes>) -> Self {
        self.insert(path, text);
        self
    }

    /// Adds or replaces a symbolic link.
    ///
    /// ```
    /// use std::path::Path;
    /// use lxcfs_core::{MemorySource, Source};
    ///
    /// let machine = MemorySource::new().with_link("/proc/self", "4711");
    /// assert_eq!(machine.read_link(Path::new("/proc/self")).unwrap(), Path::new("4711"));
    /// ```
    #[must_use]
    pub fn with_link(mut self, path: impl Into<PathBuf>, target: impl Into<PathBuf>) -> Self {
        self.nodes.insert(path.into(), Node::Link(target.into()));
        self
    }

    /// A file whose reading fails.
    ///
    /// ```
    /// use std::time::Duration;
    /// use lxcfs_core::{Container, ContainerView, MemorySource, SourceErrorKind, find};
    ///
    /// // What is shown if the kernel refuses?
    /// let machine = MemorySource::new().with_error("/proc/diskstats", SourceErrorKind::PermissionDenied);
    /// let container = Container::host(1);
    /// let view = ContainerView::new(&machine, &container, Duration::ZERO);
    /// assert!(find("diskstats").unwrap().render(&view).is_err());
    /// ```
    #[must_use]
    pub fn with_error(mut self, path: impl Into<PathBuf>, kind: SourceErrorKind) -> Self {
        self.nodes.insert(path.into(), Node::Error(kind));
        self
    }

    /// Adds or replaces a file in place.
    ///
    /// ```
    /// use std::path::Path;
    /// use lxcfs_core::{MemorySource, Source};
    ///
    /// let mut machine = MemorySource::new();
    /// machine.insert("/sys/fs/cgroup/web/memory.current", "4096\n");
    /// assert_eq!(machine.read(Path::new("/sys/fs/cgroup/web/memory.current")).unwrap(), "4096\n");
    /// ```
    pub fn insert(&mut self, path: impl Into<PathBuf>, text: impl Into<Bytes>) {
        self.nodes.insert(path.into(), Node::File(text.into()));
    }

    /// Takes a file away.
    ///
    /// ```
    /// use std::path::Path;
    /// use lxcfs_core::{MemorySource, Source};
    ///
    /// // A CPU goes offline.
    /// let online = Path::new("/sys/devices/system/cpu/cpu1/topology/core_id");
    /// let mut machine = MemorySource::new().with(online, "1\n");
    /// machine.remove(online);
    /// assert_eq!(machine.read_optional(online), Ok(None));
    /// ```
    pub fn remove(&mut self, path: &Path) {
        self.nodes.remove(path);
    }
}

impl Source for MemorySource {
    fn read(&self, path: &Path) -> Result<Bytes, SourceError> {
        match self.nodes.get(path) {
            Some(Node::File(text)) => Ok(text.clone()),
            Some(Node::Error(kind)) => Err(SourceError::new(path, *kind)),
            Some(Node::Link(target)) => {
                let target = path.parent().unwrap_or(Path::new("/")).join(target);
                match self.nodes.get(&target) {
                    Some(Node::File(text)) => Ok(text.clone()),
                    _ => Err(SourceError::new(path, SourceErrorKind::NotFound)),
                }
            }
            None => Err(SourceError::new(path, SourceErrorKind::NotFound)),
        }
    }

    fn list(&self, dir: &Path) -> Result<Vec<Entry>, SourceError> {
        let mut entries: Vec<Entry> = Vec::new();
        for (path, node) in self.nodes.range(dir.to_path_buf()..) {
            let Ok(below) = path.strip_prefix(dir) else { break };
            let mut parts = below.components();
            let Some(name) = parts.next().and_then(|part| part.as_os_str().to_str()) else {
                continue;
            };
            let kind = match (parts.next(), node) {
                (Some(_), _) => EntryKind::Directory,
                (None, Node::Link(_)) => EntryKind::Symlink,
                (None, Node::Error(SourceErrorKind::PermissionDenied)) => EntryKind::PrivateFile,
                (None, _) => EntryKind::File,
            };
            if entries.last().is_none_or(|last| last.name != name) {
                entries.push(Entry {
                    name: name.to_owned(),
                    kind,
                });
            }
        }
        if entries.is_empty() {
            return Err(SourceError::new(dir, SourceErrorKind::NotFound));
        }
        entries.sort();
        Ok(entries)
    }

    fn read_link(&self, path: &Path) -> Result<PathBuf, SourceError> {
        match self.nodes.get(path) {
            Some(Node::Link(target)) => Ok(target.clone()),
            Some(Node::Error(kind)) => Err(SourceError::new(path, *kind)),
            Some(Node::File(_)) => Err(SourceError::new(path, SourceErrorKind::Errno(22))),
            None => Err(SourceError::new(path, SourceErrorKind::NotFound)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_are_what_the_paths_imply() {
        let machine = MemorySource::new()
            .with("/sys/a/one", "1\n")
            .with("/sys/a/b/two", "2\n")
            .with_link("/sys/a/link", "one")
            .with("/sys/ab", "not below a");
        let names: Vec<_> = machine
            .list(Path::new("/sys/a"))
            .unwrap()
            .into_iter()
            .map(|entry| (entry.name, entry.kind))
            .collect();
        assert_eq!(
            names,
            [
                ("b".to_owned(), EntryKind::Directory),
                ("link".to_owned(), EntryKind::Symlink),
                ("one".to_owned(), EntryKind::File)
            ]
        );
        assert_eq!(machine.read(Path::new("/sys/a/link")).unwrap(), "1\n");
        assert_eq!(
            machine.list(Path::new("/nowhere")).unwrap_err().kind,
            SourceErrorKind::NotFound
        );
    }

    #[test]
    fn an_error_names_the_path_once() {
        let error = MemorySource::new().read(Path::new("/proc/1/stat")).unwrap_err();
        assert_eq!(error.to_string(), "/proc/1/stat: no such file");
    }
}
