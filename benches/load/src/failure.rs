//! Why a run ends early.

use std::fmt::Display;
use std::io;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The system refused something.
    #[error("{what}: {cause}")]
    System { what: String, cause: io::Error },
    /// Something else was not as it has to be.
    #[error("{0}")]
    Wrong(String),
    /// A signal has asked for the end.
    #[error("stopped")]
    Stopped,
}

impl Failure {
    pub(crate) fn wrong(what: impl Display) -> Self {
        Self::Wrong(what.to_string())
    }
}

/// Says what was being done when the system refused.
pub(crate) trait Doing<T> {
    fn doing(self, what: impl Display) -> Result<T, Failure>;
}

impl<T, E: Into<io::Error>> Doing<T> for Result<T, E> {
    fn doing(self, what: impl Display) -> Result<T, Failure> {
        self.map_err(|cause| Failure::System {
            what: what.to_string(),
            cause: cause.into(),
        })
    }
}
