//! What can fail before rendering starts; rendering itself cannot.

use std::path::PathBuf;

use crate::source::SourceError;

/// A kernel file did not have the form that its documentation gives it.
///
/// ```
/// use lxcfs_core::CpuList;
///
/// let error = CpuList::parse(b"0-x\n").unwrap_err();
/// assert_eq!(error.to_string(), "CPU list: expected ids and ranges such as 0-3,8, found \"0-x\\n\"");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}: expected {expected}, found {found:?}")]
pub struct ParseError {
    /// What was being parsed: a file name, a field.
    pub what: &'static str,
    /// The form that was expected.
    pub expected: &'static str,
    /// The beginning of what was there instead.
    pub found: String,
}

impl ParseError {
    /// An error that quotes at most the first 40 bytes of what was found.
    ///
    /// ```
    /// use lxcfs_core::ParseError;
    ///
    /// let error = ParseError::new("quota", "a number or max", &[b'9'; 100]);
    /// assert_eq!(error.found.len(), 40);
    /// ```
    #[must_use]
    pub fn new(what: &'static str, expected: &'static str, found: &[u8]) -> Self {
        let found = found.get(..40).unwrap_or(found);
        Self {
            what,
            expected,
            found: String::from_utf8_lossy(found).into_owned(),
        }
    }
}

/// The facts for a virtual file could not be gathered.
///
/// ```
/// use std::time::Duration;
/// use lxcfs_core::{CaptureError, Container, ContainerView, MemorySource, find};
///
/// let (machine, container) = (MemorySource::new(), Container::host(1));
/// let view = ContainerView::new(&machine, &container, Duration::ZERO);
/// let error = find("proc/meminfo").unwrap().render(&view).unwrap_err();
/// assert!(matches!(error, CaptureError::Source(_)));
/// assert_eq!(error.to_string(), "/proc/meminfo: no such file");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CaptureError {
    /// A file could not be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A file could be read and not understood.
    #[error("{}: {source}", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: ParseError,
    },
    /// There is no such virtual file for this container: a CPU it does not see, a directory, a kernel without PSI.
    #[error("{path}: no such virtual file for this container")]
    NoSuchFile {
        /// The path below the mount point.
        path: String,
    },
    /// The kernel cannot tell this for a container (pressure on cgroup v1), and the host's numbers are not its own.
    #[error("{path}: {reason}")]
    NotAvailable {
        /// The path below the mount point.
        path: &'static str,
        /// Why, and what would help.
        reason: &'static str,
    },
}

impl CaptureError {
    /// The parse error of that file.
    ///
    /// ```
    /// use lxcfs_core::{CaptureError, CpuList};
    ///
    /// let path = "/sys/devices/system/cpu/online";
    /// let error = CpuList::parse(b"none\n").map_err(|error| CaptureError::parse(path, error)).unwrap_err();
    /// assert!(error.to_string().starts_with("/sys/devices/system/cpu/online: CPU list: expected "));
    /// ```
    #[must_use]
    pub fn parse(path: impl Into<PathBuf>, source: ParseError) -> Self {
        Self::Parse {
            path: path.into(),
            source,
        }
    }
}
