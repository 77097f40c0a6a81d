//! Triggers of the kernel's pressure files, set for callers and watched for them.
//!
//! A caller writes a trigger to a virtual pressure file and polls that. Here the trigger is written to the kernel's
//! file of the caller's cgroup, and one thread watches all of these.
//!
//! The kernel gives each event to one poll only, and the thread is that one: what it has been told waits here for the
//! caller's poll.
//!
//! # References
//!
//! `Documentation/accounting/psi.rst`, "Monitoring for pressure thresholds"; `kernel/sched/psi.c`,
//! `psi_trigger_create` and `psi_trigger_poll`.

mod closer;
mod privilege;
mod text;
mod watcher;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fuser::PollEvents;
use nix::errno::Errno;

use closer::Closer;
pub(crate) use privilege::Privilege;
use text::Wanted;
use watcher::{News, Watcher};

/// Tells a caller that waits in poll(2) to ask again.
pub(crate) type Wake = Box<dyn FnOnce() + Send>;

/// What the kernel says of a pressure file, and of most others, whenever it is asked: one can read it and write it.
pub(crate) const ALWAYS: PollEvents = PollEvents::POLLIN
    .union(PollEvents::POLLRDNORM)
    .union(PollEvents::POLLOUT)
    .union(PollEvents::POLLWRNORM);
/// And of one without trigger, or whose cgroup has been removed, so that nobody waits in vain.
const NOTHING_TO_WAIT_FOR: PollEvents = ALWAYS.union(PollEvents::POLLERR).union(PollEvents::POLLPRI);

/// The triggers of all open files. Dropping it removes them all and ends the threads.
///
/// Each trigger costs a descriptor, so there is a most of all, and of those of one cgroup: no container takes what others
/// need.
#[derive(Debug)]
pub(crate) struct Triggers {
    table: Arc<Mutex<Table>>,
    most: usize,
}

#[derive(Debug, Default)]
struct Table {
    of_handle: BTreeMap<u64, Trigger>,
    /// The cgroups of all of these and of those whose file is still to be closed, by their tokens.
    cgroups: BTreeMap<u64, PathBuf>,
    /// Since the first trigger.
    threads: Option<Threads>,
    last_token: u64,
}

#[derive(Debug)]
struct Threads {
    watcher: Watcher,
    closer: Closer,
}

struct Trigger {
    /// What the threads call it. A handle may come again, a token does not.
    token: u64,
    /// The kernel removes the trigger when this is closed.
    file: File,
    fired: bool,
    wake: Option<Wake>,
}

impl std::fmt::Debug for Trigger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trigger")
            .field("token", &self.token)
            .field("fired", &self.fired)
            .finish_non_exhaustive()
    }
}

impl Triggers {
    const MOST_OF_CGROUP: usize = 32;

    /// None yet, and no threads; there will be at most `most`.
    pub(crate) fn with_most(most: usize) -> Self {
        Self {
            table: Arc::default(),
            most,
        }
    }

    /// Sets the trigger of `handle` on the kernel's pressure file at `path`, as `text` has it.
    ///
    /// # Errors
    ///
    /// As the kernel's file: `EINVAL` for a text that is no trigger, or for one that only the privileged may set;
    /// `EBUSY` if the handle has one. `EOPNOTSUPP` if there is no such file, as for those who read it. `ENOSPC` if
    /// there are too many.
    pub(crate) fn set(&self, handle: u64, path: &Path, text: &[u8], caller: Privilege) -> Result<(), Errno> {
        let wanted = Wanted::parse(text).ok_or(Errno::EINVAL)?;
        if caller == Privilege::Unprivileged && !wanted.is_for_everybody() {
            return Err(Errno::EINVAL);
        }
        let cgroup = path.parent().unwrap_or(path).to_path_buf();
        // The kernel may take its time, and nobody waits for the lock meanwhile. So the table is asked twice.
        lock(&self.table).has_room(handle, &cgroup, self.most)?;
        let file = set_in_kernel(path, &wanted).map_err(|error| match errno(&error) {
            Errno::ENOENT => Errno::EOPNOTSUPP,
            other => other,
        })?;
        let mut table = lock(&self.table);
        table.has_room(handle, &cgroup, self.most)?;
        table
            .add(handle, cgroup, file, &self.table)
            .map_err(|error| errno(&error))
    }

    /// What poll(2) on the handle reports now. An event is reported once. `wake` is kept in place of an earlier one,
    /// and called once when there is more to report; without a trigger there never is.
    pub(crate) fn poll(&self, handle: u64, wake: Option<Wake>) -> PollEvents {
        let mut table = lock(&self.table);
        let Some(trigger) = table.of_handle.get_mut(&handle) else {
            return NOTHING_TO_WAIT_FOR;
        };
        let events = if mem::take(&mut trigger.fired) {
            ALWAYS.union(PollEvents::POLLPRI)
        } else {
            ALWAYS
        };
        let earlier = wake.and_then(|wake| trigger.wake.replace(wake));
        drop(table);
        drop(earlier);
        events
    }

    /// Removes the trigger of the handle, if it has one.
    pub(crate) fn release(&self, handle: u64) {
        let wake = lock(&self.table).remove(handle);
        drop(wake);
    }
}

impl Drop for Triggers {
    fn drop(&mut self) {
        // The threads have a reference to the table, so the table must not keep the threads.
        let Table { of_handle, threads, .. } = mem::take(&mut *lock(&self.table));
        if let Some(threads) = threads {
            for trigger in of_handle.into_values() {
                threads.closer.close(trigger.token, trigger.file);
            }
        }
    }
}

impl Table {
    fn has_room(&self, handle: u64, cgroup: &Path, most: usize) -> Result<(), Errno> {
        if self.of_handle.contains_key(&handle) {
            return Err(Errno::EBUSY);
        }
        let of_cgroup = self.cgroups.values().filter(|other| *other == cgroup);
        if self.cgroups.len() >= most || of_cgroup.count() >= Triggers::MOST_OF_CGROUP {
            return Err(Errno::ENOSPC);
        }
        Ok(())
    }

    /// Adds a trigger that has been set in that file. `whole` is this table and its lock.
    fn add(&mut self, handle: u64, cgroup: PathBuf, file: File, whole: &Arc<Mutex<Self>>) -> io::Result<()> {
        let threads = match &mut self.threads {
            Some(threads) => threads,
            none => none.insert(Threads::start(whole)?),
        };
        let token = self.last_token.wrapping_add(1);
        threads.watcher.add(&file, token)?;
        self.last_token = token;
        self.cgroups.insert(token, cgroup);
        let trigger = Trigger {
            token,
            file,
            fired: false,
            wake: None,
        };
        self.of_handle.insert(handle, trigger);
        Ok(())
    }

    /// Removes a trigger, and has its file closed. Whom it would have woken is not to be dropped under the lock.
    fn remove(&mut self, handle: u64) -> Option<Wake> {
        let trigger = self.of_handle.remove(&handle)?;
        if let Some(threads) = &self.threads {
            threads.closer.close(trigger.token, trigger.file);
        }
        trigger.wake
    }
}

impl Threads {
    fn start(table: &Arc<Mutex<Table>>) -> io::Result<Self> {
        let [to_tell, to_free] = [Arc::clone(table), Arc::clone(table)];
        let closed = move |token| {
            lock(&to_free).cgroups.remove(&token);
        };
        Ok(Self {
            watcher: Watcher::start(move |token, news| tell(&to_tell, token, news))?,
            closer: Closer::start(closed)?,
        })
    }
}

/// Takes what the watcher has seen, and wakes who waits for it.
fn tell(table: &Mutex<Table>, token: u64, news: News) {
    let mut table = lock(table);
    let found = table.of_handle.iter_mut().find(|(_, trigger)| trigger.token == token);
    // Released, a moment ago.
    let Some((handle, trigger)) = found else { return };
    let wake = match news {
        News::Event => {
            trigger.fired = true;
            trigger.wake.take()
        }
        // From now on the handle has none, and says so.
        News::Gone => {
            let handle = *handle;
            table.remove(handle)
        }
    };
    drop(table);
    if let Some(wake) = wake {
        wake();
    }
}

fn set_in_kernel(path: &Path, wanted: &Wanted) -> io::Result<File> {
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    // One write: the kernel takes each for a trigger of its own.
    let text = wanted.text();
    let written = file.write(text.as_bytes())?;
    if written < text.len() {
        return Err(io::ErrorKind::WriteZero.into());
    }
    Ok(file)
}

fn errno(error: &io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::EIO, Errno::from_raw)
}

/// Nothing that is done under the lock can leave the table half changed.
fn lock(table: &Mutex<Table>) -> MutexGuard<'_, Table> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}
