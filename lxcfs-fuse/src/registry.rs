//! Who is asking: from a thread id to what is known of its container.
//!
//! Three ways, each tried if the one before does not know:
//!
//! 1. The thread has asked before: one system call ([`Callers`]).
//! 2. Another thread of the same pid namespace and in the same cgroups has: three system calls, and one that makes sure
//!    that the container's init still lives, for only as long is the namespace's number its own.
//! 3. [`Resolver`] finds the container.
//!
//! A container whose init has ended is forgotten at once: a descriptor of the process is watched by
//! [`Housekeeper`](crate::housekeeper). Of callers in the host's pid namespace, who have no init to be watched, those who have
//! not asked for the longest time are forgotten when there are too many.

use std::collections::HashMap;
use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use lxcfs_core::cgroup::Hierarchies;
use lxcfs_core::live::{ResolveError, Resolver, Root, boot_time, still_running};
use lxcfs_core::{Container, Pid};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid as RawPid, PidfdFlags, pidfd_open};

use crate::callers::{Callers, cgroup_of};
use crate::entry::Entry;

/// How many descriptors of each kind may be kept, out of as many as this process may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Budget {
    /// Of threads that have asked.
    pub(crate) callers: usize,
    /// Of containers, for their inits.
    pub(crate) containers: usize,
    /// Of files of the host and of cgroups.
    pub(crate) files: usize,
    /// Of pressure files, with triggers that callers have set.
    pub(crate) triggers: usize,
}

impl Budget {
    /// `limit` is `RLIMIT_NOFILE`.
    pub(crate) fn of(limit: u64) -> Self {
        let part = |of: usize, most: usize| {
            let limit = usize::try_from(limit).unwrap_or(usize::MAX);
            limit.checked_div(of).unwrap_or(0).min(most)
        };
        Self {
            callers: part(5, 4096),
            containers: part(4, 16_384),
            files: part(3, 8192),
            triggers: part(8, 1024),
        }
    }
}

/// A pid namespace, and the cgroups that a caller in it is in.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    namespace: u64,
    cgroup: Bytes,
}

/// What is known of all containers.
#[derive(Debug)]
pub(crate) struct Registry {
    callers: Callers<Arc<Entry>>,
    containers: Mutex<HashMap<Key, Arc<Entry>>>,
    resolver: Resolver<Root>,
    next_id: AtomicU64,
    most: usize,
}

/// Who is asking, and whether nobody of that container has before.
pub(crate) struct Found {
    pub(crate) entry: Arc<Entry>,
    pub(crate) is_new: bool,
}

impl Registry {
    pub(crate) fn new(hierarchies: Hierarchies, budget: Budget) -> Self {
        Self {
            callers: Callers::with_most(budget.callers),
            containers: Mutex::default(),
            resolver: Resolver::new(Root::host(), hierarchies),
            next_id: AtomicU64::new(1),
            most: budget.containers.max(16),
        }
    }

    /// Finds the container of a thread.
    pub(crate) fn find(&self, thread: Pid) -> Result<Found, ResolveError> {
        if let Some(entry) = self.callers.find(thread, boot_time())
            && !entry.is_gone()
        {
            if entry.is_doubtful() {
                entry.is_at(self.resolver.container_of(thread)?);
            }
            return Ok(Found { entry, is_new: false });
        }
        let Ok((file, cgroup)) = cgroup_of(thread) else {
            return Err(ResolveError::NoSuchProcess { pid: thread });
        };
        let key = namespace_of(thread).map(|namespace| Key {
            namespace,
            cgroup: cgroup.clone(),
        });
        let known = key.as_ref().and_then(|key| self.lock().get(key).cloned());
        let (entry, is_new) = match known {
            Some(entry) if self.lives(&entry) => {
                if entry.is_doubtful() {
                    entry.is_at(self.resolver.container_of(thread)?);
                }
                (entry, false)
            }
            dead => {
                let entry = Arc::new(self.new_entry(self.resolver.container_of(thread)?)?);
                match key {
                    Some(key) => self.add(key, entry, dead.as_ref()),
                    // Its namespace may not be read: known by its threads only.
                    None => (entry, false),
                }
            }
        };
        self.callers.remember(thread, file, cgroup, Arc::clone(&entry));
        Ok(Found { entry, is_new })
    }

    /// What is known of a thread that has asked before, without looking.
    pub(crate) fn known(&self, thread: Pid) -> Option<Arc<Entry>> {
        self.callers.known(thread)
    }

    /// Looks for the container of a thread anew, whatever is known.
    pub(crate) fn resolve(&self, thread: Pid) -> Result<Container, ResolveError> {
        self.resolver.container_of(thread)
    }

    fn new_entry(&self, container: Container) -> Result<Entry, ResolveError> {
        let init = match container.init {
            Some(init) => {
                let watched = watch(init.pid);
                // It is the same process that was found: had it ended before it was watched, this would be another one.
                if !still_running(&Root::host(), init) {
                    return Err(ResolveError::Gone { pid: container.caller });
                }
                watched
            }
            None => None,
        };
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        Ok(Entry::new(id, container, init))
    }

    /// Adds a container in the place of a dead one that had its namespace's number, unless another thread was faster.
    fn add(&self, key: Key, entry: Arc<Entry>, dead: Option<&Arc<Entry>>) -> (Arc<Entry>, bool) {
        let mut containers = self.lock();
        if let Some(known) = containers.get(&key)
            && !dead.is_some_and(|dead| Arc::ptr_eq(dead, known))
        {
            return (Arc::clone(known), false);
        }
        containers.insert(key, Arc::clone(&entry));
        let crowded = containers.len() > self.most;
        drop(containers);
        if let Some(dead) = dead {
            dead.gone();
            self.callers.forget(|found| Arc::ptr_eq(found, dead));
        }
        if crowded {
            self.forget_some();
        }
        (entry, true)
    }

    /// Whether the container's init has not ended.
    fn lives(&self, entry: &Entry) -> bool {
        if entry.is_gone() {
            return false;
        }
        match (&entry.init, entry.container().init) {
            (Some(watched), _) => {
                let mut fds = [PollFd::new(watched, PollFlags::IN)];
                let now = Timespec { tv_sec: 0, tv_nsec: 0 };
                poll(&mut fds, Some(&now)).is_ok_and(|ready| ready == 0)
            }
            (None, Some(init)) => still_running(&Root::host(), init),
            (None, None) => true,
        }
    }

    /// Forgets the container with that id. Answers what was known of it.
    pub(crate) fn forget(&self, id: u64) -> Vec<Arc<Entry>> {
        let mut gone = Vec::new();
        self.lock().retain(|_, entry| {
            let keep = entry.id != id;
            if !keep {
                gone.push(Arc::clone(entry));
            }
            keep
        });
        for entry in &gone {
            entry.gone();
        }
        if !gone.is_empty() {
            self.callers.forget(|found| found.id == id);
        }
        gone
    }

    /// Forgets an eighth of all, those first that were found first.
    fn forget_some(&self) {
        let mut entries = self.all();
        entries.sort_by_key(|entry| (entry.init.is_some(), entry.id));
        let number = self.most / 8;
        for entry in entries.iter().take(number.max(1)) {
            self.forget(entry.id);
        }
    }

    /// All containers that are known.
    pub(crate) fn all(&self) -> Vec<Arc<Entry>> {
        self.lock().values().cloned().collect()
    }

    /// How many containers are known, and how many threads.
    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.lock().len(), self.callers.count())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Arc<Entry>>> {
        self.containers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A descriptor that becomes readable when the process ends.
fn watch(pid: Pid) -> Option<OwnedFd> {
    let pid = RawPid::from_raw(i32::try_from(pid).ok()?)?;
    pidfd_open(pid, PidfdFlags::empty()).ok()
}

/// The number of a thread's pid namespace. No other namespace has it while a process lives in this one.
fn namespace_of(thread: Pid) -> Option<u64> {
    let link = fs::read_link(format!("/proc/{thread}/ns/pid")).ok()?;
    let number = link.as_os_str().as_bytes().strip_prefix(b"pid:[")?.strip_suffix(b"]")?;
    std::str::from_utf8(number).ok()?.parse().ok()
}
