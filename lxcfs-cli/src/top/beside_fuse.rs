//! A source that leaves alone what a FUSE file system serves: who looks at all containers is not to wait for any of them.
//!
//! In a container that LXCFS shows its files, `/proc/meminfo` is such a file. A server that hangs would hang us with it, in
//! a wait that no signal ends. Which places these are is read from the mount table, without touching them.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use lxcfs_core::mountinfo::mounts;
use lxcfs_core::{Entry, Source, SourceError, SourceErrorKind};

/// A source without the places below some mount points.
#[derive(Debug, Clone)]
pub(super) struct BesideFuse<S> {
    source: S,
    served: Vec<PathBuf>,
    reading: Reading,
}

/// What was read last: where the kernel does not answer, that is why.
#[derive(Debug, Clone, Default)]
pub(super) struct Reading(Arc<Mutex<PathBuf>>);

impl Reading {
    fn say(&self, path: &Path) {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.clear();
        last.push(path);
    }

    pub(super) fn last(&self) -> PathBuf {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl<S: Source> BesideFuse<S> {
    /// That source, less what FUSE file systems serve at this moment.
    pub(super) fn of(source: S) -> Result<Self, SourceError> {
        let mounts = source.read(Path::new("/proc/self/mountinfo"))?;
        let served = served(&mounts);
        Ok(Self {
            source,
            served,
            reading: Reading::default(),
        })
    }

    /// What is read, to look at from another thread.
    pub(super) fn reading(&self) -> Reading {
        self.reading.clone()
    }

    /// The files of `/proc` and `/sys` that are left alone.
    pub(super) fn left_alone(&self) -> impl Iterator<Item = &Path> {
        let places = self.served.iter().map(PathBuf::as_path);
        places.filter(|place| place.starts_with("/proc") || place.starts_with("/sys"))
    }

    fn may(&self, path: &Path) -> Result<&S, SourceError> {
        if self.served.iter().any(|place| path.starts_with(place)) {
            return Err(SourceError::new(path, SourceErrorKind::NotSupported));
        }
        self.reading.say(path);
        Ok(&self.source)
    }
}

impl<S: Source> Source for BesideFuse<S> {
    fn read(&self, path: &Path) -> Result<Bytes, SourceError> {
        self.may(path)?.read(path)
    }

    fn list(&self, dir: &Path) -> Result<Vec<Entry>, SourceError> {
        self.may(dir)?.list(dir)
    }

    fn list_directories(&self, dir: &Path) -> Result<Vec<String>, SourceError> {
        self.may(dir)?.list_directories(dir)
    }

    fn read_link(&self, path: &Path) -> Result<PathBuf, SourceError> {
        self.may(path)?.read_link(path)
    }
}

/// The mount points of FUSE file systems in a mount table, less those that another mount hides.
fn served(mountinfo: &[u8]) -> Vec<PathBuf> {
    let mut served: Vec<PathBuf> = Vec::new();
    for mount in mounts(mountinfo) {
        served.retain(|place| !place.starts_with(&mount.point));
        if mount.kind.as_encoded_bytes().starts_with(b"fuse") {
            served.push(mount.point);
        }
    }
    served
}

#[cfg(test)]
mod tests {
    use super::*;
    use lxcfs_core::MemorySource;

    const MOUNTS: &str = "\
        22 1 0:20 / /proc rw - proc proc rw\n\
        23 22 0:50 /proc/meminfo /proc/meminfo ro shared:7 - fuse.lxcfs lxcfs rw\n\
        24 1 0:51 / /var/lib/lxcfs rw - fuse.lxcfs lxcfs rw\n";

    #[test]
    fn what_fuse_serves_is_not_read() {
        let machine = MemorySource::new()
            .with("/proc/self/mountinfo", MOUNTS)
            .with("/proc/meminfo", "MemTotal: 1 kB\n")
            .with("/proc/meminfo2", "x");
        let source = BesideFuse::of(machine).unwrap();
        let error = source.read(Path::new("/proc/meminfo")).unwrap_err();
        assert_eq!(error.kind, SourceErrorKind::NotSupported);
        assert!(source.read(Path::new("/proc/meminfo2")).is_ok());
        assert_eq!(source.left_alone().collect::<Vec<_>>(), [Path::new("/proc/meminfo")]);
    }

    #[test]
    fn what_another_mount_hides_can_be_read() {
        let over = format!("{MOUNTS}25 22 0:60 / /proc rw - proc proc rw\n");
        assert_eq!(served(over.as_bytes()), [Path::new("/var/lib/lxcfs")]);
    }
}
