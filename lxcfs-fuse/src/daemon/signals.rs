//! Waiting for signals, or for a word from another thread, without ever waking up for nothing.

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use rustix::io::Errno;

use crate::keeper::packet::timespec;

/// How many descriptors can be waited for besides.
const BESIDES: usize = 16;

/// What has happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// Read the configuration file again.
    Reload,
    /// Show the host's files, or no longer.
    Toggle,
    /// Go on as the program that is now on the disk.
    Replace,
    /// End.
    End(Signal),
    /// Another thread has something to say.
    Woken,
    /// There is something to read elsewhere.
    Other,
    /// The time is over.
    Time,
}

/// The signals of this process and the words of its other threads, kept until they are asked for.
#[derive(Debug)]
pub(crate) struct Events {
    signals: SignalFd,
    words: Arc<OwnedFd>,
}

impl Events {
    /// From now on, signals wait to be asked for: in this thread, and in all threads that it starts from now on.
    ///
    /// They are never let through again: one that comes while the process ends would change its exit status.
    pub(crate) fn block() -> io::Result<Self> {
        let set = SigSet::from_iter([
            Signal::SIGHUP,
            Signal::SIGUSR1,
            Signal::SIGUSR2,
            Signal::SIGINT,
            Signal::SIGTERM,
        ]);
        set.thread_block()?;
        Ok(Self {
            signals: SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?,
            words: Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?),
        })
    }

    /// What another thread wakes this one with.
    pub(crate) fn waker(&self) -> Waker {
        Waker(Arc::clone(&self.words))
    }

    /// Waits for the next event.
    pub(crate) fn next(&self) -> io::Result<Event> {
        loop {
            match self.next_or(std::iter::empty(), None)? {
                Event::Other | Event::Time => {}
                event => return Ok(event),
            }
        }
    }

    /// Waits for the next event, for something to read elsewhere, or for that time.
    pub(crate) fn next_or<'d>(
        &self,
        elsewhere: impl Iterator<Item = BorrowedFd<'d>>,
        within: Option<Duration>,
    ) -> io::Result<Event> {
        if let Some(event) = self.one()? {
            return Ok(event);
        }
        // Places that are not needed are filled with one that is waited for anyway.
        let of_signals = PollFd::from_borrowed_fd(self.signals.as_fd(), PollFlags::IN);
        let mut all: [PollFd<'_>; BESIDES] = std::array::from_fn(|_| of_signals.clone());
        let [signals, words, others @ ..] = &mut all;
        *signals = of_signals;
        *words = PollFd::from_borrowed_fd(self.words.as_fd(), PollFlags::IN);
        for (place, descriptor) in others.iter_mut().zip(elsewhere) {
            *place = PollFd::from_borrowed_fd(descriptor, PollFlags::IN);
        }
        match poll(&mut all, within.map(timespec).as_ref()) {
            Ok(0) => return Ok(Event::Time),
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(self.one()?.unwrap_or(Event::Other))
    }

    /// What has come already.
    fn one(&self) -> io::Result<Option<Event>> {
        if let Some(info) = self.signals.read_signal()? {
            let number = i32::try_from(info.ssi_signo).unwrap_or_default();
            return Ok(Some(match Signal::try_from(number)? {
                Signal::SIGHUP => Event::Reload,
                // What the service of LXCFS sends for a reload, which there loads the library anew.
                Signal::SIGUSR1 => Event::Replace,
                Signal::SIGUSR2 => Event::Toggle,
                signal => Event::End(signal),
            }));
        }
        match rustix::io::read(&*self.words, &mut [0; 8]) {
            Ok(_) => Ok(Some(Event::Woken)),
            Err(Errno::AGAIN) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

/// Wakes the thread that waits for events.
#[derive(Debug)]
pub(crate) struct Waker(Arc<OwnedFd>);

impl Waker {
    /// The next event, or one soon after, is [`Event::Woken`].
    pub(crate) fn wake(&self) {
        // It only fails if nobody has listened 2⁶⁴ times.
        let _ = rustix::io::write(&*self.0, &1_u64.to_ne_bytes());
    }
}

#[cfg(test)]
mod tests {
    use nix::sys::signal::raise;

    use super::*;

    #[test]
    fn signals_wait_until_they_are_asked_for() {
        // In a thread of its own: the mask of this one stays as it is.
        let told = std::thread::spawn(|| {
            let events = Events::block().unwrap();
            [
                Signal::SIGHUP,
                Signal::SIGUSR1,
                Signal::SIGUSR2,
                Signal::SIGINT,
                Signal::SIGTERM,
            ]
            .map(|signal| {
                raise(signal).unwrap();
                events.next().unwrap()
            })
        });
        let end = Event::End;
        assert_eq!(
            told.join().unwrap(),
            [
                Event::Reload,
                Event::Replace,
                Event::Toggle,
                end(Signal::SIGINT),
                end(Signal::SIGTERM)
            ]
        );
    }

    #[test]
    fn another_thread_wakes_it() {
        let told = std::thread::spawn(|| {
            let events = Events::block().unwrap();
            let waker = events.waker();
            let other = std::thread::spawn(move || waker.wake());
            let event = events.next().unwrap();
            other.join().unwrap();
            event
        });
        assert_eq!(told.join().unwrap(), Event::Woken);
    }
}
