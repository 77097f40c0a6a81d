//! Why a connection to a runtime has ended.

use std::io;
use std::path::PathBuf;

use crate::mux::FrameTooLong;
use crate::ttrpc::MessageTooLong;

/// Why a connection has ended, or could not be made.
///
/// ```
/// use lxcfs_nri::Error;
///
/// let cause = std::io::Error::from_raw_os_error(2);
/// let error = Error::Connect { path: "/var/run/nri/nri.sock".into(), cause };
/// assert!(error.to_string().ends_with("is the runtime running, with NRI enabled?"));
/// ```
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody listens there.
    #[error("{}: {cause}; is the runtime running, with NRI enabled?", path.display())]
    Connect {
        /// The socket.
        path: PathBuf,
        /// What the kernel said.
        cause: io::Error,
    },
    /// The runtime has closed it.
    #[error("the runtime has closed the connection")]
    Closed,
    /// It could not be read from or written to.
    #[error("the connection to the runtime: {0}")]
    Io(#[from] io::Error),
    /// The runtime has not taken us.
    #[error("the runtime refuses the plugin: {message} (code {code})")]
    Refused {
        /// One of ttrpc's codes.
        code: i32,
        /// What the runtime said.
        message: String,
    },
    /// The runtime has neither taken nor refused us.
    #[error("the runtime does not answer to the registration")]
    Silent,
    /// A frame that cannot be.
    #[error(transparent)]
    Frame(#[from] FrameTooLong),
    /// A message that cannot be.
    #[error(transparent)]
    Message(#[from] MessageTooLong),
    /// A message that cannot be understood.
    #[error("a message of kind {kind} that cannot be understood")]
    NotUnderstood {
        /// The kind.
        kind: u8,
    },
    /// A mistake of ours.
    #[error("a call of {method} has failed by a mistake in this plugin")]
    Panicked {
        /// The call.
        method: String,
    },
}
