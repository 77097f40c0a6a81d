//! A source that replays a recorded machine.
#![expect(clippy::disallowed_methods, reason = "a recording is a directory of files")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;

use super::manifest::{Failure, MANIFEST, Manifest, VERSION};
use super::record_error::RecordError;
use super::root::Root;
use crate::container::Container;
use crate::source::{Entry, Source, SourceError};

/// A recorded machine, container and moment: all that is needed to render as it was rendered then.
///
/// What was not read when it was recorded is not there.
///
/// ```
/// use lxcfs_core::live::Recording;
/// use lxcfs_core::{ContainerView, find};
///
/// # use std::{path::Path, time::Duration};
/// # use lxcfs_core::{Container, MemorySource, Source, live::Recorder};
/// # let recorder = Recorder::new(MemorySource::new().with("/proc/loadavg", "0.20 0.18 1.12 1/80 11206\n"));
/// # recorder.read(Path::new("/proc/loadavg")).unwrap();
/// # let dir = tempfile::tempdir().unwrap();
/// # recorder.write_to(dir.path(), &Container::host(1), Duration::ZERO, true).unwrap();
/// # let dir = dir.path();
/// // A directory that `lxcfs-cli record` has made.
/// let recording = Recording::open(dir).unwrap();
/// let container = recording.container();
/// let view = ContainerView::new(recording.source(), &container, recording.now());
/// assert_eq!(find("loadavg").unwrap().render(&view).unwrap(), "0.20 0.18 1.12 1/80 11206\n");
/// ```
#[derive(Debug)]
pub struct Recording {
    root: Root,
    manifest: Manifest,
}

impl Recording {
    /// Opens what [`Recorder::write_to`](super::Recorder::write_to) has written.
    ///
    /// # Errors
    ///
    /// [`RecordError`] if there is no manifest, or none that is understood here.
    ///
    /// ```
    /// use lxcfs_core::live::{RecordError, Recording};
    ///
    /// let empty = tempfile::tempdir().unwrap();
    /// assert!(matches!(Recording::open(empty.path()), Err(RecordError::Io { .. })));
    /// ```
    pub fn open(dir: impl AsRef<Path>) -> Result<Self, RecordError> {
        let path = dir.as_ref().join(MANIFEST);
        let text = fs::read(&path).map_err(|source| RecordError::Io {
            path: path.clone(),
            source,
        })?;
        let manifest: Manifest = serde_json::from_slice(&text).map_err(|source| RecordError::Manifest {
            path: path.clone(),
            source,
        })?;
        if manifest.version != VERSION {
            return Err(RecordError::Version {
                path,
                version: manifest.version,
            });
        }
        Ok(Self {
            root: Root::at(dir.as_ref()),
            manifest,
        })
    }

    /// The machine.
    ///
    /// ```
    /// use std::path::Path;
    /// use std::time::Duration;
    /// use lxcfs_core::live::{Recorder, Recording};
    /// use lxcfs_core::{Container, MemorySource, Source};
    ///
    /// let recorder = Recorder::new(MemorySource::new().with("/proc/uptime", "10.50 38.05\n"));
    /// recorder.read(Path::new("/proc/uptime")).unwrap();
    /// let dir = tempfile::tempdir().unwrap();
    /// recorder.write_to(dir.path(), &Container::host(1), Duration::ZERO, true).unwrap();
    /// let recording = Recording::open(dir.path()).unwrap();
    /// assert_eq!(recording.source().read(Path::new("/proc/uptime")).unwrap(), "10.50 38.05\n");
    /// ```
    #[must_use]
    pub fn source(&self) -> &(impl Source + std::fmt::Debug + use<>) {
        self
    }

    /// The container that was looked at.
    ///
    /// ```
    /// use std::time::Duration;
    /// use lxcfs_core::live::{Recorder, Recording};
    /// use lxcfs_core::{Container, MemorySource};
    ///
    /// let dir = tempfile::tempdir().unwrap();
    /// Recorder::new(MemorySource::new()).write_to(dir.path(), &Container::host(4711), Duration::ZERO, false).unwrap();
    /// assert_eq!(Recording::open(dir.path()).unwrap().container(), Container::host(4711));
    /// ```
    #[must_use]
    pub fn container(&self) -> Container {
        self.manifest.container()
    }

    /// When, since the machine's boot.
    ///
    /// ```
    /// use std::time::Duration;
    /// use lxcfs_core::live::{Recorder, Recording};
    /// use lxcfs_core::{Container, MemorySource};
    ///
    /// let (dir, now) = (tempfile::tempdir().unwrap(), Duration::from_secs(7200));
    /// Recorder::new(MemorySource::new()).write_to(dir.path(), &Container::host(1), now, false).unwrap();
    /// assert_eq!(Recording::open(dir.path()).unwrap().now(), now);
    /// ```
    #[must_use]
    pub fn now(&self) -> Duration {
        self.manifest.now()
    }
}

impl Source for Recording {
    fn read(&self, path: &Path) -> Result<Bytes, SourceError> {
        failed(&self.manifest.errors.read, path)?;
        self.root.read(path)
    }

    fn list(&self, dir: &Path) -> Result<Vec<Entry>, SourceError> {
        failed(&self.manifest.errors.list, dir)?;
        match self.manifest.listings.get(dir) {
            Some(names) => Ok(names
                .iter()
                .map(|(name, kind)| Entry {
                    name: name.clone(),
                    kind: (*kind).into(),
                })
                .collect()),
            // Not listed then; a recording that somebody has added files to by hand shows these.
            None => self.root.list(dir),
        }
    }

    fn read_link(&self, path: &Path) -> Result<PathBuf, SourceError> {
        failed(&self.manifest.errors.read_link, path)?;
        match self.manifest.links.get(path) {
            Some(target) => Ok(target.clone()),
            None => self.root.read_link(path),
        }
    }
}

fn failed(errors: &BTreeMap<PathBuf, Failure>, path: &Path) -> Result<(), SourceError> {
    match errors.get(path) {
        Some(failure) => Err(SourceError::new(path, (*failure).into())),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cgroup::{CgroupPath, Cgroups, Controller, Version};
    use crate::container::Init;
    use crate::live::Recorder;
    use crate::source::{EntryKind, MemorySource, SourceErrorKind};

    fn container() -> Container {
        let cgroups = Cgroups::unified("/sys/fs/cgroup", "/ct").with(
            Controller::Memory,
            CgroupPath::new(Version::V1, "/sys/fs/cgroup/memory", "/a b/ct"),
        );
        Container {
            caller: 7,
            init: Some(Init {
                pid: 5,
                start_ticks: 4242,
            }),
            cgroups,
        }
    }

    const NOW: Duration = Duration::new(1234, 567_890_123);

    #[test]
    fn everything_that_was_read_is_replayed() {
        let machine = MemorySource::new()
            .with("/proc/stat", "cpu  1\n")
            .with("/proc/empty", "")
            .with("/c/ct/binary", &b"\0\xff\n"[..])
            .with_error("/c/ct/memory.pressure", SourceErrorKind::NotSupported)
            .with_error("/c/ct/secret", SourceErrorKind::PermissionDenied)
            .with_error("/c/ct/odd", SourceErrorKind::Errno(5))
            .with_error("/proc/1/ns/pid", SourceErrorKind::PermissionDenied)
            .with_link("/proc/7/ns/pid", "pid:[1]")
            .with_link("/proc/self", "7")
            .with("/proc/self/mountinfo", "m\n")
            .with("/c/ct/unread", "never\n");
        let paths = [
            "/proc/stat",
            "/proc/empty",
            "/c/ct/binary",
            "/c/ct/memory.pressure",
            "/c/ct/secret",
            "/c/ct/odd",
        ]
        .into_iter()
        .chain([
            "/proc/1/ns/pid",
            "/proc/7/ns/pid",
            "/proc/self",
            "/proc/self/mountinfo",
            "/none",
            "/c/none/x",
        ])
        .map(Path::new);
        let recorder = Recorder::new(&machine);
        let files: Vec<_> = paths
            .clone()
            .filter(|path| !path.ends_with("ns/pid"))
            .map(|path| recorder.read(path))
            .collect();
        let links: Vec<_> = paths.clone().map(|path| recorder.read_link(path)).collect();
        let lists: Vec<_> = ["/c/ct", "/proc", "/none"]
            .map(Path::new)
            .map(|dir| recorder.list(dir))
            .into();

        let dir = tempfile::tempdir().unwrap();
        recorder.write_to(dir.path(), &container(), NOW, false).unwrap();
        let recording = Recording::open(dir.path()).unwrap();
        let replay = recording.source();
        let files_again: Vec<_> = paths
            .clone()
            .filter(|path| !path.ends_with("ns/pid"))
            .map(|path| replay.read(path))
            .collect();
        assert_eq!(files_again, files);
        // What is a file has no link to be read, which disk says by itself.
        assert_eq!(paths.map(|path| replay.read_link(path)).collect::<Vec<_>>(), links);
        assert_eq!(
            ["/c/ct", "/proc", "/none"]
                .map(Path::new)
                .map(|dir| replay.list(dir))
                .to_vec(),
            lists
        );
        assert_eq!(recording.container(), container());
        assert_eq!(recording.now(), NOW);
        let unread = replay.read(Path::new("/c/ct/unread")).unwrap_err();
        assert_eq!(unread.kind, SourceErrorKind::NotFound);
    }

    #[test]
    fn private_files_are_private_in_the_replay_whoever_reads_it() {
        let machine = MemorySource::new()
            .with("/d/a", "")
            .with_error("/d/b", SourceErrorKind::PermissionDenied);
        let recorder = Recorder::new(&machine);
        recorder.list(Path::new("/d")).unwrap();
        let dir = tempfile::tempdir().unwrap();
        recorder.write_to(dir.path(), &Container::host(1), NOW, false).unwrap();
        let kinds: Vec<_> = Recording::open(dir.path())
            .unwrap()
            .list(Path::new("/d"))
            .unwrap()
            .into_iter()
            .map(|entry| entry.kind)
            .collect();
        assert_eq!(kinds, [EntryKind::File, EntryKind::PrivateFile]);
    }

    #[test]
    fn links_are_links_on_disk() {
        let machine = MemorySource::new().with_link("/proc/7/ns/pid", "pid:[1]");
        let recorder = Recorder::new(&machine);
        recorder.read_link(Path::new("/proc/7/ns/pid")).unwrap();
        let dir = tempfile::tempdir().unwrap();
        recorder.write_to(dir.path(), &Container::host(7), NOW, false).unwrap();
        let namespace = Root::at(dir.path()).read_link(Path::new("/proc/7/ns/pid")).unwrap();
        assert_eq!(namespace, Path::new("pid:[1]"));
    }

    #[test]
    fn a_recording_is_not_written_over_another_one() {
        let dir = tempfile::tempdir().unwrap();
        let recorder = Recorder::new(MemorySource::new());
        recorder
            .write_to(&dir.path().join("new/one"), &Container::host(1), NOW, false)
            .unwrap();
        let error = recorder
            .write_to(dir.path(), &Container::host(1), NOW, false)
            .unwrap_err();
        assert!(matches!(error, RecordError::NotEmpty { .. }));
    }

    #[test]
    fn nothing_is_written_outside_the_directory() {
        let machine = MemorySource::new().with("/a/../../../etc/x", "").with("relative", "");
        for path in ["/a/../../../etc/x", "relative"] {
            let recorder = Recorder::new(&machine);
            recorder.read(Path::new(path)).unwrap();
            let dir = tempfile::tempdir().unwrap();
            let error = recorder
                .write_to(dir.path(), &Container::host(1), NOW, false)
                .unwrap_err();
            assert!(matches!(error, RecordError::Path { .. }), "{path}");
        }
    }

    #[test]
    fn a_directory_without_a_manifest_or_of_the_future_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(Recording::open(dir.path()), Err(RecordError::Io { .. })));
        fs::write(dir.path().join(MANIFEST), "{").unwrap();
        assert!(matches!(Recording::open(dir.path()), Err(RecordError::Manifest { .. })));
        let future = r#"{"version": 9, "now_nsec": 0, "caller": 1, "init": null, "cgroups": {}}"#;
        fs::write(dir.path().join(MANIFEST), future).unwrap();
        let error = Recording::open(dir.path()).unwrap_err().to_string();
        assert!(
            error.ends_with("recording.json: recording of version 9; this program reads version 1"),
            "{error}"
        );
    }
}
