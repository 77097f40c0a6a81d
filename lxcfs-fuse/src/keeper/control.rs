//! The control socket, next to the pid file: who may, takes the connection over here, or has the daemon end.
//!
//! # References
//!
//! unix(7), `SO_PEERCRED`.

use std::fs;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, accept_with, bind, listen, socket_with, sockopt,
};

use super::packet::{Received, Refusal, Word, receive, send};
use crate::socket_name::SocketName;
use crate::status::Teller;

/// How many talk at once at most. Of more, the one that came first has to go, but for those that take over.
const TALKS: usize = 4;

/// How many wishes are heard before something else gets its turn: whoever wishes without end does not keep us from it.
pub(crate) const WISHES: usize = 8;

/// Somebody who talks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Caller(u64);

/// What somebody wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    /// The connection.
    TakeOver(Caller),
    /// That we serve no more, as it is able to.
    Able(Caller),
    /// Nothing more: it serves now.
    Ready(Caller),
    /// That we end.
    Stop(Caller),
    /// That we unmount and end.
    Unmount(Caller),
    /// That we say what we do.
    Status(Caller),
    /// Nothing any more: it has gone.
    Gone(Caller),
}

/// The listening end.
#[derive(Debug)]
pub(crate) struct Control {
    listener: OwnedFd,
    name: SocketName,
    talks: [Option<Talk>; TALKS],
    last: u64,
    /// Whose turn it was.
    turn: usize,
    /// How many wishes were heard since somebody was let in.
    heard: usize,
}

#[derive(Debug)]
struct Talk {
    caller: Caller,
    socket: OwnedFd,
    takes_over: bool,
}

/// Where the control socket of a pid file is.
pub(crate) fn beside(pid_file: &Path) -> PathBuf {
    let mut path = pid_file.as_os_str().to_owned();
    path.push(".sock");
    path.into()
}

impl Control {
    /// Makes the socket. One that lies there is one that nobody listens to any more, or the one of him whom we followed.
    pub(crate) fn bind(path: &Path) -> io::Result<Self> {
        let listener = socket_with(
            AddressFamily::UNIX,
            SocketType::SEQPACKET,
            SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
            None,
        )?;
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        bind(&listener, &SocketAddrUnix::new(path)?)?;
        // Nobody can connect before it listens.
        fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
        listen(&listener, 8)?;
        Ok(Self::adopt(listener, path))
    }

    /// Goes on with a socket that somebody else has made.
    pub(crate) fn adopt(listener: OwnedFd, path: &Path) -> Self {
        Self {
            listener,
            name: SocketName::of(path),
            talks: [const { None }; TALKS],
            last: 0,
            turn: 0,
            heard: 0,
        }
    }

    /// The socket, for somebody who is to listen in our stead.
    pub(crate) fn listener(&self) -> BorrowedFd<'_> {
        self.listener.as_fd()
    }

    /// What to wait for.
    pub(crate) fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let talks = self.talks.iter().flatten().map(|talk| talk.socket.as_fd());
        std::iter::once(self.listener.as_fd()).chain(talks)
    }

    /// The next wish, if there is one.
    pub(crate) fn next(&mut self) -> Option<Wish> {
        // Who talks comes before those who come, for whom one may have to go; but not for ever.
        if self.heard < WISHES
            && let Some(wish) = self.hear()
        {
            self.heard = self.heard.saturating_add(1);
            return Some(wish);
        }
        self.heard = 0;
        self.accept();
        self.hear()
    }

    /// What somebody has said, each in turn.
    fn hear(&mut self) -> Option<Wish> {
        (0..TALKS).find_map(|_| {
            self.turn = self.turn.wrapping_add(1) % TALKS;
            heard(self.talks.get_mut(self.turn)?)
        })
    }

    /// Answers. An error: it has gone.
    pub(crate) fn answer(&self, to: Caller, word: Word, number: u32, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        send(
            self.socket(to).ok_or(io::ErrorKind::NotConnected)?,
            word,
            number,
            descriptors,
        )
    }

    /// Says what is done here, and ends the conversation: who asks again begins another one, and waits behind others.
    pub(crate) fn say(&mut self, to: Caller, teller: Teller<'_>) {
        // If it has gone, it does not want to know.
        let _ = match teller.tell() {
            Some(said) => self.answer(to, Word::Said, 0, &[said.as_fd()]),
            None => self.answer(to, Word::Refused, Refusal::FAILED, &[]),
        };
        self.hang_up(to);
    }

    /// The socket of a conversation.
    pub(crate) fn socket(&self, of: Caller) -> Option<BorrowedFd<'_>> {
        let found = self.talks.iter().flatten().find(|talk| talk.caller == of);
        found.map(|talk| talk.socket.as_fd())
    }

    /// Ends a conversation.
    pub(crate) fn hang_up(&mut self, on: Caller) {
        for place in &mut self.talks {
            if place.as_ref().is_some_and(|talk| talk.caller == on) {
                *place = None;
            }
        }
    }

    fn accept(&mut self) {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        // No more than there are places: others come without end too.
        for _ in 0..TALKS {
            let Ok(socket) = accept_with(&self.listener, flags) else {
                return;
            };
            // The mode of the socket says the same, but a file system may be told to ignore modes.
            let own = rustix::process::geteuid();
            let may = sockopt::socket_peercred(&socket).is_ok_and(|peer| peer.uid.is_root() || peer.uid == own);
            if !may {
                continue;
            }
            self.last = self.last.saturating_add(1);
            // A place that is free, or else the oldest.
            let order = |place: &Option<Talk>| place.as_ref().map(|talk| (talk.takes_over, talk.caller.0));
            if let Some(place) = self.talks.iter_mut().min_by_key(|place| order(place)) {
                *place = Some(Talk {
                    caller: Caller(self.last),
                    socket,
                    takes_over: false,
                });
            }
        }
    }

    /// Takes the name away, if it is still that of this socket.
    pub(crate) fn remove(&self) {
        self.name.remove();
    }
}

/// What whoever is at that place has said. Who has gone, or says what nobody understands, leaves it.
fn heard(place: &mut Option<Talk>) -> Option<Wish> {
    let talk = place.as_mut()?;
    let caller = talk.caller;
    match receive(talk.socket.as_fd()) {
        Received::Nothing => return None,
        Received::Packet(packet) => match packet.word {
            Word::TakeOver => {
                talk.takes_over = true;
                return Some(Wish::TakeOver(caller));
            }
            Word::Able => return Some(Wish::Able(caller)),
            Word::Ready => return Some(Wish::Ready(caller)),
            Word::Stop => return Some(Wish::Stop(caller)),
            Word::Unmount => return Some(Wish::Unmount(caller)),
            Word::Status => return Some(Wish::Status(caller)),
            _ => {}
        },
        Received::Unknown => {
            // If it has gone, it does not want to know.
            let _ = send(talk.socket.as_fd(), Word::Refused, Refusal::VERSION, &[]);
        }
        Received::Closed => {}
    }
    *place = None;
    Some(Wish::Gone(caller))
}

#[cfg(test)]
mod tests {
    use super::super::ask::Talk;
    use super::*;

    #[test]
    fn who_talks_without_end_keeps_nobody_out() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sock");
        let mut control = Control::bind(&path).unwrap();
        let talk = |words: &[Word]| {
            let talk = Talk::begin(&path).unwrap().unwrap();
            for word in words {
                talk.say(*word).unwrap();
            }
            talk
        };
        let _talking: Vec<Talk> = (0..TALKS).map(|_| talk(&[Word::TakeOver; 100])).collect();
        assert!(matches!(control.next(), Some(Wish::TakeOver(_))));
        let _asks = talk(&[Word::Status]);
        let heard = (0..WISHES + 2 * TALKS).any(|_| matches!(control.next(), Some(Wish::Status(_))));
        assert!(heard);
    }
}
