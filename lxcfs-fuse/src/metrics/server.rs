//! The thread that answers scrapes: a few clients at a time, none of which can hold another.

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use lxcfs_core::live::boot_time;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

use super::client::Client;
use super::http::{self, Asked, Refusal};
use super::listener::Listener;
use super::place::Place;
use super::text::text;
use crate::keeper::packet::timespec;
use crate::keeper::patience::later;
use crate::status::Status;

/// How many are answered at once. Of more, the one that came first has to go.
const CLIENTS: usize = 8;

/// How long one may take, from its coming to the last byte of its answer.
const CLIENT: Duration = Duration::from_secs(5);

/// When what could not be had is tried again: an address that somebody else has, a descriptor for a client.
const AGAIN: Duration = Duration::from_millis(100);

/// Where a status comes from. `None`: there is none at the moment.
pub(crate) type Source = Box<dyn Fn() -> Option<Status> + Send>;

/// Scrapes are answered as long as this is there.
#[derive(Debug)]
pub(crate) struct Server {
    listener: Arc<OnceLock<Listener>>,
    /// The thread ends when this is closed.
    _alive: OwnedFd,
}

impl Server {
    /// Starts it. `passed` is the socket, from the program that this process was before. An address that cannot be had is
    /// tried again until it can: a file system is not to fail because it cannot be measured.
    pub(crate) fn start(place: Place, passed: Option<OwnedFd>, source: Source) -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC;
        let (alive, ended) = socketpair(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        let listener = Arc::new(OnceLock::new());
        let adopted = passed.and_then(|socket| Listener::adopt(socket, &place));
        match adopted.map_or_else(|| Listener::bind(&place), Ok) {
            Ok(bound) => {
                tracing::info!(%place, "metrics");
                // Nobody has set it before.
                let _ = listener.set(bound);
            }
            Err(error) => tracing::error!(%place, %error, "no metrics as long as this address cannot be had"),
        }
        let answering = Answering {
            place,
            source,
            boot_ms: boot_ms(),
            listener: Arc::clone(&listener),
            clients: Vec::new(),
            has_failed: false,
        };
        thread::Builder::new()
            .name("metrics".to_owned())
            .spawn(move || answering.run(&ended))?;
        Ok(Self {
            listener,
            _alive: alive,
        })
    }

    /// The socket, for the program that this process becomes.
    pub(crate) fn listener(&self) -> Option<BorrowedFd<'_>> {
        self.listener.get().map(|listener| listener.as_fd())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Here, as the process may end before the thread does.
        if let Some(listener) = self.listener.get() {
            listener.remove();
        }
    }
}

/// What the thread has.
struct Answering {
    place: Place,
    source: Source,
    boot_ms: u64,
    listener: Arc<OnceLock<Listener>>,
    /// In the order in which they came.
    clients: Vec<Client>,
    /// Nobody could be let in.
    has_failed: bool,
}

impl Answering {
    fn run(mut self, ended: &OwnedFd) {
        loop {
            if self.listener.get().is_none()
                && let Ok(bound) = Listener::bind(&self.place)
            {
                tracing::info!(place = %self.place, "metrics");
                let _ = self.listener.set(bound);
            }
            match self.wait(ended) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    tracing::error!(%error, "no more metrics");
                    break;
                }
            }
            self.accept();
            self.go_on();
        }
        if let Some(listener) = self.listener.get() {
            listener.remove();
        }
    }

    /// Waits until there is something to do. `false`: nothing any more.
    fn wait(&self, ended: &OwnedFd) -> io::Result<bool> {
        let listener = self.listener.get().filter(|_| !self.has_failed);
        let again = listener.is_none().then_some(AGAIN);
        let now = Instant::now();
        let client = self
            .clients
            .iter()
            .map(|client| client.until().saturating_duration_since(now));
        let within = again.into_iter().chain(client).min().map(timespec);
        let ended = PollFd::new(ended, PollFlags::IN);
        let listener = listener.map(|listener| PollFd::new(listener, PollFlags::IN));
        let clients = self.clients.iter().map(|client| PollFd::new(client, client.awaited()));
        let mut all: Vec<_> = std::iter::once(ended).chain(listener).chain(clients).collect();
        match poll(&mut all, within.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(all.first().is_some_and(|ended| ended.revents().is_empty()))
    }

    fn accept(&mut self) {
        let Some(listener) = self.listener.get() else {
            return;
        };
        // As many as there is room for: those that come first have at least this turn.
        for _ in 0..CLIENTS {
            let accepted = listener.accept();
            self.has_failed = accepted.is_err();
            let Ok(Some(socket)) = accepted else {
                return;
            };
            if self.clients.len() >= CLIENTS {
                self.clients.remove(0);
            }
            self.clients.push(Client::new(socket, later(Instant::now(), CLIENT)));
        }
    }

    fn go_on(&mut self) {
        let (source, boot_ms) = (&self.source, self.boot_ms);
        let now = Instant::now();
        self.clients
            .retain_mut(|client| client.goes_on(|asked| answer(asked, source, boot_ms)) && client.until() > now);
    }
}

fn answer(asked: Asked, source: &Source, boot_ms: u64) -> Vec<u8> {
    let (format, head) = match asked {
        Asked::Metrics { format, head } => (format, head),
        Asked::Refused(refusal) => return http::refusal(refusal),
        Asked::Unfinished => return Vec::new(),
    };
    let text = source().and_then(|status| text(status, boot_ms, format).ok());
    match text {
        Some(text) => http::metrics(&text, format, head),
        None => http::refusal(Refusal::NotKnown),
    }
}

/// When the machine was started, in milliseconds since 1970, as the clock now has it.
fn boot_ms() -> u64 {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let boot = now.saturating_sub(boot_time());
    u64::try_from(boot.as_millis()).unwrap_or(0)
}

#[cfg(test)]
mod tests;
