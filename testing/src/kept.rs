//! A daemon with a keeper, which starts another worker when one has gone.

use std::fs;
use std::ops::Deref;
use std::path::Path;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::daemon::Daemon;
use crate::patience::wait_until;

/// A daemon with a keeper: the process that was started is the keeper, its workers are below it.
#[derive(Debug)]
pub struct Kept(Daemon);

/// A worker, or another process of a daemon, that may have gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Worker {
    pid: i32,
    /// When it started, in ticks: a number may be given to another process.
    started: u64,
}

impl Kept {
    /// Starts `BINARY -f -p PIDFILE --keep ARGUMENTS MOUNTPOINT` and waits until a worker is there.
    #[must_use]
    pub fn start(binary: &Path, arguments: &[&str]) -> Self {
        let kept = Self(Daemon::start(binary, &[&["--keep"], arguments].concat()));
        let _ = kept.worker_now();
        kept
    }

    /// The worker that was started last.
    #[must_use]
    pub fn worker(&self) -> Option<Worker> {
        Worker::of(self.pid())
    }

    /// The same, as soon as it is there.
    #[must_use]
    pub fn worker_now(&self) -> Worker {
        Worker::now_of(self.pid())
    }

    /// Waits until there is another worker than that one.
    #[must_use]
    pub fn worker_after(&self, old: Worker) -> Worker {
        let mut new = None;
        wait_until("there is another worker", || {
            new = self.worker().filter(|worker| *worker != old);
            new.is_some()
        });
        new.unwrap()
    }
}

impl Deref for Kept {
    type Target = Daemon;

    fn deref(&self) -> &Daemon {
        &self.0
    }
}

impl Worker {
    /// The process of that number, which need be no worker.
    #[must_use]
    pub fn at(pid: u32) -> Option<Self> {
        living(i32::try_from(pid).unwrap())
    }

    /// The worker that was started last by that keeper.
    #[must_use]
    pub fn of(keeper: u32) -> Option<Self> {
        workers_of(keeper).into_iter().max_by_key(|worker| worker.started)
    }

    /// The same, as soon as it is there. The kernel's list of children may leave some out while others end.
    #[must_use]
    pub fn now_of(keeper: u32) -> Self {
        let mut worker = None;
        wait_until("there is a worker", || {
            worker = Self::of(keeper);
            worker.is_some()
        });
        worker.unwrap()
    }

    /// Its process id.
    #[must_use]
    pub fn pid(self) -> u32 {
        u32::try_from(self.pid).unwrap()
    }

    /// Whether it has not ended.
    #[must_use]
    pub fn is_there(self) -> bool {
        living(self.pid) == Some(self)
    }

    /// Sends it a signal. Answers whether it was still there.
    #[must_use]
    pub fn signal(self, signal: Signal) -> bool {
        if !self.is_there() {
            return false;
        }
        match kill(Pid::from_raw(self.pid), signal) {
            Ok(()) => true,
            Err(Errno::ESRCH) => false,
            Err(error) => panic!("cannot send {signal} to {}: {error}", self.pid),
        }
    }
}

/// The workers below a keeper.
fn workers_of(keeper: u32) -> Vec<Worker> {
    let tasks = fs::read_dir(format!("/proc/{keeper}/task"));
    let children = tasks
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    let pids: Vec<i32> = children
        .flat_map(|children| children.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
        .filter_map(|pid| pid.parse().ok())
        .collect();
    let is_worker = |pid: &i32| {
        let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&words).contains("--worker")
    };
    pids.into_iter().filter(is_worker).filter_map(living).collect()
}

/// That process, if it has not ended with all its threads: what it has open is closed by the last of them.
fn living(pid: i32) -> Option<Worker> {
    let (_, started) = stat(&format!("/proc/{pid}/stat"))?;
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).ok()?.flatten();
    let mut states = tasks.filter_map(|task| stat(task.path().join("stat").to_str()?));
    states
        .any(|(state, _)| !matches!(state, 'Z' | 'X'))
        .then_some(Worker { pid, started })
}

/// The state of a process or a thread, and when it started.
fn stat(path: &str) -> Option<(char, u64)> {
    let stat = fs::read_to_string(path).ok()?;
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ');
    let state = fields.next()?.chars().next()?;
    // The 22nd of all; the third was the state.
    Some((state, fields.nth(18)?.parse().ok()?))
}
