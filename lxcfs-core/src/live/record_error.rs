//! Why a recording could not be written or opened.

use std::io;
use std::path::PathBuf;

use super::manifest::VERSION;

/// A recording could not be written or opened.
///
/// ```
/// use std::time::Duration;
/// use lxcfs_core::live::{RecordError, Recorder};
/// use lxcfs_core::{Container, MemorySource};
///
/// let dir = tempfile::tempdir().unwrap();
/// std::fs::write(dir.path().join("notes"), "").unwrap();
/// let recorder = Recorder::new(MemorySource::new());
/// let error = recorder.write_to(dir.path(), &Container::host(1), Duration::ZERO, true).unwrap_err();
/// assert!(matches!(error, RecordError::NotEmpty { .. }));
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// A recording is made in a directory of its own, or old answers would mix with new ones.
    #[error("{}: not empty; choose a new directory", dir.display())]
    NotEmpty {
        /// The directory.
        dir: PathBuf,
    },
    /// A file of the recording could not be written or read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
    /// The manifest is no manifest, or has a path that is not UTF-8.
    #[error("{}: {source}", path.display())]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// The recording was written in a form that is not known here.
    #[error("{}: recording of version {version}; this program reads version {VERSION}", path.display())]
    Version {
        /// The manifest.
        path: PathBuf,
        /// Its version.
        version: u32,
    },
    /// A path was read that has no place below the directory.
    #[error("{}: not an absolute path without `..`", path.display())]
    Path {
        /// The path.
        path: PathBuf,
    },
}
