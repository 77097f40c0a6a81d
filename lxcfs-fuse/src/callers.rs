//! Threads that have asked before: one `pread` tells that a thread is the same one, and in the same cgroups.
//!
//! FUSE names its caller by a thread id, which the kernel gives away again. A descriptor of `/proc/TID/cgroup` does not
//! follow: it stays with the thread that it was opened for, and reading it fails with `ESRCH` once that has ended. What it
//! reads is where the thread is now, and which pid namespace a thread is in never changes. So who reads again and again is
//! found again by one system call.
//!
//! Within [`believed`] even that is not asked again. The kernel gives thread ids out in turn, so one is given to
//! another thread only after all others have been: tens of thousands of threads would have to begin in a few
//! milliseconds. Within a pid namespace one can be chosen (`clone3`, `set_tid`), but not the number that it has outside.
//!
//! A thread that asks for the first time gets no descriptor: most of these are a `cat` and never come again.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use lxcfs_core::Pid;

/// A thread's cgroups, as `/proc/TID/cgroup` tells them, in two hundred bytes on most machines; longer ones are never
/// remembered, and cost their callers a few more system calls.
const MOST_BYTES: usize = 4096;

/// How long a thread is believed to be the same one, and where it was.
const BELIEVED: Duration = Duration::from_millis(5);

/// So many numbers are given out in turn in no less than that: it would take more than three million threads a second.
const MANY: u64 = 16_384;

/// How long a thread is believed to be the same one where there are so many numbers for threads; not at all where they are
/// few, as in a pid namespace with a `pid_max` of its own (Linux 6.14).
///
/// # References
///
/// proc(5), `/proc/sys/kernel/pid_max`.
pub(crate) fn believed() -> Duration {
    let most = std::fs::read_to_string("/proc/sys/kernel/pid_max").unwrap_or_default();
    believed_among(most.trim().parse().unwrap_or(0))
}

fn believed_among(most: u64) -> Duration {
    if most < MANY { Duration::ZERO } else { BELIEVED }
}

/// A thread that has asked before.
#[derive(Debug)]
struct Known<T> {
    file: File,
    cgroup: Bytes,
    found: T,
    /// When it was seen last, in nanoseconds since boot.
    seen: AtomicU64,
}

impl<T: Clone> Known<T> {
    fn find(&self, now: Duration, believed: Duration) -> Option<T> {
        let seen = Duration::from_nanos(self.seen.load(Ordering::Relaxed));
        if now.saturating_sub(seen) < believed {
            return Some(self.found.clone());
        }
        let mut room = [0; MOST_BYTES];
        let length = self.file.read_at(&mut room, 0).ok()?;
        let same = length < room.len() && room.get(..length)? == self.cgroup;
        self.seen.store(nanos(now), Ordering::Relaxed);
        same.then(|| self.found.clone())
    }
}

/// What was found for threads that have asked before; at most a given number of them. No lock is held over a read.
#[derive(Debug)]
pub(crate) struct Callers<T> {
    threads: Mutex<Threads<T>>,
    half: usize,
    believed: Duration,
}

/// Two generations: when the younger one is full, it becomes the older, and what was in the older and has not asked since
/// is forgotten.
#[derive(Debug)]
struct Threads<T> {
    young: Generation<T>,
    old: Generation<T>,
    seen_once: HashSet<Pid>,
}

/// Threads of one generation, by their ids.
type Generation<T> = HashMap<Pid, Arc<Known<T>>>;

impl<T> Threads<T> {
    /// Adds one to the younger generation. Answers those who are forgotten for that.
    fn add(&mut self, thread: Pid, known: Arc<Known<T>>, half: usize) -> Option<Generation<T>> {
        self.young.insert(thread, known);
        (self.young.len() >= half).then(|| {
            let young = std::mem::take(&mut self.young);
            std::mem::replace(&mut self.old, young)
        })
    }
}

impl<T: Clone> Callers<T> {
    /// `believed`: how long a thread that was seen is taken for the same one.
    pub(crate) fn with_most(most: usize, believed: Duration) -> Self {
        Self {
            believed,
            threads: Mutex::new(Threads {
                young: HashMap::new(),
                old: HashMap::new(),
                seen_once: HashSet::new(),
            }),
            half: most.checked_div(2).unwrap_or(0).max(1),
        }
    }

    /// What was found for that thread, if it is still the same one and where it was. `now` is the time since boot.
    pub(crate) fn find(&self, thread: Pid, now: Duration) -> Option<T> {
        let mut aged = None;
        let known = {
            let mut threads = self.lock();
            match threads.young.get(&thread) {
                Some(known) => Arc::clone(known),
                None => {
                    let known = threads.old.remove(&thread)?;
                    aged = threads.add(thread, Arc::clone(&known), self.half);
                    known
                }
            }
        };
        // Closed here, where the lock is no longer held.
        drop(aged);
        let found = known.find(now, self.believed);
        if found.is_none() {
            self.lock().young.remove(&thread);
        }
        found
    }

    /// What was found for that thread, which may be another one by now.
    pub(crate) fn known(&self, thread: Pid) -> Option<T> {
        let threads = self.lock();
        let known = threads.young.get(&thread).or_else(|| threads.old.get(&thread));
        known.map(|known| known.found.clone())
    }

    /// Remembers what was found for a thread, if it has asked before. `file` is its `/proc/TID/cgroup`.
    pub(crate) fn remember(&self, thread: Pid, file: File, cgroup: Bytes, found: T) {
        let forgotten = {
            let mut threads = self.lock();
            if threads.seen_once.len() >= self.half.saturating_mul(4) {
                threads.seen_once.clear();
            }
            if threads.seen_once.insert(thread) || cgroup.len() >= MOST_BYTES {
                return;
            }
            threads.seen_once.remove(&thread);
            let known = Arc::new(Known {
                file,
                cgroup,
                found,
                // Just read, but when is not known here.
                seen: AtomicU64::new(0),
            });
            threads.add(thread, known, self.half)
        };
        // Closed here, where the lock is no longer held.
        drop(forgotten);
    }

    /// Forgets those for whom that was found.
    pub(crate) fn forget(&self, is_it: impl Fn(&T) -> bool) {
        let mut gone = Vec::new();
        let mut threads = self.lock();
        let Threads { young, old, .. } = &mut *threads;
        for generation in [young, old] {
            generation.retain(|_, known| {
                let keep = !is_it(&known.found);
                if !keep {
                    gone.push(Arc::clone(known));
                }
                keep
            });
        }
        drop(threads);
    }

    /// How many threads are remembered.
    pub(crate) fn count(&self) -> usize {
        let threads = self.lock();
        threads.young.len().saturating_add(threads.old.len())
    }

    fn lock(&self) -> MutexGuard<'_, Threads<T>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Whether a thread's `/proc/TID/cgroup` still says that.
pub(crate) fn cgroup_again(file: &File, cgroup: &[u8]) -> bool {
    let mut room = vec![0; cgroup.len().saturating_add(1)];
    file.read_at(&mut room, 0)
        .is_ok_and(|length| room.get(..length) == Some(cgroup))
}

/// Opens and reads a thread's `/proc/TID/cgroup`.
pub(crate) fn cgroup_of(thread: Pid) -> io::Result<(File, Bytes)> {
    let file = File::open(format!("/proc/{thread}/cgroup"))?;
    let mut room = vec![0; MOST_BYTES];
    let mut length: usize = 0;
    loop {
        let at = u64::try_from(length).unwrap_or(u64::MAX);
        let free = room.get_mut(length..).unwrap_or_default();
        let size = free.len();
        let more = file.read_at(free, at)?;
        length = length.saturating_add(more);
        // The kernel prints this file in one piece.
        if more < size {
            break;
        }
        room.resize(room.len().saturating_mul(2), 0);
    }
    Ok((file, Bytes::copy_from_slice(room.get(..length).unwrap_or_default())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Child, Command, Stdio};

    fn sleeper() -> Child {
        Command::new("sleep").arg("60").stdin(Stdio::null()).spawn().unwrap()
    }

    fn ask(callers: &Callers<u32>, thread: Pid, found: u32) {
        let (file, cgroup) = cgroup_of(thread).unwrap();
        callers.remember(thread, file, cgroup, found);
    }

    /// Looks each time: at a time that is always later than the last by more than a thread is believed.
    fn find(callers: &Callers<u32>, thread: Pid) -> Option<u32> {
        static NOW: AtomicU64 = AtomicU64::new(1);
        callers.find(thread, Duration::from_secs(NOW.fetch_add(1, Ordering::Relaxed)))
    }

    #[test]
    fn who_was_seen_a_moment_ago_is_not_looked_at_again() {
        let callers = Callers::with_most(8, BELIEVED);
        let mut child = sleeper();
        for _ in 0..2 {
            ask(&callers, child.id(), 1);
        }
        let noon = Duration::from_secs(43_200);
        assert_eq!(callers.find(child.id(), noon), Some(1));
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(callers.find(child.id(), noon), Some(1));
        assert_eq!(callers.find(child.id(), noon + BELIEVED), None);
    }

    #[test]
    fn where_numbers_are_few_a_thread_is_looked_at_each_time() {
        assert_eq!(believed_among(400), Duration::ZERO);
        assert_eq!(believed_among(32_768), BELIEVED);
        let callers = Callers::with_most(8, believed_among(400));
        let mut child = sleeper();
        for _ in 0..2 {
            ask(&callers, child.id(), 1);
        }
        let noon = Duration::from_secs(43_200);
        assert_eq!(callers.find(child.id(), noon), Some(1));
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(callers.find(child.id(), noon), None);
    }

    #[test]
    fn who_asks_a_second_time_is_remembered() {
        let callers = Callers::with_most(8, BELIEVED);
        let me = std::process::id();
        ask(&callers, me, 7);
        assert_eq!((find(&callers, me), callers.count()), (None, 0));
        ask(&callers, me, 7);
        assert_eq!((find(&callers, me), callers.count()), (Some(7), 1));
        callers.forget(|found| *found == 7);
        assert_eq!((find(&callers, me), callers.count()), (None, 0));
    }

    #[test]
    fn a_thread_that_has_ended_is_nobody() {
        let callers = Callers::with_most(8, BELIEVED);
        let mut child = sleeper();
        for _ in 0..2 {
            ask(&callers, child.id(), 1);
        }
        assert_eq!(find(&callers, child.id()), Some(1));
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!((find(&callers, child.id()), callers.count()), (None, 0));
    }

    #[test]
    fn no_more_threads_are_remembered_than_was_said() {
        let callers = Callers::with_most(4, BELIEVED);
        let mut children: Vec<_> = (0..12).map(|_| sleeper()).collect();
        let me = std::process::id();
        for _ in 0..2 {
            ask(&callers, me, 0);
        }
        for child in &children {
            for _ in 0..2 {
                ask(&callers, child.id(), child.id());
            }
            assert_eq!(find(&callers, me), Some(0), "who asks all the time is never forgotten");
            // All ask again, so that each of them moves from one generation to the other.
            for child in &children {
                find(&callers, child.id());
                assert!(callers.count() <= 4);
            }
            for _ in 0..2 {
                ask(&callers, me, 0);
            }
        }
        for child in &mut children {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}
