//! Waiting for signals, or for a word from another thread, without ever waking up for nothing.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::Arc;

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use rustix::io::Errno;

/// What has happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    /// Read the configuration file again.
    Reload,
    /// Show the host's files, or no longer.
    Toggle,
    /// End.
    End(Signal),
    /// Another thread has something to say.
    Woken,
}

/// The signals of this process and the words of its other threads, kept until they are asked for.
#[derive(Debug)]
pub(super) struct Events {
    signals: SignalFd,
    words: Arc<OwnedFd>,
}

impl Events {
    /// From now on, signals wait to be asked for: in this thread, and in all threads that it starts from now on.
    ///
    /// They are never let through again: one that comes while the process ends would change its exit status.
    pub(super) fn block() -> io::Result<Self> {
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
    pub(super) fn waker(&self) -> Waker {
        Waker(Arc::clone(&self.words))
    }

    /// Waits for the next event.
    pub(super) fn next(&self) -> io::Result<Event> {
        loop {
            if let Some(info) = self.signals.read_signal()? {
                let number = i32::try_from(info.ssi_signo).unwrap_or_default();
                return Ok(match Signal::try_from(number)? {
                    // USR1 is what the service of LXCFS sends for a reload.
                    Signal::SIGHUP | Signal::SIGUSR1 => Event::Reload,
                    Signal::SIGUSR2 => Event::Toggle,
                    signal => Event::End(signal),
                });
            }
            match rustix::io::read(&*self.words, &mut [0; 8]) {
                Ok(_) => return Ok(Event::Woken),
                Err(Errno::AGAIN) => {}
                Err(error) => return Err(error.into()),
            }
            let mut both = [
                PollFd::from_borrowed_fd(self.signals.as_fd(), PollFlags::IN),
                PollFd::from_borrowed_fd(self.words.as_fd(), PollFlags::IN),
            ];
            match poll(&mut both, None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Wakes the thread that waits for events.
#[derive(Debug)]
pub(super) struct Waker(Arc<OwnedFd>);

impl Waker {
    /// The next event, or one soon after, is [`Event::Woken`].
    pub(super) fn wake(&self) {
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
                Event::Reload,
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
