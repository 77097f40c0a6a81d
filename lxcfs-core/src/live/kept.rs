//! Descriptors that stay open between reads: a `pread` instead of open, read and close.
#![expect(clippy::disallowed_methods, reason = "this is where files are opened")]

use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;

use super::root::Root;
use super::whole::{kind, read_piece, read_whole};
use crate::source::{Entry, Source, SourceError};

/// The running machine, with the descriptors of its files kept open.
///
/// Opening a file of procfs or of a cgroup costs more than reading it: the path is walked, and the kernel's buffer is
/// allocated and grown anew. A kept descriptor is read from its beginning, which makes the kernel print the file
/// afresh.
///
/// - A descriptor is taken out while it is read, so two threads that read one file have two descriptors: the kernel's
///   buffer belongs to the descriptor, and a long file would otherwise be a mixture of two moments. No lock is held
///   over a read.
/// - A kept descriptor that fails (`ENODEV`: the cgroup has been removed) is closed and the path opened afresh, once.
///   A cgroup that was removed and made again under its old name is therefore found.
/// - At most `most` descriptors are kept. They are in two generations; when the younger one is full, it becomes the
///   older, and what was in the older and has not been read since is closed.
/// - What is kept of a cgroup that nobody will ask for again can be closed before that: [`close`](Self::close).
/// - Files of processes (`/proc/PID/…`) are not kept: they are many and are read once.
///
/// A v1 cgroup that is renamed keeps its descriptors, so its files are found under the old name until they are dropped
/// from both generations.
///
/// ```
/// use std::path::Path;
/// use lxcfs_core::{Source, live::KeptOpen};
///
/// let host = KeptOpen::new();
/// let meminfo = Path::new("/proc/meminfo");
/// assert!(host.read(meminfo).unwrap().starts_with(b"MemTotal:"));
/// assert!(host.read(meminfo).unwrap().starts_with(b"MemTotal:"), "without opening it again");
/// assert_eq!(host.kept(), 1);
/// ```
#[derive(Debug)]
pub struct KeptOpen {
    generations: Mutex<Generations>,
    half: usize,
}

#[derive(Debug, Default)]
struct Generations {
    // By the bytes of their paths: to compare and hash a `Path`, it is taken apart first.
    young: HashMap<OsString, File>,
    old: HashMap<OsString, File>,
}

impl KeptOpen {
    /// How many descriptors are kept unless told otherwise: half of the usual soft limit of a process.
    pub const MOST: usize = 512;

    /// A source that keeps up to [`MOST`](Self::MOST) descriptors.
    ///
    /// ```
    /// use lxcfs_core::live::KeptOpen;
    ///
    /// assert_eq!(KeptOpen::new().kept(), 0);
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self::with_most(Self::MOST)
    }

    /// A source that keeps up to `most` descriptors; with fewer than two it keeps none.
    ///
    /// ```
    /// use std::path::Path;
    /// use lxcfs_core::{Source, live::KeptOpen};
    ///
    /// let host = KeptOpen::with_most(0);
    /// host.read(Path::new("/proc/meminfo")).unwrap();
    /// assert_eq!(host.kept(), 0);
    /// ```
    #[must_use]
    pub fn with_most(most: usize) -> Self {
        Self {
            generations: Mutex::default(),
            half: most.checked_div(2).unwrap_or(0),
        }
    }

    /// Whether descriptors of such a file are kept: not of what is below `/proc/PID`, `/proc/self` or
    /// `/proc/thread-self`.
    ///
    /// ```
    /// use std::path::Path;
    /// use lxcfs_core::live::KeptOpen;
    ///
    /// assert!(KeptOpen::keeps(Path::new("/sys/fs/cgroup/web/memory.current")));
    /// assert!(!KeptOpen::keeps(Path::new("/proc/4711/status")));
    /// ```
    #[must_use]
    pub fn keeps(path: &Path) -> bool {
        let Some(below) = path.as_os_str().as_encoded_bytes().strip_prefix(b"/proc/") else {
            return true;
        };
        let of_a_number = below.first().is_some_and(u8::is_ascii_digit);
        !of_a_number && !below.starts_with(b"self/") && !below.starts_with(b"thread-self/")
    }

    /// How many descriptors are kept now, without those that are being read.
    ///
    /// ```
    /// use std::path::Path;
    /// use lxcfs_core::{Source, live::KeptOpen};
    ///
    /// let host = KeptOpen::new();
    /// host.read(Path::new("/proc/meminfo")).unwrap();
    /// host.read(Path::new("/proc/self/status")).unwrap();
    /// assert_eq!(host.kept(), 1);
    /// ```
    #[must_use]
    pub fn kept(&self) -> usize {
        let generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        generations.young.len().saturating_add(generations.old.len())
    }

    /// Closes what is kept of the files in these directories.
    ///
    /// ```
    /// use std::ffi::OsStr;
    /// use std::path::Path;
    /// use lxcfs_core::{Source, live::KeptOpen};
    ///
    /// let host = KeptOpen::new();
    /// host.read(Path::new("/proc/meminfo")).unwrap();
    /// host.close(&[OsStr::new("/proc")].into());
    /// assert_eq!(host.kept(), 0);
    /// ```
    pub fn close(&self, dirs: &HashSet<&OsStr>) {
        let mut closing = Vec::new();
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        let Generations { young, old } = &mut *generations;
        for generation in [young, old] {
            closing.extend(generation.extract_if(|path, _| dirs.contains(dir_of(path))));
        }
        drop(generations);
    }

    fn take(&self, path: &OsStr) -> Option<(OsString, File)> {
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        generations
            .young
            .remove_entry(path)
            .or_else(|| generations.old.remove_entry(path))
    }

    fn keep(&self, path: OsString, file: File) {
        if self.half == 0 {
            return;
        }
        let closing = {
            let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
            let again = generations.young.insert(path, file);
            let full = generations.young.len() >= self.half;
            let aged = full.then(|| {
                let young = std::mem::take(&mut generations.young);
                std::mem::replace(&mut generations.old, young)
            });
            (again, aged)
        };
        // Closed here, where the lock is no longer held.
        drop(closing);
    }
}

impl Default for KeptOpen {
    fn default() -> Self {
        Self::new()
    }
}

impl Source for KeptOpen {
    fn read(&self, path: &Path) -> Result<Bytes, SourceError> {
        if !Self::keeps(path) {
            return Root::host().read(path);
        }
        let mut key = None;
        if let Some((kept_path, file)) = self.take(path.as_os_str()) {
            if let Ok(text) = read_again(&file, path) {
                self.keep(kept_path, file);
                return Ok(text);
            }
            key = Some(kept_path);
        }
        let failed = |error: std::io::Error| SourceError::new(path, kind(&error));
        let file = File::open(path).map_err(failed)?;
        let text = read_whole(&file).map_err(failed)?;
        self.keep(key.unwrap_or_else(|| path.as_os_str().to_owned()), file);
        Ok(text)
    }

    fn list(&self, dir: &Path) -> Result<Vec<Entry>, SourceError> {
        Root::host().list(dir)
    }

    fn list_directories(&self, dir: &Path) -> Result<Vec<String>, SourceError> {
        Root::host().list_directories(dir)
    }

    fn read_link(&self, path: &Path) -> Result<PathBuf, SourceError> {
        Root::host().read_link(path)
    }
}

/// What stands before the last slash.
fn dir_of(path: &OsStr) -> &OsStr {
    let bytes = path.as_bytes();
    let end = bytes.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
    OsStr::from_bytes(bytes.get(..end).unwrap_or_default())
}

/// Reads a file that was read before. Where the kernel prints a file in one piece, one read gets all of it unless the
/// room is used up; of the others a read gets a page of whole records, and only an empty one is the end.
///
/// # References
///
/// `fs/seq_file.c`, `single_open` and `seq_read_iter`; `kernel/cgroup/cgroup.c`, `cgroup_seqfile_show`.
fn read_again(file: &File, path: &Path) -> std::io::Result<Bytes> {
    let path = path.as_os_str().as_encoded_bytes();
    let of_a_cgroup = path.starts_with(b"/sys/fs/cgroup/");
    let in_many = ["/cgroup.procs", "/cgroup.threads", "/tasks", "/memory.kmem.slabinfo"];
    let one_piece = match path {
        b"/proc/meminfo" | b"/proc/stat" | b"/proc/loadavg" | b"/proc/uptime" => true,
        _ => of_a_cgroup && !in_many.iter().any(|name| path.ends_with(name.as_bytes())),
    };
    if one_piece { read_piece(file) } else { read_whole(file) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_kept_descriptor_sees_what_was_written_since() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("memory.current");
        let source = KeptOpen::new();
        fs::write(&path, "1000\n").unwrap();
        assert_eq!(source.read(&path).unwrap(), "1000\n");
        assert_eq!(source.kept(), 1);
        fs::write(&path, "2\n").unwrap();
        assert_eq!(source.read(&path).unwrap(), "2\n");
        assert_eq!(source.kept(), 1);
    }

    #[test]
    fn no_more_descriptors_are_kept_than_was_said() {
        let dir = tempfile::tempdir().unwrap();
        let source = KeptOpen::with_most(8);
        for number in 0..50 {
            let path = dir.path().join(number.to_string());
            fs::write(&path, "x").unwrap();
            source.read(&path).unwrap();
            // The one that is read all the time survives every generation.
            source.read(&dir.path().join("0")).unwrap();
            assert!(source.kept() <= 8);
            assert!(source.take(dir.path().join("0").as_os_str()).is_some());
            source.read(&dir.path().join("0")).unwrap();
        }
        let none = KeptOpen::with_most(1);
        none.read(&dir.path().join("0")).unwrap();
        assert_eq!(none.kept(), 0);
    }

    #[test]
    fn what_is_in_a_directory_can_be_closed() {
        let dir = tempfile::tempdir().unwrap();
        let source = KeptOpen::with_most(4);
        for name in ["one", "two", "three"] {
            fs::create_dir(dir.path().join(name)).unwrap();
            let path = dir.path().join(name).join("memory.max");
            fs::write(&path, "max\n").unwrap();
            source.read(&path).unwrap();
        }
        assert_eq!(source.kept(), 3);
        // One of the older generation, one of the younger, and one that is not there.
        for (name, left) in [("one", 2), ("three", 1), ("four", 1)] {
            source.close(&HashSet::from([dir.path().join(name).as_os_str()]));
            assert_eq!(source.kept(), left);
        }
    }

    #[test]
    fn files_of_processes_are_not_kept() {
        let source = KeptOpen::new();
        source.read(Path::new("/proc/self/status")).unwrap();
        source
            .read(Path::new(&format!("/proc/{}/stat", std::process::id())))
            .unwrap();
        assert_eq!(source.kept(), 0);
        source.read(Path::new("/proc/stat")).unwrap();
        assert_eq!(source.kept(), 1);
    }

    #[test]
    fn threads_that_read_one_file_do_not_disturb_each_other() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("long");
        let text = "0123456789abcdef\n".repeat(10_000);
        fs::write(&path, &text).unwrap();
        let source = KeptOpen::with_most(4);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..100 {
                        assert_eq!(source.read(&path).unwrap(), text.as_bytes());
                    }
                });
            }
        });
        assert!(source.kept() <= 4);
    }
}
