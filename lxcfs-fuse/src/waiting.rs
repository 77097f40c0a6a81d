//! The replies that lie with the watchdog while the request is worked at, and whose they are.

use std::sync::Arc;

use fuser::{Errno, ReplyData, ReplyDirectory, ReplyEntry, ReplyWrite};

use crate::entry::Entry;

/// A reply that is still to be given.
#[derive(Debug)]
pub(crate) struct Waiting {
    reply: Reply,
    /// The container that asks, once that is known.
    pub(crate) entry: Option<Arc<Entry>>,
}

#[derive(Debug)]
enum Reply {
    Data(ReplyData),
    Directory(ReplyDirectory),
    Entry(ReplyEntry),
    Write(ReplyWrite),
}

impl Waiting {
    /// Gives an error for an answer.
    pub(crate) fn error(self, error: Errno) {
        match self.reply {
            Reply::Data(reply) => reply.error(error),
            Reply::Directory(reply) => reply.error(error),
            Reply::Entry(reply) => reply.error(error),
            Reply::Write(reply) => reply.error(error),
        }
    }

    /// Whether somebody waits for a text.
    pub(crate) fn is_for_a_text(&self) -> bool {
        matches!(self.reply, Reply::Data(_))
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
                Waiting { reply: Reply::$kind(self), entry: None }
            }
            fn found(waiting: Waiting) -> Option<Self> {
                match waiting.reply {
                    Reply::$kind(reply) => Some(reply),
                    _ => None,
                }
            }
        }
    )+};
}

answers!(ReplyData => Data, ReplyDirectory => Directory, ReplyEntry => Entry, ReplyWrite => Write);
