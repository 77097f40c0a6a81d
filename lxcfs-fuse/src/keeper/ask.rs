//! Talking to a daemon that runs: over its control socket.

use std::fs;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;
use std::time::Duration;

use rustix::io::{Errno, retry_on_intr};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with, sockopt};

use super::mounts;
use super::packet::{Packet, Refusal, Word, send, wait_for};
use super::said;
use crate::status::Status;

/// How long the other side has for each step. It has little to do.
const STEP: Duration = Duration::from_secs(10);

/// A daemon could not be asked.
///
/// ```
/// use std::path::Path;
/// use lxcfs_fuse::daemon::{AskError, stop};
///
/// let error = stop(Path::new("/nowhere/lxcfs.pid"), true).unwrap_err();
/// assert!(matches!(error, AskError::Connect { .. }));
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AskError {
    /// The socket does not lead to a daemon.
    #[error("control socket {path}: {source}; is a daemon running with that pid file?")]
    Connect {
        /// The socket.
        path: String,
        /// What the kernel says.
        source: io::Error,
    },
    /// The daemon does not speak to everybody.
    #[error("control socket {path}: permission denied; only root and the daemon's own user may ask")]
    MayNot {
        /// The socket.
        path: String,
    },
    /// The conversation broke off.
    #[error("control socket {path}: {source}")]
    Broken {
        /// The socket.
        path: String,
        /// What the kernel says.
        source: io::Error,
    },
    /// The daemon does not answer.
    #[error("control socket {path}: no answer in {} s", STEP.as_secs())]
    Silent {
        /// The socket.
        path: String,
    },
    /// It has left its mount, and that cannot be unmounted.
    #[error("the daemon has ended and left its mount, which cannot be unmounted: {source}")]
    Unmount {
        /// What the kernel says.
        source: io::Error,
    },
    /// The daemon does not know what it was asked.
    #[error(
        "control socket {path}: it is an older lxcfs, which cannot say what it does; one of this version that is started with --take-over can"
    )]
    Older {
        /// The socket.
        path: String,
    },
    /// The daemon has said something that is not understood.
    #[error("control socket {path}: the answer is not understood: {why}; lxcfs and lxcfs-cli are to be of one version")]
    NotUnderstood {
        /// The socket.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// The daemon does not want to.
    #[error("control socket {path}: refused: {why}")]
    Refused {
        /// The socket.
        path: String,
        /// Why.
        why: &'static str,
    },
}

/// A conversation with a daemon.
#[derive(Debug)]
pub(crate) struct Talk {
    path: String,
    socket: OwnedFd,
}

impl Talk {
    /// Begins one, if somebody listens.
    pub(crate) fn begin(path: &Path) -> Result<Option<Self>, AskError> {
        let named = path.display().to_string();
        let connected = (|| {
            let socket = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
            // Many may wait to be let in.
            sockopt::set_socket_timeout(&socket, sockopt::Timeout::Send, Some(STEP))?;
            let address = SocketAddrUnix::new(path)?;
            retry_on_intr(|| connect(&socket, &address))?;
            Ok(socket)
        })();
        match connected {
            Ok(socket) => Ok(Some(Self { path: named, socket })),
            Err(Errno::NOENT | Errno::CONNREFUSED | Errno::NOTDIR) => Ok(None),
            Err(Errno::AGAIN) => Err(AskError::Silent { path: named }),
            Err(Errno::ACCESS | Errno::PERM) => Err(AskError::MayNot { path: named }),
            Err(error) => Err(AskError::Connect {
                path: named,
                source: error.into(),
            }),
        }
    }

    /// Goes on with one that another program of this process began.
    pub(crate) fn going_on(path: &Path, socket: OwnedFd) -> Self {
        Self {
            path: path.display().to_string(),
            socket,
        }
    }

    /// Says something, and waits for an answer.
    pub(crate) fn ask(&self, word: Word) -> Result<Packet, AskError> {
        self.say(word)?;
        self.hear(STEP)
    }

    pub(crate) fn say(&self, word: Word) -> Result<(), AskError> {
        send(self.socket.as_fd(), word, 0, &[]).map_err(|source| self.broken(source))
    }

    /// Waits for a word that is no refusal.
    pub(crate) fn hear(&self, within: Duration) -> Result<Packet, AskError> {
        let packet = wait_for(&self.socket, within).map_err(|source| self.broken(source))?;
        match packet {
            None => Err(AskError::Silent {
                path: self.path.clone(),
            }),
            Some(refused) if refused.word == Word::Refused => Err(AskError::Refused {
                path: self.path.clone(),
                why: Refusal::text(refused.number),
            }),
            Some(packet) => Ok(packet),
        }
    }

    fn broken(&self, source: io::Error) -> AskError {
        AskError::Broken {
            path: self.path.clone(),
            source,
        }
    }
}

/// Has the daemon with that pid file end, or unmount and end, and waits until it has.
///
/// # Errors
///
/// [`AskError`].
///
/// ```no_run
/// use std::path::Path;
/// use lxcfs_fuse::daemon::stop;
///
/// // Whoever keeps it, it is unmounted.
/// stop(Path::new("/run/lxcfs.pid"), true)?;
/// # Ok::<(), lxcfs_fuse::daemon::AskError>(())
/// ```
pub fn stop(pid_file: &Path, unmount: bool) -> Result<(), AskError> {
    let path = super::control::beside(pid_file);
    let talk = there(&path)?;
    let done = talk.ask(if unmount { Word::Unmount } else { Word::Stop })?;
    // It hangs up when it ends, or says that it has.
    match talk.hear(STEP) {
        Ok(_) | Err(AskError::Broken { .. }) => {}
        Err(error) => return Err(error),
    }
    if done.number == 0 {
        return Ok(());
    }
    // A worker that was left alone: it leaves to us what takes more than it has.
    mounts::unmount_device(done.number).map_err(|source| AskError::Unmount { source })?;
    if Talk::begin(&path)?.is_none() {
        // If it cannot be removed, the next one does it.
        let _ = fs::remove_file(&path);
    }
    Ok(())
}

/// Asks the daemon with that pid file what it does. It answers also when nobody is served.
///
/// ```no_run
/// use std::path::Path;
///
/// let status = lxcfs_fuse::daemon::status(Path::new("/run/lxcfs.pid"))?;
/// println!("{} containers at {}", status.containers.len(), status.mount_point);
/// # Ok::<(), lxcfs_fuse::daemon::AskError>(())
/// ```
///
/// # Errors
///
/// [`AskError`].
pub fn status(pid_file: &Path) -> Result<Status, AskError> {
    let path = super::control::beside(pid_file);
    let talk = there(&path)?;
    let packet = talk.ask(Word::Status).map_err(|error| match error {
        AskError::Refused { path, why } if why == Refusal::text(Refusal::VERSION) => AskError::Older { path },
        error => error,
    })?;
    let said = match packet.descriptors.into_iter().next() {
        Some(said) if packet.word == Word::Said => said::hear(said).map_err(|error| error.to_string()),
        _ => Err("it says something else".to_owned()),
    };
    let status = said.and_then(|text| serde_json::from_slice(&text).map_err(|error| error.to_string()));
    status.map_err(|why| AskError::NotUnderstood { path: talk.path, why })
}

/// A conversation with somebody who is to be there.
fn there(path: &Path) -> Result<Talk, AskError> {
    Talk::begin(path)?.ok_or_else(|| AskError::Connect {
        path: path.display().to_string(),
        source: io::ErrorKind::NotFound.into(),
    })
}
