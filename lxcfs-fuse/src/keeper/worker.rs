//! A worker, as its keeper sees it: a process, and what it says.

use std::fmt;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use lxcfs_core::live::boot_time;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, WaitIdStatus, pidfd_send_signal, waitid};

use super::packet::{Received, Word, pair, receive, send};
use super::patience::later;
use super::program::Image;
use super::spawn::{PASSED, Template};
use crate::status::{self, WorkerState, millis};

/// How a process has ended, for people.
pub(crate) struct Status(pub(crate) WaitIdStatus);

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.exit_status(), self.0.terminating_signal()) {
            (Some(status), _) => write!(f, "exit status {status}"),
            (None, Some(signal)) => write!(f, "signal {signal}"),
            (None, None) => f.write_str("unknown"),
        }
    }
}

/// When a worker is to serve.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Turn<'c> {
    /// At once: nobody else does. The control socket is for it, should it be left alone.
    AtOnce {
        /// `None` if there is none yet.
        control: Option<BorrowedFd<'c>>,
    },
    /// When it is told to.
    WhenTold,
}

/// A process that serves, or is about to.
#[derive(Debug)]
pub(crate) struct Worker {
    pid: Pid,
    pidfd: OwnedFd,
    mail: Option<OwnedFd>,
    pub(crate) image: Image,
    started: Instant,
    /// The same in `CLOCK_BOOTTIME`.
    born: Duration,
    /// It was told to serve then.
    told: Option<Instant>,
    /// It was told to leave then.
    leaves: Option<Instant>,
    /// Since when it serves.
    pub(crate) serves: Option<Instant>,
    /// It was asked then whether it is alive, and has not answered.
    asked: Option<Instant>,
    /// It is to be asked then.
    ask_at: Option<Instant>,
    /// We have killed it.
    killed: bool,
}

impl Worker {
    /// Starts one with these descriptors, and its end of the mail behind them. In the mail is already what `turn` says, so
    /// that it serves also if its keeper dies from here on.
    pub(crate) fn start(
        template: &mut Template,
        image: Image,
        [fuse, requests, store, shown]: [BorrowedFd<'_>; 4],
        turn: Turn<'_>,
        now: Instant,
    ) -> io::Result<Self> {
        const { assert!(PASSED == 5) };
        let (mail, theirs) = pair()?;
        if let Turn::AtOnce { control } = turn {
            send(mail.as_fd(), Word::Serve, 0, &[])?;
            if let Some(control) = control {
                send(mail.as_fd(), Word::Control, 0, &[control])?;
            }
        }
        let all = [fuse, requests, store, shown, theirs.as_fd()];
        let (pid, pidfd) = template.start(image, all)?;
        Ok(Self {
            pid,
            pidfd,
            mail: Some(mail),
            image,
            started: now,
            born: boot_time(),
            told: matches!(turn, Turn::AtOnce { .. }).then_some(now),
            leaves: None,
            serves: None,
            asked: None,
            ask_at: None,
            killed: false,
        })
    }

    /// What to wait for.
    pub(crate) fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let mail = self.mail.as_ref().map(|mail| mail.as_fd());
        std::iter::once(self.pidfd.as_fd()).chain(mail)
    }

    /// The next thing that it has said.
    pub(crate) fn hear(&mut self) -> Option<super::packet::Packet> {
        loop {
            match receive(self.mail.as_ref()?.as_fd()) {
                Received::Packet(packet) => {
                    if packet.word == Word::Alive {
                        self.asked = None;
                    }
                    return Some(packet);
                }
                // From a later version: what we do not know we do not need.
                Received::Unknown => {}
                Received::Nothing => return None,
                Received::Closed => {
                    // It is dying: its end is seen elsewhere.
                    self.mail = None;
                    return None;
                }
            }
        }
    }

    /// Says something. If it does not read, that is noticed elsewhere.
    pub(crate) fn tell(&self, word: Word, descriptors: &[BorrowedFd<'_>]) {
        if let Some(mail) = &self.mail
            && let Err(error) = send(mail.as_fd(), word, 0, descriptors)
        {
            tracing::debug!(%error, ?word, "the worker cannot be told");
        }
    }

    /// Nobody else serves: it is to.
    pub(crate) fn is_to_serve(&mut self, now: Instant) {
        if self.told.is_none() {
            self.told = Some(now);
            self.tell(Word::Serve, &[]);
        }
    }

    /// It is to end.
    pub(crate) fn is_to_leave(&mut self, now: Instant) {
        if self.leaves.is_none() {
            self.leaves = Some(now);
            self.tell(Word::Leave, &[]);
        }
    }

    /// What it does, as far as is known here.
    pub(crate) fn status(&self, now: Instant) -> status::Worker {
        status::Worker {
            pid: self.pid.as_raw_pid().unsigned_abs(),
            started_at_ms: millis(self.born),
            state: match (self.leaves, self.serves) {
                (Some(_), _) => WorkerState::Leaves,
                (None, Some(_)) => WorkerState::Serves,
                (None, None) => WorkerState::Starts,
            },
            silent_for_ms: self.asked.map(|asked| millis(now.saturating_duration_since(asked))),
        }
    }

    pub(crate) fn leaves(&self) -> bool {
        self.leaves.is_some()
    }

    /// When it is over for one that does not do what it was told. `starting`: how long it may take to begin.
    pub(crate) fn is_over_at(&self, starting: Duration) -> Option<Instant> {
        if self.killed {
            return None;
        }
        match (self.leaves, self.serves) {
            (Some(told), _) => Some(later(told, super::LEAVING)),
            (None, None) => Some(later(self.told.unwrap_or(self.started), starting)),
            (None, Some(_)) => None,
        }
    }

    /// How it has ended, if it has.
    pub(crate) fn ended(&self) -> Option<WaitIdStatus> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
        waitid(WaitId::PidFd(self.pidfd.as_fd()), options).unwrap_or_default()
    }

    /// Waits for its end.
    pub(crate) fn ends_within(&self, time: Duration) -> bool {
        let end = later(Instant::now(), time);
        loop {
            if self.ended().is_some() {
                return true;
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() || super::packet::readable(self.pidfd.as_fd(), left).is_err() {
                return false;
            }
        }
    }

    pub(crate) fn kill(&mut self) {
        self.killed = true;
        // If it cannot be killed, it has ended.
        let _ = pidfd_send_signal(&self.pidfd, Signal::KILL);
    }

    pub(crate) fn is_killed(&self) -> bool {
        self.killed
    }

    /// Asks whether it is alive, now and then. `false`: it has not answered for too long.
    pub(crate) fn is_well(&mut self, watchdog: Duration, now: Instant) -> bool {
        if watchdog.is_zero() || self.serves.is_none() || self.leaves.is_some() {
            return true;
        }
        if let Some(asked) = self.asked {
            return now.saturating_duration_since(asked) < watchdog;
        }
        if self.ask_at.is_none_or(|at| at <= now) {
            self.tell(Word::Ping, &[]);
            self.asked = Some(now);
            self.ask_at = Some(later(now, watchdog));
        }
        true
    }

    /// When the last question is to be looked at again.
    pub(crate) fn look_at(&self, watchdog: Duration) -> Option<Instant> {
        if watchdog.is_zero() || self.serves.is_none() || self.leaves.is_some() || self.killed {
            return None;
        }
        self.asked.map(|asked| later(asked, watchdog)).or(self.ask_at)
    }
}
