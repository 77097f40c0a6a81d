//! What can go wrong, said so that one knows what to do.

use std::io;
use std::path::PathBuf;

use lxcfs_core::live::{RecordError, ResolveError};
use lxcfs_core::{CaptureError, Pid};

/// A subcommand could not do its work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("{given}: there is no virtual file of that name; `lxcfs-cli list` shows them all")]
    NoSuchFile { given: String },
    #[error(transparent)]
    Capture(#[from] CaptureError),
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    #[error(transparent)]
    Record(#[from] RecordError),
    #[error("{}: no answer for {seconds} s; the kernel may wait for a FUSE server or a process that is stuck", path.display())]
    NoAnswer { path: PathBuf, seconds: u64 },
    #[error("process {pid}: {cause}")]
    Process { pid: Pid, cause: CaptureError },
    #[error("{}: {doing}: {cause}", path.display())]
    File {
        path: PathBuf,
        doing: &'static str,
        cause: io::Error,
    },
    #[error("standard output: {0}")]
    Output(#[from] io::Error),
    #[error(transparent)]
    Daemon(#[from] lxcfs_fuse::daemon::Error),
    #[error("signals: {0}")]
    Signals(io::Error),
    #[error("a thread: {0}")]
    Thread(io::Error),
    #[error(transparent)]
    Heal(#[from] lxcfs_fuse::heal::HealError),
    #[error(transparent)]
    Stop(#[from] lxcfs_fuse::daemon::AskError),
    #[error("process {pid}: the daemon does not know its container, which has not read any of its files yet")]
    NeverAsked { pid: Pid },
    #[error("--watch needs a terminal; with --json it prints one object a line anywhere")]
    NoTerminal,
    #[error(transparent)]
    Run(#[from] crate::run::RunError),
    #[error(transparent)]
    Inject(#[from] crate::inject::InjectError),
    #[error(transparent)]
    Hook(#[from] crate::hook::HookError),
}

impl Failure {
    /// Whether whoever read our output has gone: `lxcfs-cli render meminfo | head -1` is no failure.
    pub(crate) fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }

    /// For `map_err`: the file could not be `doing`.
    pub(crate) fn file(path: impl Into<PathBuf>, doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |cause| Self::File { path, doing, cause }
    }
}
