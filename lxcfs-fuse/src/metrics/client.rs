//! One client: a request comes in pieces, an answer goes out in pieces, and neither is waited for.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Instant;

use rustix::event::PollFlags;
use rustix::io::{Errno, read, retry_on_intr};
use rustix::net::{SendFlags, send};

use super::http::{Asked, asked};

/// How much is read at once.
const PIECE: usize = 2048;

/// A connection, which ends with its first answer.
#[derive(Debug)]
pub(super) struct Client {
    socket: OwnedFd,
    state: State,
    until: Instant,
}

#[derive(Debug)]
enum State {
    Asks(Vec<u8>),
    Hears { answer: Vec<u8>, sent: usize },
}

impl Client {
    /// `socket` does not block. It has until then for all of it.
    pub(super) fn new(socket: OwnedFd, until: Instant) -> Self {
        Self {
            socket,
            state: State::Asks(Vec::new()),
            until,
        }
    }

    pub(super) fn until(&self) -> Instant {
        self.until
    }

    /// What it is to be waited for.
    pub(super) fn awaited(&self) -> PollFlags {
        match self.state {
            State::Asks(_) => PollFlags::IN,
            State::Hears { .. } => PollFlags::OUT,
        }
    }

    /// Goes on as far as can be gone without waiting. `false`: it is over.
    pub(super) fn goes_on(&mut self, mut answer_to: impl FnMut(Asked) -> Vec<u8>) -> bool {
        loop {
            let done = match &mut self.state {
                State::Asks(bytes) => {
                    let mut piece = [0; PIECE];
                    let done = retry_on_intr(|| read(&self.socket, &mut piece));
                    bytes.extend(piece.iter().take(done.unwrap_or(0)));
                    done
                }
                State::Hears { answer, sent } => {
                    let rest = answer.get(*sent..).unwrap_or_default();
                    let done = retry_on_intr(|| send(&self.socket, rest, SendFlags::NOSIGNAL));
                    *sent = sent.saturating_add(done.unwrap_or(0));
                    done
                }
            };
            match done {
                // It has hung up, or has all of the answer.
                Ok(0) => return false,
                Ok(_) => {}
                Err(error) => return error == Errno::AGAIN,
            }
            if let State::Asks(bytes) = &self.state {
                match asked(bytes) {
                    Asked::Unfinished => {}
                    asked => {
                        self.state = State::Hears {
                            answer: answer_to(asked),
                            sent: 0,
                        }
                    }
                }
            }
        }
    }
}

impl AsFd for Client {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::os::unix::net::UnixStream;

    use super::*;

    fn client() -> (Client, UnixStream) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        (Client::new(ours.into(), Instant::now()), theirs)
    }

    #[test]
    fn a_request_in_pieces_is_answered_in_pieces() {
        let (mut client, mut theirs) = client();
        let answer = vec![b'a'; 1 << 20];
        let mut answered = 0;
        for piece in ["GET /met", "rics HTTP/1.1\r\n", "\r\n"] {
            assert!(client.goes_on(|_| unreachable!()));
            assert_eq!(client.awaited(), PollFlags::IN);
            theirs.write_all(piece.as_bytes()).unwrap();
        }
        let mut goes_on = || {
            client.goes_on(|asked| {
                answered += 1;
                assert!(matches!(asked, Asked::Metrics { .. }));
                answer.clone()
            })
        };
        // More than a socket takes at once.
        assert!(goes_on());
        let mut got = 0;
        let mut piece = vec![0; 1 << 16];
        let mut on = true;
        while got < answer.len() {
            on = on && goes_on();
            got += theirs.read(&mut piece).unwrap();
        }
        assert!(!goes_on());
        assert_eq!((got, answered), (answer.len(), 1));
    }

    #[test]
    fn a_client_that_hangs_up_is_over() {
        let (mut client, theirs) = client();
        drop(theirs);
        assert!(!client.goes_on(|_| unreachable!()));
    }
}
