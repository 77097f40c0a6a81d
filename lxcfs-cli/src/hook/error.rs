//! Why a container is without its files.

use std::io;
use std::path::PathBuf;

/// The files could not be bound.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HookError {
    #[error(
        "the daemon does not answer; the container has the host's files. Look at the daemon, then start the container again"
    )]
    Late,
    /// What the child process said.
    #[error("{0}")]
    Told(String),
    #[error("no state of a container on the standard input: {0}; a runtime calls this as a createContainer hook")]
    State(serde_json::Error),
    #[error("{}: no configuration of a container: {cause}", path.display())]
    Configuration { path: PathBuf, cause: serde_json::Error },
    #[error("LXC_ROOTFS_MOUNT is not set; LXC calls this as lxc.hook.mount")]
    NoRoot,
    #[error("{}: no file of the daemon there; start it, or say by --source where they are", path.display())]
    NoSource { path: PathBuf },
    #[error("{}: {doing}: {cause}", path.display())]
    File {
        path: PathBuf,
        doing: &'static str,
        cause: io::Error,
    },
    #[error("{doing}: {cause}")]
    System { doing: &'static str, cause: io::Error },
}

impl HookError {
    /// For `map_err`: `doing` failed.
    pub(super) fn system<E: Into<io::Error>>(doing: &'static str) -> impl FnOnce(E) -> Self {
        move |cause| Self::System {
            doing,
            cause: cause.into(),
        }
    }

    /// For `map_err`: `doing` failed with that file.
    pub(super) fn file<E: Into<io::Error>>(path: impl Into<PathBuf>, doing: &'static str) -> impl FnOnce(E) -> Self {
        let path = path.into();
        move |cause| Self::File {
            path,
            doing,
            cause: cause.into(),
        }
    }
}
