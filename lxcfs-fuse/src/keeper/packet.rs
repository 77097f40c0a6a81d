//! A message between processes: a version, a word, a number, and descriptors with it.
//!
//! # References
//!
//! unix(7), `SOCK_SEQPACKET` and `SCM_RIGHTS`.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};

/// What both sides are to understand. It is raised when the meaning of a word changes, not when one is added.
const VERSION: u16 = 1;

/// Version, word and number.
const SIZE: usize = 8;

/// How many descriptors a message has at most.
const DESCRIPTORS: usize = 8;

/// What is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub(crate) enum Word {
    /// To whoever holds the connection: give it to me.
    TakeOver = 1,
    /// I serve now. From a worker, with the descriptors that it has.
    Ready = 2,
    /// End as a signal would have you end.
    Stop = 3,
    /// Unmount and end.
    Unmount = 4,
    /// Here is the connection; I serve until you are able to.
    Prepared = 5,
    /// I do not serve any more, and shall again if you do not say soon that you do.
    Stopped = 6,
    /// It is as you wished, or will be. The number: the minor one of the device that you are to unmount when I have ended; or 0.
    Done = 7,
    /// Not so: the number is a [`Refusal`].
    Refused = 8,
    /// To a worker: say that you are alive.
    Ping = 9,
    /// From a worker: the threads that answer are not all late.
    Alive = 10,
    /// To a worker: read the configuration file again.
    Reload = 11,
    /// From a worker: it has been read. The number says whether the host is shown.
    Reloaded = 12,
    /// To a worker: show the host, or no longer.
    Toggle = 13,
    /// From a worker: it is done. The number says whether the host is shown.
    Shown = 14,
    /// To a worker: serve no more, and end.
    Leave = 15,
    /// To a worker: this is the control socket, should you be left alone.
    Control = 16,
    /// From a worker: it is unmounted (0), or the connection was aborted (1).
    Ended = 17,
    /// I have all that I need to serve.
    Able = 18,
    /// To a worker: nobody else serves; you do.
    Serve = 19,
    /// To whoever holds the connection: say what you do.
    Status = 20,
    /// This is what I do: [a text](super::said) behind the descriptor that comes with it.
    Said = 21,
}

impl Word {
    const ALL: [Self; 21] = [
        Self::TakeOver,
        Self::Ready,
        Self::Stop,
        Self::Unmount,
        Self::Prepared,
        Self::Stopped,
        Self::Done,
        Self::Refused,
        Self::Ping,
        Self::Alive,
        Self::Reload,
        Self::Reloaded,
        Self::Toggle,
        Self::Shown,
        Self::Leave,
        Self::Control,
        Self::Ended,
        Self::Able,
        Self::Serve,
        Self::Status,
        Self::Said,
    ];

    #[expect(clippy::as_conversions, reason = "the number that stands above")]
    const fn number(self) -> u16 {
        self as u16
    }

    fn of(number: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|word| word.number() == number)
    }
}

/// Why something is refused.
pub(crate) struct Refusal;

impl Refusal {
    /// It speaks another version.
    pub(crate) const VERSION: u32 = 1;
    /// Somebody else is taking over.
    pub(crate) const BUSY: u32 = 2;
    /// It could not be done.
    pub(crate) const FAILED: u32 = 3;

    pub(crate) fn text(number: u32) -> &'static str {
        match number {
            Self::VERSION => "it speaks another version of the protocol",
            Self::BUSY => "somebody else is taking over",
            _ => "it could not do it; its log says why",
        }
    }
}

/// A message that has come.
#[derive(Debug)]
pub(crate) struct Packet {
    pub(crate) word: Word,
    pub(crate) number: u32,
    pub(crate) descriptors: Vec<OwnedFd>,
}

/// What came of looking for a message.
#[derive(Debug)]
pub(crate) enum Received {
    Packet(Packet),
    /// Of another version, or no word that is known.
    Unknown,
    /// None has come yet.
    Nothing,
    /// The other side has ended.
    Closed,
}

/// Two ends of a conversation.
pub(crate) fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(socketpair(
        AddressFamily::UNIX,
        SocketType::SEQPACKET,
        SocketFlags::CLOEXEC,
        None,
    )?)
}

/// Says something. It never waits: who has not read hundreds of messages does not read this one either.
pub(crate) fn send(socket: BorrowedFd<'_>, word: Word, number: u32, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    let [v0, v1] = VERSION.to_ne_bytes();
    let [w0, w1] = word.number().to_ne_bytes();
    let [n0, n1, n2, n3] = number.to_ne_bytes();
    let bytes: [u8; SIZE] = [v0, v1, w0, w1, n0, n1, n2, n3];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
    let mut with = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() && !with.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(io::Error::from(Errno::MSGSIZE));
    }
    let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
    sendmsg(socket, &[IoSlice::new(&bytes)], &mut with, flags)?;
    Ok(())
}

/// Looks for a message, without waiting for one.
pub(crate) fn receive(socket: BorrowedFd<'_>) -> Received {
    let mut bytes = [0; SIZE];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
    let mut with = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
    let mut was_reset = false;
    let got = loop {
        match recvmsg(socket, &mut [IoSliceMut::new(&mut bytes)], &mut with, flags) {
            Err(Errno::INTR) => {}
            // The other side has ended without having read all. What it has said comes after this.
            Err(Errno::CONNRESET) if !was_reset => was_reset = true,
            Err(Errno::AGAIN) => return Received::Nothing,
            Err(_) => return Received::Closed,
            Ok(got) => break got.bytes,
        }
    };
    if got == 0 {
        return Received::Closed;
    }
    let mut descriptors = Vec::new();
    for message in with.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = message {
            descriptors.extend(rights);
        }
    }
    let [v0, v1, w0, w1, n0, n1, n2, n3] = bytes;
    match Word::of(u16::from_ne_bytes([w0, w1])) {
        Some(word) if got == SIZE && u16::from_ne_bytes([v0, v1]) == VERSION => Received::Packet(Packet {
            word,
            number: u32::from_ne_bytes([n0, n1, n2, n3]),
            descriptors,
        }),
        _ => Received::Unknown,
    }
}

/// Waits for a message. `None` if none has come in that time.
pub(crate) fn wait_for(socket: &OwnedFd, within: Duration) -> io::Result<Option<Packet>> {
    let end = Instant::now().checked_add(within);
    loop {
        match receive(socket.as_fd()) {
            Received::Packet(packet) => return Ok(Some(packet)),
            Received::Unknown => return Err(io::Error::other("a message of another version")),
            Received::Closed => return Err(io::Error::from(io::ErrorKind::ConnectionReset)),
            Received::Nothing => {}
        }
        let left = end.map_or(within, |end| end.saturating_duration_since(Instant::now()));
        if left.is_zero() {
            return Ok(None);
        }
        readable(socket.as_fd(), left)?;
    }
}

/// Waits until there is something to read, or for that time.
pub(crate) fn readable(descriptor: BorrowedFd<'_>, within: Duration) -> io::Result<()> {
    let mut one = [PollFd::from_borrowed_fd(descriptor, PollFlags::IN)];
    match poll(&mut one, Some(&timespec(within))) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// A time to wait, as poll(2) has it.
pub(crate) fn timespec(time: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: time.subsec_nanos().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(socket: &OwnedFd) -> Packet {
        match receive(socket.as_fd()) {
            Received::Packet(packet) => packet,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn words_numbers_and_descriptors_arrive() {
        let (here, there) = pair().unwrap();
        for word in Word::ALL {
            send(here.as_fd(), word, 7, &[]).unwrap();
            let packet = received(&there);
            assert_eq!((packet.word, packet.number), (word, 7));
            assert!(packet.descriptors.is_empty());
        }
        let file = tempfile::tempfile().unwrap();
        send(here.as_fd(), Word::Prepared, 0, &[file.as_fd(), there.as_fd()]).unwrap();
        assert_eq!(received(&there).descriptors.len(), 2);
    }

    #[test]
    fn no_two_words_have_one_number() {
        for word in Word::ALL {
            assert_eq!(Word::of(word.number()), Some(word));
        }
        assert_eq!(Word::of(0), None);
    }

    #[test]
    fn nothing_an_end_and_what_is_not_understood_are_told_apart() {
        let (here, there) = pair().unwrap();
        assert!(matches!(receive(there.as_fd()), Received::Nothing));
        let other = [9, 9, 1, 0, 0, 0, 0, 0];
        for text in [&other[..], b"short"] {
            rustix::io::write(&here, text).unwrap();
            assert!(matches!(receive(there.as_fd()), Received::Unknown), "{text:?}");
        }
        drop(here);
        assert!(matches!(receive(there.as_fd()), Received::Closed));
        assert!(wait_for(&there, Duration::from_secs(1)).is_err());
    }

    #[test]
    fn what_somebody_has_said_is_heard_after_his_end_also_if_he_has_not_listened() {
        let (here, there) = pair().unwrap();
        send(there.as_fd(), Word::Able, 0, &[]).unwrap();
        send(here.as_fd(), Word::Serve, 0, &[]).unwrap();
        drop(here);
        assert_eq!(received(&there).word, Word::Serve);
        assert!(matches!(receive(there.as_fd()), Received::Closed));
    }

    #[test]
    fn waiting_has_an_end() {
        let (_here, there) = pair().unwrap();
        assert!(wait_for(&there, Duration::from_millis(1)).unwrap().is_none());
    }
}
