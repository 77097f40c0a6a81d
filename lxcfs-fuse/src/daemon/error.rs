//! Why the daemon could not start, or did not end as it should.

use std::io;
use std::path::PathBuf;

use super::config::ConfigError;
use super::pid_file::PidFileError;
use crate::error::MountError;
use crate::keeper::KeepError;
use crate::keeper::ask::AskError;
use crate::session::KeptError;

/// The daemon could not do its work.
///
/// ```
/// use clap::Parser as _;
/// use lxcfs_fuse::daemon::{CommandLine, Error, run};
///
/// let line = CommandLine::parse_from(["lxcfs", "--check", "--config=/nowhere.toml", "/var/lib/lxcfs"]);
/// let error = run(line.args).unwrap_err();
/// assert!(matches!(error, Error::Config(_)));
/// assert!(error.to_string().starts_with("configuration file /nowhere.toml: "));
/// ```
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
    /// A keeper has ended as it should not.
    #[error(transparent)]
    Keep(#[from] KeepError),
    /// A daemon that runs could not be asked.
    #[error(transparent)]
    Ask(#[from] AskError),
    /// What was passed on cannot be used.
    #[error(transparent)]
    Kept(#[from] KeptError),
    /// The control socket cannot be made.
    #[error("control socket {}: {source}; its directory must be there (--pidfile, --runtime-dir)", path.display())]
    Control {
        /// The socket.
        path: PathBuf,
        /// What the kernel says.
        source: io::Error,
    },
    /// The memory that says whether the host is shown is not to be had.
    #[error("cannot have memory that outlives the process: {0}")]
    Shown(#[source] io::Error),
    /// A daemon has handed over something else than a file system.
    #[error("control socket {}: it has handed over something else than a file system", .0.display())]
    Handed(PathBuf),
    /// The mount point cannot be looked at or cleaned.
    #[error("mount point {}: {source}", path.display())]
    MountPoint {
        /// The mount point.
        path: PathBuf,
        /// What the kernel says.
        source: io::Error,
    },
    /// The program itself cannot be found.
    #[error("cannot tell which program this is: {0}")]
    Program(#[source] io::Error),
    /// A worker is started by its keeper.
    #[error("--worker is for the keeper's use: it comes with descriptors (--keep starts a keeper)")]
    NoKeeper,
    /// The keeper does not say anything any more.
    #[error("the keeper cannot be heard: {0}")]
    Mail(#[source] io::Error),
    /// The keeper does not need this worker.
    #[error("the keeper has told this worker to end before it served")]
    NotNeeded,
    /// Nobody is there to keep anything.
    #[error(
        "--keep=systemd needs a service manager that keeps descriptors (Type=notify, FileDescriptorStoreMax=); --keep needs none"
    )]
    NoManager,
    /// A bug.
    #[error("unmounting ended by a panic")]
    Panicked,
}
