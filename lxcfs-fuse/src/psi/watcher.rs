//! One thread that sleeps until one of the kernel's triggers has something to say.
//!
//! It sleeps in epoll and not in poll(2): kernels before 6.5 free what poll(2) waits on when the cgroup is removed
//! meanwhile; epoll is told of that. The price: adding a file to an epoll takes an event that is there already and does
//! not tell it. Of an event within the microseconds between the setting of a trigger and its being added, the caller
//! hears a window later, if the tasks still stall.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::thread;

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::event::{EventfdFlags, eventfd};
use rustix::io::Errno;

/// What there is to say of a trigger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum News {
    /// Tasks have stalled for as long as it says.
    Event,
    /// It is no more: its cgroup was removed, or keeps no account of pressure any longer.
    Gone,
}

/// The thread. Dropping this ends it, in a moment.
#[derive(Debug)]
pub(super) struct Watcher(Arc<Bell>);

/// What the thread sleeps on, and what ends it. The thread keeps both open: an epoll forgets what is closed.
#[derive(Debug)]
struct Bell {
    epoll: OwnedFd,
    end: OwnedFd,
}

impl Watcher {
    /// Of the descriptor that ends the thread. Triggers are counted from one.
    const END: u64 = 0;
    const EVENTS_AT_ONCE: usize = 64;

    /// `tell` is called by the thread with the token of a file and what there is to say of it.
    pub(super) fn start(tell: impl Fn(u64, News) + Send + 'static) -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let end = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        epoll::add(&epoll, &end, EventData::new_u64(Self::END), EventFlags::IN)?;
        let bell = Arc::new(Bell { epoll, end });
        let heard = Arc::clone(&bell);
        thread::Builder::new()
            .name("psi-triggers".to_owned())
            .spawn(move || watch(&heard, tell))?;
        Ok(Self(bell))
    }

    /// Watches the file until it is closed.
    pub(super) fn add(&self, file: &File, token: u64) -> io::Result<()> {
        // Edge-triggered: the file is asked once per event and not a second time to learn that there is no further.
        let flags = EventFlags::PRI | EventFlags::ET;
        Ok(epoll::add(&self.0.epoll, file, EventData::new_u64(token), flags)?)
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        // A new eventfd takes a one.
        let _ = rustix::io::write(&self.0.end, &1_u64.to_ne_bytes());
    }
}

fn watch(bell: &Bell, tell: impl Fn(u64, News)) {
    let mut events = Vec::with_capacity(Watcher::EVENTS_AT_ONCE);
    loop {
        events.clear();
        match epoll::wait(&bell.epoll, spare_capacity(&mut events), None) {
            Ok(_) | Err(Errno::INTR) => {}
            // Nothing else is possible with a descriptor that is open.
            Err(_) => return,
        }
        for event in &events {
            let (token, flags) = (event.data.u64(), event.flags);
            if token == Watcher::END {
                return;
            }
            // A file that is gone says that it has an event, too.
            let gone = flags.intersects(EventFlags::ERR | EventFlags::HUP);
            tell(token, if gone { News::Gone } else { News::Event });
        }
    }
}
