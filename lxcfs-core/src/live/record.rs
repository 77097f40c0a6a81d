//! A source that keeps a copy of all that is read through it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;

use super::record_error::RecordError;
use super::record_write::write;
use super::scrub::Scrubber;
use crate::container::Container;
use crate::source::{Entry, Source, SourceError, SourceErrorKind};

/// A source over another one that keeps what was read, absence and errors included.
///
/// **The first answer stands**: a second read of a path is answered with the copy. Whatever is rendered through a
/// recorder is therefore rendered from exactly what the recording has, and the recording renders to the same bytes.
///
/// A recorder is for one look at one container. It grows with everything that is read.
///
/// ```
/// use lxcfs_core::live::{Recorder, Recording};
/// use lxcfs_core::synthetic::{Limits, Machine, Spelling};
/// use lxcfs_core::{ContainerView, find};
///
/// let machine = Machine::new(2, 16 << 20);
/// let (source, container) = machine.source(&Limits::default(), Spelling::V2);
/// let recorder = Recorder::new(source);
/// let view = ContainerView::new(&recorder, &container, machine.uptime);
/// let seen = find("meminfo").unwrap().render(&view).unwrap();
///
/// let dir = tempfile::tempdir().unwrap();
/// recorder.write_to(dir.path(), &container, machine.uptime, true).unwrap();
/// let recording = Recording::open(dir.path()).unwrap();
/// let container = recording.container();
/// let view = ContainerView::new(recording.source(), &container, recording.now());
/// assert_eq!(find("meminfo").unwrap().render(&view).unwrap(), seen);
/// ```
#[derive(Debug)]
pub struct Recorder<S> {
    source: S,
    seen: Mutex<Seen>,
}

/// What was read.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    pub(super) files: Answers<Bytes>,
    pub(super) links: Answers<PathBuf>,
    pub(super) listings: Answers<Vec<Entry>>,
}

/// The answers of one kind, by path.
pub(super) type Answers<T> = BTreeMap<PathBuf, Result<T, SourceErrorKind>>;

impl<S: Source> Recorder<S> {
    /// Records what is read from `source`.
    ///
    /// ```
    /// use std::path::Path;
    /// use lxcfs_core::{MemorySource, Source, live::Recorder};
    ///
    /// let recorder = Recorder::new(MemorySource::new().with("/proc/uptime", "10.50 38.05\n"));
    /// assert_eq!(recorder.read(Path::new("/proc/uptime")).unwrap(), "10.50 38.05\n");
    /// ```
    #[must_use]
    pub fn new(source: S) -> Self {
        Self {
            source,
            seen: Mutex::default(),
        }
    }

    /// Writes what was read so far into `dir`, which is made if need be and must be empty: files at their paths,
    /// links as links, the rest in `recording.json`. [`Recording::open`](super::Recording::open) reads it back.
    ///
    /// `container` and `now` (time since the host's boot) are kept with it; both are needed to render again.
    ///
    /// `scrub` takes out what would tell one machine from another and changes no number in a rendering: names of
    /// processes, mounts that are not of cgroups, serial numbers of CPUs, and long hexadecimal ids (of containers,
    /// pods), which become `id1`, `id2` … wherever they stand. Names that people gave to cgroups stay.
    ///
    /// # Errors
    ///
    /// [`RecordError`] if the directory is not empty or cannot be written.
    ///
    /// ```
    /// use std::path::Path;
    /// use std::time::Duration;
    /// use lxcfs_core::{Container, MemorySource, Source, live::Recorder};
    ///
    /// let recorder = Recorder::new(MemorySource::new().with("/proc/uptime", "10.50 38.05\n"));
    /// recorder.read(Path::new("/proc/uptime")).unwrap();
    /// let dir = tempfile::tempdir().unwrap();
    /// recorder.write_to(dir.path(), &Container::host(1), Duration::from_millis(10_500), true).unwrap();
    /// assert_eq!(std::fs::read_to_string(dir.path().join("proc/uptime")).unwrap(), "10.50 38.05\n");
    /// ```
    pub fn write_to(&self, dir: &Path, container: &Container, now: Duration, scrub: bool) -> Result<(), RecordError> {
        let seen = self.seen().clone();
        if scrub {
            let mut scrubber = Scrubber::default();
            let seen = scrubber.seen(seen);
            write(dir, &seen, &scrubber.container(container), now)
        } else {
            write(dir, &seen, container, now)
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The copy, or else what `ask` answers now. The lock is not held while asking.
    fn first<T: Clone>(
        &self,
        path: &Path,
        answers: fn(&mut Seen) -> &mut Answers<T>,
        ask: impl FnOnce(&S) -> Result<T, SourceError>,
    ) -> Result<T, SourceError> {
        let copy = answers(&mut self.seen()).get(path).cloned();
        let answer = match copy {
            Some(copy) => copy,
            None => {
                let asked = ask(&self.source).map_err(|error| error.kind);
                answers(&mut self.seen())
                    .entry(path.to_path_buf())
                    .or_insert(asked)
                    .clone()
            }
        };
        answer.map_err(|kind| SourceError::new(path, kind))
    }
}

impl<S: Source> Source for Recorder<S> {
    fn read(&self, path: &Path) -> Result<Bytes, SourceError> {
        self.first(path, |seen| &mut seen.files, |source| source.read(path))
    }

    fn list(&self, dir: &Path) -> Result<Vec<Entry>, SourceError> {
        self.first(dir, |seen| &mut seen.listings, |source| source.list(dir))
    }

    fn read_link(&self, path: &Path) -> Result<PathBuf, SourceError> {
        self.first(path, |seen| &mut seen.links, |source| source.read_link(path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::MemorySource;

    /// A source that counts its reads into the text.
    struct Counting(Mutex<u32>);

    impl Source for Counting {
        fn read(&self, _: &Path) -> Result<Bytes, SourceError> {
            let mut count = self.0.lock().unwrap();
            *count += 1;
            Ok(count.to_string().into())
        }
        fn list(&self, dir: &Path) -> Result<Vec<Entry>, SourceError> {
            Err(SourceError::new(dir, SourceErrorKind::NotFound))
        }
        fn read_link(&self, path: &Path) -> Result<PathBuf, SourceError> {
            Err(SourceError::new(path, SourceErrorKind::NotFound))
        }
    }

    #[test]
    fn the_first_answer_stands() {
        let recorder = Recorder::new(Counting(Mutex::new(0)));
        assert_eq!(recorder.read(Path::new("/a")).unwrap(), "1");
        assert_eq!(recorder.read_in(Path::new("/"), "a").unwrap(), "1");
        assert_eq!(recorder.read(Path::new("/b")).unwrap(), "2");
    }

    #[test]
    fn errors_are_answers_too() {
        let machine = MemorySource::new().with_error("/a", SourceErrorKind::Gone);
        let recorder = Recorder::new(&machine);
        for _ in 0..2 {
            let error = recorder.read(Path::new("/a")).unwrap_err();
            assert_eq!(error, SourceError::new("/a", SourceErrorKind::Gone));
        }
        assert_eq!(recorder.seen().files.len(), 1);
    }
}
