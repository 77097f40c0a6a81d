//! A session of fuser's at our end of a socket instead of the kernel's: it is put its first request, works at what else is
//! put to it, and is connected to the kernel when it is ready.
//!
//! fuser begins each session with a handshake, and a kernel shakes hands once for each mount. So the kernel's first request
//! is kept, and put again to each session. What the kernel sees is another descriptor behind the same number, from the next
//! system call on: nothing stands between it and the session.

use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, RawFd};
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use fuser::{Config, Filesystem, Notifier, Session, SessionACL};

use super::message::{self, Terms};
use super::swap::swap;

/// How long fuser may take for something that it does at once.
const PATIENCE: Duration = Duration::from_secs(10);

/// As much as an answer may be long. Sockets are given more room than this by default.
pub(super) const MOST_READ: u32 = 64 << 10;

/// More than anything that is put to a session or answered by it, but for requests that are not put to it.
const ROOM: usize = 128 << 10;

/// A session that has shaken hands, and our end of its socket.
pub(super) struct Line<F: Filesystem> {
    pub(super) session: Session<F>,
    pub(super) end: End,
    /// What it has answered to the first request.
    pub(super) agreement: Vec<u8>,
}

/// Our end of a session's socket.
#[derive(Debug)]
pub(super) struct End {
    socket: UnixDatagram,
    threads: usize,
    theirs: RawFd,
    /// Keeps their descriptor open, so that its number is nobody else's.
    _keeps: Notifier,
}

impl<F: Filesystem> Line<F> {
    /// A session for that file system, which is put that for its first request.
    pub(super) fn to(fs: F, offer: &[u8], threads: usize) -> io::Result<Self> {
        let (ours, theirs) = UnixDatagram::pair()?;
        ours.set_read_timeout(Some(PATIENCE))?;
        ours.set_write_timeout(Some(PATIENCE))?;
        ours.send(offer)?;
        let mut config = Config::default();
        config.n_threads = Some(threads);
        let session = Session::from_fd(fs, theirs.into(), SessionACL::All, config)?;
        let end = End {
            socket: ours,
            threads,
            theirs: session.as_fd().as_raw_fd(),
            _keeps: session.notifier(),
        };
        let agreement = end.receive(PATIENCE)?;
        if Terms::agreed(&agreement).is_none() {
            return Err(io::Error::new(io::ErrorKind::Unsupported, "its protocol is not ours"));
        }
        Ok(Self {
            session,
            end,
            agreement,
        })
    }

    /// A session that understands what an earlier one has agreed on.
    pub(super) fn again(fs: F, offer: &[u8], agreement: &[u8], threads: usize) -> io::Result<Self> {
        let unfit = |why| io::Error::new(io::ErrorKind::Unsupported, why);
        let agreed = Terms::agreed(agreement).ok_or_else(|| unfit("what was agreed on is not kept"))?;
        let mut offer = offer.to_vec();
        message::offer_no_more(&mut offer, agreed.flags);
        let line = Self::to(fs, &offer, threads)?;
        if Terms::agreed(&line.agreement) != Some(agreed) {
            return Err(unfit(
                "an earlier version of this program has agreed on something else; mount anew",
            ));
        }
        Ok(line)
    }
}

impl End {
    /// How many requests it may be put before it has answered one.
    pub(super) fn at_once(&self) -> usize {
        // A socket holds eleven messages.
        self.threads.min(8)
    }

    /// Puts a request to it.
    pub(super) fn put(&self, request: &[u8]) -> io::Result<()> {
        self.socket.send(request).map(drop)
    }

    /// The next thing that it says.
    pub(super) fn receive(&self, patience: Duration) -> io::Result<Vec<u8>> {
        self.socket.set_read_timeout(Some(patience))?;
        let mut room = vec![0; ROOM];
        let length = self.socket.recv(&mut room)?;
        room.truncate(length);
        Ok(room)
    }

    /// From now on it is the kernel that puts requests to it, and gets its answers.
    pub(super) fn connect(self, fuse: BorrowedFd<'_>) -> io::Result<()> {
        swap(fuse, self.theirs)?;
        // Each of its threads that waits here takes one of these, and waits for the kernel then.
        self.to_each(&message::nothing());
        Ok(())
    }

    /// It is not needed.
    pub(super) fn hang_up(self) {
        self.to_each(&message::the_end());
    }

    fn to_each(&self, request: &[u8]) {
        // If there is no room, then nobody waits who has not got one.
        let _ = self.socket.set_write_timeout(Some(Duration::from_millis(200)));
        for _ in 0..self.threads {
            if self.socket.send(request).is_err() {
                break;
            }
        }
    }
}
