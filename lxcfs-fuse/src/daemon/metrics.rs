//! Scrapes are answered by a keeper, or by a daemon without one. A worker that was left alone may make no socket.

use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::PathBuf;

use super::args::Args;
use super::layers::Layers;
use crate::keeper::ask;
use crate::metrics::{Place, Server};

/// The socket among the descriptors that a process hands to itself.
pub(super) const SOCKET: &str = "metrics";

/// What is to be started when this process has the control socket, and what then runs.
#[derive(Debug)]
pub(super) struct Metrics {
    /// `None` if nobody wants any.
    place: Option<Place>,
    pid_file: PathBuf,
    passed: Option<OwnedFd>,
    server: Option<Server>,
}

impl Metrics {
    /// `passed` is the socket, if this process had it when it was another program.
    pub(super) fn of(args: &Args, layers: &Layers, passed: Option<OwnedFd>) -> Self {
        let pid_file = args.pid_file();
        Self {
            place: layers.metrics.clone().map(|place| place.beside(&pid_file)),
            pid_file,
            passed,
            server: None,
        }
    }

    /// The control socket is this process's, which answers it soon.
    pub(super) fn begin(&mut self) {
        let passed = self.passed.take();
        let Some(place) = self.place.clone() else {
            return;
        };
        let pid_file = self.pid_file.clone();
        // As anybody else: what it knows it says in one place.
        let source = Box::new(move || match ask::status(&pid_file) {
            Ok(status) => Some(status),
            Err(error) => {
                tracing::warn!(%error, "a scrape is not answered");
                None
            }
        });
        match Server::start(place, passed, source) {
            Ok(server) => self.server = Some(server),
            Err(error) => tracing::error!(%error, "no metrics: cannot start their thread"),
        }
    }

    /// Somebody else has the control socket.
    pub(super) fn end(&mut self) {
        self.server = None;
    }

    /// The socket, for the program that this process becomes.
    pub(super) fn socket(&self) -> Option<BorrowedFd<'_>> {
        self.server.as_ref().and_then(Server::listener)
    }
}
