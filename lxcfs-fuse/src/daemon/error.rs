//! Why the daemon could not start, or did not end as it should.

use std::io;

use super::config::ConfigError;
use super::pid_file::PidFileError;
use crate::error::MountError;

/// The daemon could not do its work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The configuration file cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The pid file cannot be had.
    #[error(transparent)]
    PidFile(#[from] PidFileError),
    /// The file system cannot be mounted or unmounted.
    #[error(transparent)]
    Mount(#[from] MountError),
    /// Pressure triggers are written, so that a read-only mount has none.
    #[error("-o ro and pressure triggers (--enable-psi-poll, psi-poll) exclude each other")]
    ReadOnlyTriggers,
    /// A relative path and no working directory.
    #[error("working directory: {0}")]
    WorkingDirectory(#[source] io::Error),
    /// The connection to the kernel has ended before anybody unmounted.
    #[error("requests have ended: {0}")]
    Requests(#[source] io::Error),
    /// Signals cannot be waited for.
    #[error("cannot wait for signals: {0}")]
    Signals(#[source] io::Error),
    /// A thread is not to be had.
    #[error("cannot start the thread that unmounts: {0}")]
    Thread(#[source] io::Error),
    /// The signal to end came again before the end.
    #[error("told again to end while unmounting: ended without knowing whether it is unmounted")]
    Impatient,
    /// A bug.
    #[error("unmounting ended by a panic")]
    Panicked,
}
