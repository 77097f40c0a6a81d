//! Why a read could not be served, and the error number that says so.

use lxcfs_core::live::ResolveError;
use lxcfs_core::{CaptureError, SourceErrorKind};
use nix::errno::Errno;

/// Why a read could not be served.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Failure {
    /// It is not known who asks.
    #[error("{0}")]
    Resolve(#[from] ResolveError),
    /// What is to be shown cannot be read.
    #[error("{0}")]
    Capture(#[from] CaptureError),
    /// It has taken too long.
    #[error("the kernel has not answered in time")]
    Deadline,
    /// The code is wrong.
    #[error("a bug: {0}")]
    Panic(String),
}

impl Failure {
    /// The error number for the reader. The one place where errors become numbers.
    pub(crate) fn errno(&self) -> Errno {
        match self {
            Self::Resolve(error) => match error {
                ResolveError::NoSuchProcess { .. } | ResolveError::Gone { .. } => Errno::ESRCH,
                ResolveError::PermissionDenied { .. } => Errno::EACCES,
                _ => Errno::EIO,
            },
            Self::Capture(error) => match error {
                CaptureError::NoSuchFile { .. } => Errno::ENOENT,
                CaptureError::NotAvailable { .. } => Errno::EOPNOTSUPP,
                CaptureError::Source(error) if error.kind == SourceErrorKind::NotSupported => Errno::EOPNOTSUPP,
                _ => Errno::EIO,
            },
            Self::Deadline | Self::Panic(_) => Errno::EIO,
        }
    }

    /// A word for counters and logs.
    pub(crate) fn cause(&self) -> &'static str {
        match self {
            Self::Resolve(ResolveError::NoSuchProcess { .. } | ResolveError::Gone { .. }) => "caller-gone",
            Self::Resolve(_) => "caller-unknown",
            Self::Capture(CaptureError::NoSuchFile { .. }) => "no-such-file",
            Self::Capture(CaptureError::NotAvailable { .. }) => "not-available",
            Self::Capture(CaptureError::Parse { .. }) => "not-understood",
            Self::Capture(_) => "not-readable",
            Self::Deadline => "deadline",
            Self::Panic(_) => "panic",
        }
    }

    /// Whether this is an answer rather than a failure: no second try would change it, and nobody needs to know.
    pub(crate) fn is_an_answer(&self) -> bool {
        matches!(
            self,
            Self::Capture(CaptureError::NoSuchFile { .. } | CaptureError::NotAvailable { .. })
                | Self::Resolve(ResolveError::NoSuchProcess { .. })
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lxcfs_core::SourceError;

    #[test]
    fn each_error_has_its_number() {
        let source = |kind| Failure::Capture(SourceError::new("/x", kind).into()).errno();
        assert_eq!(source(SourceErrorKind::Gone), Errno::EIO);
        assert_eq!(source(SourceErrorKind::NotSupported), Errno::EOPNOTSUPP);
        let none = CaptureError::NoSuchFile { path: "x".to_owned() };
        assert_eq!(Failure::from(none).errno(), Errno::ENOENT);
        assert_eq!(Failure::from(ResolveError::Gone { pid: 7 }).errno(), Errno::ESRCH);
        assert_eq!(Failure::Deadline.errno(), Errno::EIO);
    }
}
