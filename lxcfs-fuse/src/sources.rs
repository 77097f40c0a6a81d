//! Where captures read: descriptors that stay open, and texts that are shared for a moment.
//!
//! Three kinds of files, three ways:
//!
//! * The container's own cgroup files are read for every capture, by a kept descriptor.
//! * The host's own files tell all containers the same: read once for all within the coalescing time, and within
//!   [`STEADY`] for what hardly ever changes in them.
//! * The cgroups above the container's (how much a parent has left) are read for every capture on the way up, once for each
//!   level. They are shared for [`ANCESTORS`], so that a capture costs the same at any depth.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use lxcfs_core::cgroup::{Cgroups, Controller};
use lxcfs_core::live::KeptOpen;
use lxcfs_core::{Entry, Source, SourceError, SourceErrorKind};

use crate::personality::Personality;

/// How long what the cgroups above a container say is shared, at least.
pub(crate) const ANCESTORS: Duration = Duration::from_millis(100);

/// How long what hardly ever changes in a file of the host's is shared: the model of a CPU, the boot time.
const STEADY: Duration = Duration::from_secs(1);

/// More texts than this are not shared; those whose time is over are dropped first.
const MOST_SHARED: usize = 4096;

/// What all captures have in common.
#[derive(Debug)]
pub(crate) struct Sources {
    kept: KeptOpen,
    shared: Mutex<SharedTexts>,
}

/// By the bytes of their paths, as [`KeptOpen`] has its descriptors.
type SharedTexts = HashMap<(OsString, Personality), Shared>;

#[derive(Debug, Clone)]
struct Shared {
    at: Instant,
    text: Result<Bytes, SourceErrorKind>,
}

impl Sources {
    /// At most `most` descriptors are kept open.
    pub(crate) fn with_most(most: usize) -> Self {
        Self {
            kept: KeptOpen::with_most(most),
            shared: Mutex::default(),
        }
    }

    /// What one capture reads from.
    pub(crate) fn capture<'a>(
        &'a self,
        cgroups: &'a Cgroups,
        coalesce: Duration,
        personality: Personality,
    ) -> Capture<'a> {
        Capture {
            sources: self,
            cgroups,
            coalesce,
            personality,
        }
    }

    /// How many descriptors are kept open.
    pub(crate) fn kept(&self) -> usize {
        self.kept.kept()
    }

    /// The container with these cgroups has ended. Another one in the same cgroups opens their files again.
    pub(crate) fn forget(&self, cgroups: &Cgroups) {
        let dirs = Controller::ALL.iter().filter_map(|one| cgroups.get(*one));
        self.kept.close(&dirs.map(|cgroup| cgroup.dir().as_os_str()).collect());
    }

    /// Drops what is no longer shared.
    pub(crate) fn drop_stale(&self, older_than: Duration) {
        let mut shared = self.lock();
        shared.retain(|_, text| text.at.elapsed() < older_than);
        shared.shrink_to(64);
    }

    fn shared(&self, path: OsString, personality: Personality, fresh_for: Duration) -> Result<Bytes, SourceError> {
        let key = (path, personality);
        let now = Instant::now();
        let fresh = |text: &&Shared| now.saturating_duration_since(text.at) < fresh_for;
        if let Some(shared) = self.lock().get(&key).filter(fresh).cloned() {
            return shared.text.map_err(|kind| SourceError::new(key.0, kind));
        }
        let text = personality.while_reading(|| self.kept.read(Path::new(&key.0)));
        let shared = Shared {
            at: now,
            text: text.clone().map_err(|error| error.kind),
        };
        let mut all = self.lock();
        if all.len() >= MOST_SHARED {
            all.retain(|_, text| now.saturating_duration_since(text.at) < fresh_for);
            if all.len() >= MOST_SHARED {
                all.clear();
            }
        }
        all.insert(key, shared);
        text
    }

    fn lock(&self) -> MutexGuard<'_, SharedTexts> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one capture reads from: the sources, as one container's.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Capture<'a> {
    sources: &'a Sources,
    cgroups: &'a Cgroups,
    coalesce: Duration,
    personality: Personality,
}

impl Capture<'_> {
    fn is_own(&self, dir: &Path) -> bool {
        Controller::ALL
            .iter()
            .filter_map(|controller| self.cgroups.get(*controller))
            // By their bytes: to compare two paths, both are taken apart first.
            .any(|cgroup| cgroup.dir().as_os_str() == dir.as_os_str())
    }
}

impl Source for Capture<'_> {
    /// A file of the host's.
    fn read(&self, path: &Path) -> Result<Bytes, SourceError> {
        if self.coalesce.is_zero() || !KeptOpen::keeps(path) {
            return self.personality.while_reading(|| self.sources.kept.read(path));
        }
        let path = path.as_os_str().to_owned();
        self.sources.shared(path, self.personality, self.coalesce)
    }

    /// A file of the host's that hardly ever changes.
    fn read_steady(&self, path: &Path) -> Result<Bytes, SourceError> {
        let path = path.as_os_str().to_owned();
        let fresh_for = self.coalesce.max(STEADY);
        self.sources.shared(path, self.personality, fresh_for)
    }

    /// A file of a cgroup.
    fn read_in(&self, dir: &Path, name: &str) -> Result<Bytes, SourceError> {
        if self.is_own(dir) || name == "cgroup.procs" {
            return self.sources.kept.read_in(dir, name);
        }
        let fresh_for = self.coalesce.max(ANCESTORS);
        let path = dir.join(name).into_os_string();
        self.sources.shared(path, Personality::default(), fresh_for)
    }

    fn list(&self, dir: &Path) -> Result<Vec<Entry>, SourceError> {
        self.sources.kept.list(dir)
    }

    fn list_directories(&self, dir: &Path) -> Result<Vec<String>, SourceError> {
        self.sources.kept.list_directories(dir)
    }

    fn read_link(&self, path: &Path) -> Result<PathBuf, SourceError> {
        self.sources.kept.read_link(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// A directory that stands for a hierarchy, with a container in a pod.
    fn hierarchy() -> (tempfile::TempDir, Cgroups) {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("pod/ct")).unwrap();
        let cgroups = Cgroups::unified(dir.path(), "/pod/ct");
        (dir, cgroups)
    }

    fn capture<'a>(sources: &'a Sources, cgroups: &'a Cgroups, coalesce: Duration) -> Capture<'a> {
        sources.capture(cgroups, coalesce, Personality::default())
    }

    /// What is read after the file has said 1 and then 2.
    fn read_after_change(path: &Path, read: impl Fn() -> Bytes) -> Bytes {
        fs::write(path, "1").unwrap();
        assert_eq!(read(), "1");
        fs::write(path, "2").unwrap();
        read()
    }

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn the_own_cgroup_is_always_read_and_those_above_it_are_shared_for_a_moment() {
        let (dir, cgroups) = hierarchy();
        let sources = Sources::with_most(16);
        for coalesce in [Duration::ZERO, HOUR] {
            let capture = capture(&sources, &cgroups, coalesce);
            let (own, above) = (dir.path().join("pod/ct"), dir.path().join("pod"));
            let read = |dir: &Path| capture.read_in(dir, "memory.current").unwrap();
            assert_eq!(read_after_change(&own.join("memory.current"), || read(&own)), "2");
            assert_eq!(read_after_change(&above.join("memory.current"), || read(&above)), "1");
            std::thread::sleep(ANCESTORS);
            sources.drop_stale(ANCESTORS);
            assert_eq!(read(&above), "2");
            sources.drop_stale(Duration::ZERO);
        }
    }

    #[test]
    fn a_file_of_the_hosts_is_shared_within_the_coalescing_time_and_what_hardly_changes_longer() {
        let (dir, cgroups) = hierarchy();
        let sources = Sources::with_most(16);
        let path = dir.path().join("meminfo");
        for (coalesce, now) in [(Duration::ZERO, "2"), (HOUR, "1")] {
            let capture = capture(&sources, &cgroups, coalesce);
            assert_eq!(read_after_change(&path, || capture.read(&path).unwrap()), now);
            sources.drop_stale(Duration::ZERO);
            assert_eq!(read_after_change(&path, || capture.read_steady(&path).unwrap()), "1");
            sources.drop_stale(Duration::ZERO);
        }
    }

    #[test]
    fn that_a_file_is_missing_is_shared_too() {
        let (dir, cgroups) = hierarchy();
        let sources = Sources::with_most(16);
        let capture = capture(&sources, &cgroups, HOUR);
        let path = dir.path().join("swaps");
        assert_eq!(capture.read(&path).unwrap_err().kind, SourceErrorKind::NotFound);
        fs::write(&path, "1").unwrap();
        assert_eq!(
            capture.read(&path).unwrap_err().to_string(),
            format!("{}: no such file", path.display())
        );
    }
}
