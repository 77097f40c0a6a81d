//! One thread that closes pressure files.
//!
//! The kernel makes who closes one wait for all CPUs, for twenty milliseconds as a rule. Threads that answer requests have
//! no such time: a container that sets triggers and closes them would have all others wait.

use std::fs::File;
use std::io;
use std::sync::mpsc::{Sender, channel};
use std::thread;

/// The thread. When this is dropped, it closes what it has been given, and ends.
#[derive(Debug)]
pub(super) struct Closer(Sender<(u64, File)>);

impl Closer {
    /// `closed` is called by the thread with the token of a file that has been closed.
    pub(super) fn start(closed: impl Fn(u64) + Send + 'static) -> io::Result<Self> {
        let (sender, receiver) = channel();
        let close = move || {
            for (token, file) in receiver {
                drop(file);
                closed(token);
            }
        };
        thread::Builder::new().name("psi-closer".to_owned()).spawn(close)?;
        Ok(Self(sender))
    }

    pub(super) fn close(&self, token: u64, file: File) {
        // The thread is there as long as this is.
        let _ = self.0.send((token, file));
    }
}
