//! No request waits without a bound: who is not answered in time is answered by another thread.
//!
//! A system call that does not return cannot be called off: the kernel may hold a lock over a cgroup for seconds. So the
//! reply of each request that is being worked at lies here, and whoever takes it answers: the worker when it is done, or
//! this thread when the time is over. The worker's own answer then comes too late and goes nowhere.
//!
//! While there are requests, the thread looks around twice in a deadline; when there are none, it sleeps until one comes.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, JoinHandle, Thread};
use std::time::{Duration, Instant};

/// Requests that are being worked at; `R` is what an answer is given to.
#[derive(Debug)]
pub(crate) struct Watchdog<R> {
    watched: Arc<Watched<R>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Watched<R> {
    slots: Vec<Mutex<Slot<R>>>,
    /// There has been a request since the thread looked last. This and `awake` are each written by one side and read by
    /// the other, so that one of the two sees what the other has done: in one order for all.
    busy: AtomicBool,
    /// The thread looks around.
    awake: AtomicBool,
    /// How many workers are still at requests that were too late.
    late: AtomicUsize,
    /// Since when the last time all of them were.
    all_late: Mutex<Option<Instant>>,
    end: AtomicBool,
    thread: OnceLock<Thread>,
}

/// A place for one request at a time. Who was late leaves it before its worker is done, and another request may lie here
/// when it is.
#[derive(Debug)]
struct Slot<R> {
    /// How many requests have lain here.
    turn: u64,
    waiting: Option<(Instant, R)>,
}

/// What the thread does.
pub(crate) trait Duties<R>: Send + 'static {
    /// How long a request may take.
    fn deadline(&self) -> Duration;
    /// Answers a request that has taken longer: as long as that.
    fn give_up(&self, reply: R, taken: Duration);
    /// Something that is to be done now and then while there are requests, and once after the last one.
    fn tidy(&self);
}

impl<R: Send + 'static> Watchdog<R> {
    /// Watches as many requests as there are workers.
    pub(crate) fn start(workers: usize, duties: impl Duties<R>) -> io::Result<Self> {
        let watched = Arc::new(Watched {
            slots: (0..workers.max(1)).map(|_| Mutex::new(Slot::empty())).collect(),
            busy: AtomicBool::new(false),
            awake: AtomicBool::new(false),
            late: AtomicUsize::new(0),
            all_late: Mutex::new(None),
            end: AtomicBool::new(false),
            thread: OnceLock::new(),
        });
        let theirs = Arc::clone(&watched);
        let thread = thread::Builder::new()
            .name("watchdog".to_owned())
            .spawn(move || theirs.look_around(&duties))?;
        // Until this is set nobody wakes the thread, and it has not yet gone to sleep for good.
        let _ = watched.thread.set(thread.thread().clone());
        Ok(Self {
            watched,
            thread: Some(thread),
        })
    }

    /// A request is worked at. `None` gives the reply back: there are more workers than was said.
    pub(crate) fn begin(&self, reply: R) -> Result<Ticket<'_, R>, R> {
        let watched = &*self.watched;
        watched.busy.store(true, Ordering::SeqCst);
        if !watched.awake.swap(true, Ordering::SeqCst)
            && let Some(thread) = watched.thread.get()
        {
            thread.unpark();
        }
        for slot in &watched.slots {
            let mut place = lock(slot);
            if place.waiting.is_none() {
                place.turn = place.turn.wrapping_add(1);
                place.waiting = Some((Instant::now(), reply));
                let turn = place.turn;
                return Ok(Ticket {
                    slot,
                    turn,
                    late: &watched.late,
                });
            }
        }
        Err(reply)
    }

    /// Tells how many workers are late.
    pub(crate) fn lateness(&self) -> Lateness<R> {
        Lateness(Arc::clone(&self.watched))
    }
}

/// How many workers are late.
#[derive(Debug)]
pub(crate) struct Lateness<R>(Arc<Watched<R>>);

impl<R> Lateness<R> {
    /// Whether all are: nobody takes another request.
    pub(crate) fn is_general(&self) -> bool {
        self.0.late.load(Ordering::Relaxed) >= self.0.slots.len()
    }

    /// For how long all have been.
    pub(crate) fn general_for(&self) -> Option<Duration> {
        let since = *lock(&self.0.all_late);
        since.filter(|_| self.is_general()).map(|since| since.elapsed())
    }
}

impl<R> Drop for Watchdog<R> {
    fn drop(&mut self) {
        self.watched.end.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // It has panicked if this fails, and said so.
            let _ = thread.join();
        }
    }
}

/// A request that is being worked at.
#[derive(Debug)]
#[must_use]
pub(crate) struct Ticket<'w, R> {
    slot: &'w Mutex<Slot<R>>,
    turn: u64,
    late: &'w AtomicUsize,
}

impl<R> Ticket<'_, R> {
    /// Adds to what lies there, unless it has been answered.
    pub(crate) fn add(&self, more: impl FnOnce(&mut R)) {
        let mut place = lock(self.slot);
        if place.turn == self.turn
            && let Some((_, reply)) = &mut place.waiting
        {
            more(reply);
        }
    }

    /// What the answer is to be given to, and how long that has taken; `None` if it has been given.
    pub(crate) fn finish(self) -> Option<(R, Duration)> {
        let mut place = lock(self.slot);
        let mine = if place.turn == self.turn {
            place.waiting.take()
        } else {
            None
        };
        if mine.is_none() {
            self.late.fetch_sub(1, Ordering::Relaxed);
        }
        mine.map(|(since, reply)| (reply, since.elapsed()))
    }
}

impl<R> Slot<R> {
    fn empty() -> Self {
        Self { turn: 0, waiting: None }
    }
}

impl<R> Watched<R> {
    fn look_around(&self, duties: &impl Duties<R>) {
        while !self.end.load(Ordering::Acquire) {
            if !self.busy.swap(false, Ordering::AcqRel) && !self.is_working() {
                duties.tidy();
                self.awake.store(false, Ordering::SeqCst);
                // A request between the two lines above has seen that this thread was awake.
                if !self.busy.load(Ordering::SeqCst) && !self.end.load(Ordering::Acquire) {
                    thread::park();
                }
                self.awake.store(true, Ordering::Release);
                continue;
            }
            thread::park_timeout(duties.deadline().checked_div(2).unwrap_or_default());
            for slot in &self.slots {
                let mut place = lock(slot);
                let late = place.waiting.take_if(|(since, _)| since.elapsed() >= duties.deadline());
                if late.is_some() {
                    let others = self.late.load(Ordering::Relaxed);
                    if others.saturating_add(1) >= self.slots.len() {
                        *lock(&self.all_late) = Some(Instant::now());
                    }
                    // Before the worker can see it.
                    self.late.fetch_add(1, Ordering::Relaxed);
                }
                drop(place);
                if let Some((since, reply)) = late {
                    duties.give_up(reply, since.elapsed());
                }
            }
            duties.tidy();
        }
    }

    fn is_working(&self) -> bool {
        self.slots.iter().any(|slot| lock(slot).waiting.is_some())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, Sender, channel};

    struct Tell(Sender<u32>, Arc<Mutex<u32>>);

    impl Duties<u32> for Tell {
        fn deadline(&self) -> Duration {
            Duration::from_millis(20)
        }
        fn give_up(&self, reply: u32, taken: Duration) {
            assert!(taken >= self.deadline());
            self.0.send(reply).unwrap();
        }
        fn tidy(&self) {
            *lock(&self.1) += 1;
        }
    }

    fn finished(ticket: Ticket<'_, u32>) -> Option<u32> {
        ticket.finish().map(|(reply, _)| reply)
    }

    fn start(workers: usize) -> (Watchdog<u32>, Receiver<u32>, Arc<Mutex<u32>>) {
        let (late, answered) = channel();
        let tidied = Arc::new(Mutex::new(0));
        let duties = Tell(late, Arc::clone(&tidied));
        (Watchdog::start(workers, duties).unwrap(), answered, tidied)
    }

    #[test]
    fn who_is_done_in_time_answers() {
        let (watchdog, answered, _) = start(1);
        for number in 0..1000 {
            assert_eq!(finished(watchdog.begin(number).unwrap()), Some(number));
        }
        drop(watchdog);
        assert!(answered.recv().is_err());
    }

    #[test]
    fn who_is_late_has_been_answered() {
        let (watchdog, answered, _) = start(2);
        let ticket = watchdog.begin(7).unwrap();
        assert_eq!(answered.recv().unwrap(), 7);
        assert!(!watchdog.lateness().is_general());
        ticket.add(|_| panic!("it has been answered"));
        assert_eq!(finished(ticket), None);
        assert_eq!(finished(watchdog.begin(8).unwrap()), Some(8));
    }

    #[test]
    fn who_is_late_does_not_answer_another() {
        let (watchdog, answered, _) = start(1);
        let late = watchdog.begin(1).unwrap();
        assert_eq!(watchdog.lateness().general_for(), None);
        assert_eq!(answered.recv().unwrap(), 1);
        assert!(watchdog.lateness().is_general() && watchdog.lateness().general_for().is_some());
        let other = watchdog.begin(2).unwrap();
        assert_eq!(finished(late), None);
        assert!(!watchdog.lateness().is_general() && watchdog.lateness().general_for().is_none());
        assert_eq!(finished(other).or_else(|| answered.recv().ok()), Some(2));
    }

    #[test]
    fn more_workers_than_slots_are_not_watched() {
        let (watchdog, _answered, _) = start(1);
        let ticket = watchdog.begin(1).unwrap();
        assert_eq!(watchdog.begin(2).unwrap_err(), 2);
        assert_eq!(finished(ticket), Some(1));
    }

    #[test]
    fn without_requests_it_sleeps() {
        let (watchdog, _answered, tidied) = start(1);
        assert_eq!(finished(watchdog.begin(1).unwrap()), Some(1));
        // It is asleep when nothing is tidied any more.
        let mut last = 0;
        let asleep = (0..100).any(|_| {
            thread::sleep(Duration::from_millis(100));
            let now = *lock(&tidied);
            let same = now == last && now > 0;
            last = now;
            same
        });
        assert!(asleep);
        assert_eq!(finished(watchdog.begin(2).unwrap()), Some(2));
    }
}
