//! What is to be done besides reads: look at tasks for load averages, and forget containers that have ended. One thread.
//!
//! It sleeps until a container's init ends or somebody wants a load average. For a while after that it looks at the tasks of
//! those containers every five seconds, as the kernel does for itself, and at no others. Looking costs a read for each
//! task; a round has a budget, and what it does not get to is first in the next one.

use std::collections::VecDeque;
use std::io;
use std::os::fd::AsFd as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use lxcfs_core::live::boot_time;
use lxcfs_core::state::SAMPLE_EVERY;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::eventfd::EventFd;

use crate::entry::Entry;

/// How long after a read of a load average it is kept up to date: a container that is asked once in a few minutes, as most
/// monitoring does, has true averages.
const WANTED_FOR: Duration = Duration::from_secs(600);

/// How long one round may take: one part in fifty of the time.
const BUDGET: Duration = Duration::from_millis(100);

/// The event of the descriptor that wakes the thread; containers have their ids, from 1.
const WAKE: u64 = 0;

/// What the thread works with.
pub(crate) trait House: Send + Sync + 'static {
    /// Meets the containers that a process before this one has known.
    fn take_over(&self, bell: &Bell);
    /// All containers that are known.
    fn containers(&self) -> Vec<Arc<Entry>>;
    /// The init of that container has ended.
    fn forget(&self, id: u64);
    /// Looks at the tasks of a container.
    fn look_at_tasks(&self, entry: &Entry);
    /// Whether there are to be load averages at all.
    fn samples(&self) -> bool;
}

/// The thread.
#[derive(Debug)]
pub(crate) struct Housekeeper {
    bell: Arc<Bell>,
}

/// How the thread is told something.
#[derive(Debug)]
pub(crate) struct Bell {
    epoll: Epoll,
    wake: EventFd,
    sampling: AtomicBool,
    end: AtomicBool,
}

impl Bell {
    /// Watches for the end of a container.
    pub(crate) fn watch(&self, entry: &Entry) {
        if let Some(init) = &entry.init {
            let once = EpollEvent::new(EpollFlags::EPOLLIN | EpollFlags::EPOLLONESHOT, entry.id);
            // Where it cannot be watched (no memory), it is noticed when the next caller of that namespace comes.
            let _ = self.epoll.add(init, once);
        }
        // By who has asked a process before this one.
        if entry.wants_tasks(boot_time(), WANTED_FOR) {
            self.sample();
        }
    }

    /// Somebody wants a load average.
    pub(crate) fn sample(&self) {
        if !self.sampling.swap(true, Ordering::AcqRel) {
            let _ = self.wake.write(1);
        }
    }
}

impl Housekeeper {
    /// Starts the thread. `house` outlives nobody: the thread ends with it.
    pub(crate) fn start<H: House>(house: &Arc<H>) -> io::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let wake = EventFd::new()?;
        epoll.add(wake.as_fd(), EpollEvent::new(EpollFlags::EPOLLIN, WAKE))?;
        let bell = Arc::new(Bell {
            epoll,
            wake,
            sampling: AtomicBool::new(false),
            end: AtomicBool::new(false),
        });
        let (theirs, house) = (Arc::clone(&bell), Arc::downgrade(house));
        thread::Builder::new()
            .name("housekeeper".to_owned())
            .spawn(move || theirs.keep(&house))?;
        Ok(Self { bell })
    }

    pub(crate) fn bell(&self) -> &Arc<Bell> {
        &self.bell
    }
}

impl Drop for Housekeeper {
    fn drop(&mut self) {
        self.bell.end.store(true, Ordering::Release);
        // It ends when it is done with what it is at; nobody has to wait for that.
        let _ = self.bell.wake.write(1);
    }
}

impl Bell {
    fn keep<H: House>(&self, house: &Weak<H>) {
        let mut events = [EpollEvent::empty(); 64];
        if let Some(house) = house.upgrade() {
            house.take_over(self);
        }
        // What was looked at every five seconds up to now is looked at now: whoever did that may have been dead for a while.
        let mut due: Option<Instant> = self.sampling.load(Ordering::Acquire).then(Instant::now);
        let mut left: VecDeque<Arc<Entry>> = VecDeque::new();
        loop {
            let timeout = due.map_or(EpollTimeout::NONE, until);
            let count = self.epoll.wait(&mut events, timeout).unwrap_or(0);
            let Some(house) = house.upgrade().filter(|_| !self.end.load(Ordering::Acquire)) else {
                return;
            };
            for event in events.iter().take(count) {
                match event.data() {
                    WAKE => {
                        let _ = self.wake.read();
                        due.get_or_insert_with(|| later(SAMPLE_EVERY));
                    }
                    id => house.forget(id),
                }
            }
            if due.is_some_and(|due| due <= Instant::now()) {
                due = self.round(&*house, &mut left);
            }
        }
    }

    /// One round. Answers when the next one is, if there is one.
    fn round(&self, house: &impl House, left: &mut VecDeque<Arc<Entry>>) -> Option<Instant> {
        let next = later(SAMPLE_EVERY);
        if left.is_empty() {
            // Before the list is made: who is not on it any more rings again.
            self.sampling.store(false, Ordering::Release);
            let now = boot_time();
            let wanted = |entry: &Arc<Entry>| house.samples() && entry.wants_tasks(now, WANTED_FOR);
            left.extend(house.containers().into_iter().filter(wanted));
        }
        if left.is_empty() {
            return None;
        }
        self.sampling.store(true, Ordering::Release);
        let end = later(BUDGET);
        while let Some(entry) = left.pop_front() {
            if !entry.is_gone() {
                house.look_at_tasks(&entry);
            }
            if Instant::now() >= end {
                break;
            }
        }
        Some(next)
    }
}

fn later(by: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(by).unwrap_or(now)
}

/// Rounded up: waking a millisecond early would mean to wake twice.
fn until(due: Instant) -> EpollTimeout {
    let millis = due.saturating_duration_since(Instant::now()).as_micros().div_ceil(1000);
    EpollTimeout::try_from(millis).unwrap_or(EpollTimeout::MAX)
}
