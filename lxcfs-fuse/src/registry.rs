//! Who is asking: from a thread id to what is known of its container.
//!
//! Three ways, each tried if the one before does not know:
//!
//! 1. The thread has asked before: one system call ([`Callers`]).
//! 2. Another thread of the same pid namespace and in the same cgroups has: three system calls, and one that makes sure
//!    that the container's init still lives, for only as long is the namespace's number its own.
//! 3. [`Resolver`] finds the container: an init, and its cgroups. That is who a container is ([`Identity`]). Many ways may
//!    lead to it: a container with systemd in it has a cgroup for each service.
//!
//! A container whose init has ended is forgotten at once: a descriptor of the process is watched by
//! [`Housekeeper`](crate::housekeeper). When there are too many, those that were not asked for the longest time are forgotten:
//! callers in the host's pid namespace have no init that could be watched.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use lxcfs_core::cgroup::Hierarchies;
use lxcfs_core::live::{ResolveError, Resolver, Root, boot_time, still_running};
use lxcfs_core::{Container, Pid, SourceError, SourceErrorKind};
use nix::errno::Errno;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid as RawPid, PidfdFlags, pidfd_open};

use crate::callers::{Callers, believed, cgroup_again, cgroup_of};
use crate::entry::Entry;
use crate::saved::{Identity, Left, left};
use crate::store::Store;

/// How long it is believed that a way leads to the same container. What is looked at more often is where the *caller* is;
/// this is for the container's init, which a runtime puts into its cgroups once.
const BELIEVED: Duration = Duration::from_secs(2);

/// A thread that is in another cgroup each time it is looked at is given up after so many times.
const MOST_MOVES: usize = 3;

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

/// Where those lead who are in the same pid namespace and in the same cgroups.
#[derive(Debug)]
pub(crate) struct Way {
    entry: Arc<Entry>,
    /// When it was last found to lead there, in milliseconds since boot.
    found: AtomicU64,
}

impl Way {
    fn new(entry: Arc<Entry>, now: Duration) -> Self {
        let way = Self {
            entry,
            found: AtomicU64::new(0),
        };
        way.is_found(now);
        way
    }

    fn is_found(&self, now: Duration) {
        let millis = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        self.found.store(millis, Ordering::Relaxed);
    }

    /// It leads somewhere else by now.
    fn is_wrong(&self) {
        self.found.store(0, Ordering::Relaxed);
    }

    fn is_good(&self, now: Duration) -> bool {
        let found = Duration::from_millis(self.found.load(Ordering::Relaxed));
        !self.entry.is_gone() && now.saturating_sub(found) < BELIEVED
    }
}

/// What is known of all containers.
#[derive(Debug)]
pub(crate) struct Registry {
    callers: Callers<Arc<Way>>,
    known: Mutex<Known>,
    resolver: Resolver<Root>,
    next_id: AtomicU64,
    most: usize,
    /// How many have been forgotten for others, and nobody has been told.
    dropped: AtomicU64,
    store: Arc<Store>,
}

#[derive(Debug, Default)]
struct Known {
    ways: HashMap<Key, Arc<Way>>,
    containers: HashMap<Identity, Arc<Entry>>,
    /// Those that a process before this one has known, and this one has not met yet.
    left: HashMap<Identity, Left>,
}

/// Who is asking, and whether nobody of that container has before.
pub(crate) struct Found {
    pub(crate) entry: Arc<Entry>,
    pub(crate) is_new: bool,
}

impl Registry {
    pub(crate) fn new(hierarchies: Hierarchies, budget: Budget, store: Arc<Store>) -> Self {
        let known = Known {
            left: left(&store),
            ..Known::default()
        };
        Self {
            callers: Callers::with_most(budget.callers, believed()),
            known: Mutex::new(known),
            resolver: Resolver::new(Root::host(), hierarchies),
            next_id: AtomicU64::new(1),
            most: budget.containers.max(16),
            dropped: AtomicU64::new(0),
            store,
        }
    }

    /// Meets all containers that a process before this one has known, and forgets those that have ended meanwhile.
    /// Answers whom it has met, and how many have ended.
    pub(crate) fn meet_left(&self) -> (Vec<Arc<Entry>>, u64) {
        let left: Vec<_> = self.lock().left.keys().cloned().collect();
        let (mut met, mut gone) = (Vec::new(), 0_u64);
        for identity in left {
            let container = Container {
                caller: identity.0.map_or(0, |init| init.pid),
                init: identity.0,
                cgroups: identity.1.clone(),
            };
            let found = still_there(&container).then(|| self.settle(container));
            match found {
                Some(Ok((entry, true))) => met.push(entry),
                // Somebody has asked, and met it so.
                Some(Ok((_, false))) => {}
                Some(Err(_)) | None => {
                    let left = self.lock().left.remove(&identity);
                    if let Some(left) = left {
                        self.store.forget(left.record);
                        gone = gone.saturating_add(1);
                    }
                }
            }
        }
        (met, gone)
    }

    /// Finds the container of a thread.
    pub(crate) fn find(&self, thread: Pid) -> Result<Found, ResolveError> {
        let now = boot_time();
        if let Some(way) = self.callers.find(thread, now)
            && way.is_good(now)
        {
            way.entry.is_used(now);
            let entry = Arc::clone(&way.entry);
            return Ok(Found { entry, is_new: false });
        }
        self.find_by(thread, now, |way| way.is_good(now) && self.lives(&way.entry))
    }

    /// Finds the container of a thread anew, whatever is known.
    pub(crate) fn find_again(&self, thread: Pid) -> Result<Found, ResolveError> {
        self.find_by(thread, boot_time(), |_| false)
    }

    fn find_by(&self, thread: Pid, now: Duration, is_good: impl Fn(&Way) -> bool) -> Result<Found, ResolveError> {
        for _ in 0..MOST_MOVES {
            let (file, cgroup) = cgroup_of(thread).map_err(|error| not_read(thread, &error))?;
            let key = namespace_of(thread).map(|namespace| Key {
                namespace,
                cgroup: cgroup.clone(),
            });
            let known = key.as_ref().and_then(|key| self.lock().ways.get(key).cloned());
            let (way, is_new) = match known {
                Some(way) if is_good(&way) => (way, false),
                _ => {
                    let container = self.resolver.container_of(thread)?;
                    if !cgroup_again(&file, &cgroup) {
                        // It was moved meanwhile: what was found may be of either place.
                        continue;
                    }
                    let (entry, is_new) = self.settle(container)?;
                    (self.way(key, &entry, now), is_new)
                }
            };
            way.entry.is_used(now);
            let entry = Arc::clone(&way.entry);
            self.callers.remember(thread, file, cgroup, way);
            return Ok(Found { entry, is_new });
        }
        Err(ResolveError::Gone { pid: thread })
    }

    /// What is known of a container, from now on if nothing is.
    fn settle(&self, container: Container) -> Result<(Arc<Entry>, bool), ResolveError> {
        let identity = (container.init, container.cgroups.clone());
        let known = self.lock().containers.get(&identity).cloned();
        if let Some(entry) = known.filter(|entry| !entry.is_gone()) {
            return Ok((entry, false));
        }
        let mut fresh = self.new_entry(container)?;
        let mut known = self.lock();
        // Unless another thread was faster.
        if let Some(entry) = known.containers.get(&identity).filter(|entry| !entry.is_gone()) {
            return Ok((Arc::clone(entry), false));
        }
        if let Some(left) = known.left.remove(&identity) {
            fresh = fresh.restored(left);
        }
        // An init is in one place at a time. Who moves is known by where he is now, or could be known as often as he likes.
        let elsewhere: HashSet<u64> = match identity.0 {
            None => HashSet::new(),
            init => known
                .containers
                .iter()
                .filter(|(other, _)| other.0 == init)
                .map(|(_, entry)| entry.id)
                .collect(),
        };
        let fresh = Arc::new(fresh.counted(&self.store));
        known.containers.insert(identity, Arc::clone(&fresh));
        let crowded = known.containers.len() > self.most;
        drop(known);
        if !elsewhere.is_empty() {
            self.drop_all(&elsewhere);
        }
        if crowded {
            self.forget_some();
        }
        Ok((fresh, true))
    }

    /// The way from there, which leads to this container now.
    fn way(&self, key: Option<Key>, entry: &Arc<Entry>, now: Duration) -> Arc<Way> {
        let fresh = || Arc::new(Way::new(Arc::clone(entry), now));
        let Some(key) = key else {
            // Its namespace may not be read: each of its threads has a way of its own.
            return fresh();
        };
        let mut known = self.lock();
        if let Some(way) = known.ways.get(&key) {
            if Arc::ptr_eq(&way.entry, entry) {
                way.is_found(now);
                return Arc::clone(way);
            }
            way.is_wrong();
        }
        if known.ways.len() >= self.most.saturating_mul(2) {
            known.ways.retain(|_, way| way.is_good(now));
            if known.ways.len() >= self.most.saturating_mul(2) {
                known.ways.clear();
            }
        }
        let way = fresh();
        known.ways.insert(key, Arc::clone(&way));
        way
    }

    /// What is known of a thread that has asked before, without looking.
    pub(crate) fn known(&self, thread: Pid) -> Option<Arc<Entry>> {
        self.callers.known(thread).map(|way| Arc::clone(&way.entry))
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
        Ok(Entry::new(id, container, init, self.store.next()))
    }

    /// Whether the container's init has not ended.
    fn lives(&self, entry: &Entry) -> bool {
        match (&entry.init, entry.container.init) {
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
        self.forget_all(&HashSet::from([id]))
    }

    fn forget_all(&self, ids: &HashSet<u64>) -> Vec<Arc<Entry>> {
        let mut known = self.lock();
        let Known { ways, containers, .. } = &mut *known;
        ways.retain(|_, way| !ids.contains(&way.entry.id));
        let gone: Vec<_> = containers
            .extract_if(|_, entry| ids.contains(&entry.id))
            .map(|(_, entry)| entry)
            .collect();
        drop(known);
        for entry in &gone {
            entry.forget(&self.store);
            if let Some(init) = entry.container.init {
                self.resolver.forget(init);
            }
        }
        self.callers.forget(|way| ids.contains(&way.entry.id));
        gone
    }

    /// Forgets an eighth of all, those that were not asked for the longest time.
    fn forget_some(&self) {
        let mut entries = self.all();
        entries.sort_by_key(|entry| entry.used());
        let number = self.most.checked_div(8).unwrap_or(0).max(1);
        self.drop_all(&entries.iter().take(number).map(|entry| entry.id).collect());
    }

    /// Forgets containers that have not ended.
    fn drop_all(&self, ids: &HashSet<u64>) {
        let gone = u64::try_from(self.forget_all(ids).len()).unwrap_or(u64::MAX);
        self.dropped.fetch_add(gone, Ordering::Relaxed);
    }

    /// How many have been forgotten for others since this was asked last.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.swap(0, Ordering::Relaxed)
    }

    /// All containers that are known.
    pub(crate) fn all(&self) -> Vec<Arc<Entry>> {
        self.lock().containers.values().cloned().collect()
    }

    /// How many containers are known, and how many threads.
    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.lock().containers.len(), self.callers.count())
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a container that was known may still ask: its init lives, or where it has none, there is a cgroup of it.
fn still_there(container: &Container) -> bool {
    match container.init {
        Some(init) => still_running(&Root::host(), init),
        None => container.cgroups.iter().all(|(_, cgroup)| cgroup.dir().exists()),
    }
}

/// Why the cgroups of a thread cannot be read.
fn not_read(thread: Pid, error: &io::Error) -> ResolveError {
    let path = PathBuf::from(format!("/proc/{thread}/cgroup"));
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ENOENT | Errno::ESRCH) => ResolveError::NoSuchProcess { pid: thread },
        Some(Errno::EACCES | Errno::EPERM) => ResolveError::PermissionDenied { pid: thread, path },
        // No more descriptors, for one.
        _ => {
            let number = error.raw_os_error().unwrap_or(0);
            ResolveError::Source(SourceError::new(path, SourceErrorKind::Errno(number)))
        }
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
