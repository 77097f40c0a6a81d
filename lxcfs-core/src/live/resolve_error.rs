//! Why the container of a process could not be found, and what helps.

use std::path::PathBuf;

use crate::container::Pid;
use crate::error::ParseError;
use crate::source::{SourceError, SourceErrorKind};

/// The container of a process could not be found.
///
/// ```
/// use lxcfs_core::cgroup::Hierarchies;
/// use lxcfs_core::live::{ResolveError, container_of};
/// use lxcfs_core::MemorySource;
///
/// let error = container_of(&MemorySource::new(), &Hierarchies::default(), 4711).unwrap_err();
/// assert_eq!(error, ResolveError::NoSuchProcess { pid: 4711 });
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResolveError {
    /// There is no such process.
    #[error("no process {pid}; it has ended, or its number is of a pid namespace that /proc does not show")]
    NoSuchProcess {
        /// The process.
        pid: Pid,
    },
    /// The process may not be looked at.
    #[error("process {pid}: {}: permission denied; run as root of the host with CAP_SYS_PTRACE", path.display())]
    PermissionDenied {
        /// The process.
        pid: Pid,
        /// What may not be read.
        path: PathBuf,
    },
    /// The process or its container ended while it was looked at, and another one may have its number already.
    #[error("process {pid} or its container ended while it was looked at; ask again")]
    Gone {
        /// The process.
        pid: Pid,
    },
    /// The process is in a pid namespace whose first process is not in `/proc`.
    #[error(
        "process {pid}: the first process of its pid namespace is not in /proc; mount /proc of the host, without hidepid"
    )]
    InitNotFound {
        /// The process.
        pid: Pid,
    },
    /// A file of the process could be read and not understood.
    #[error("process {pid}: {source}; this is a bug or an unknown kernel, please report it with the file")]
    Malformed {
        /// The process.
        pid: Pid,
        /// What is wrong with it.
        source: ParseError,
    },
    /// A file could not be read for another reason.
    #[error(transparent)]
    Source(SourceError),
}

impl ResolveError {
    /// What it means for a process that one of its files cannot be read.
    pub(super) fn of_process(error: SourceError, pid: Pid) -> Self {
        match error.kind {
            SourceErrorKind::NotFound | SourceErrorKind::Gone => Self::NoSuchProcess { pid },
            SourceErrorKind::PermissionDenied => Self::PermissionDenied { pid, path: error.path },
            SourceErrorKind::NotSupported | SourceErrorKind::Errno(_) => Self::Source(error),
        }
    }

    /// An error of the init, for its caller: that the init has ended is not the caller's absence.
    pub(super) fn of_init(self, caller: Pid) -> Self {
        match self {
            Self::NoSuchProcess { .. } => Self::Gone { pid: caller },
            other => other,
        }
    }
}
