//! The replies that lie with the watchdog while the request is worked at.

use fuser::{Errno, ReplyData, ReplyDirectory, ReplyEntry, ReplyWrite};

/// A reply that is still to be given.
#[derive(Debug)]
pub(crate) enum Waiting {
    Data(ReplyData),
    Directory(ReplyDirectory),
    Entry(ReplyEntry),
    Write(ReplyWrite),
}

impl Waiting {
    /// Gives an error for an answer.
    pub(crate) fn error(self, error: Errno) {
        match self {
            Self::Data(reply) => reply.error(error),
            Self::Directory(reply) => reply.error(error),
            Self::Entry(reply) => reply.error(error),
            Self::Write(reply) => reply.error(error),
        }
    }
}

/// A kind of reply that can wait.
pub(crate) trait Answer: Sized {
    /// It waits.
    fn wait(self) -> Waiting;
    /// It is taken back; `None` if that is another kind, which cannot happen to who put it there.
    fn found(waiting: Waiting) -> Option<Self>;
}

macro_rules! answers {
    ($($reply:ty => $kind:ident),+) => {$(
        impl Answer for $reply {
            fn wait(self) -> Waiting {
                Waiting::$kind(self)
            }
            fn found(waiting: Waiting) -> Option<Self> {
                match waiting {
                    Waiting::$kind(reply) => Some(reply),
                    _ => None,
                }
            }
        }
    )+};
}

answers!(ReplyData => Data, ReplyDirectory => Directory, ReplyEntry => Entry, ReplyWrite => Write);
