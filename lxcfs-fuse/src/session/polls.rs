//! Who waits in poll(2) for a pressure trigger: written down, so that who dies leaves nobody waiting.
//!
//! The kernel asks again only when it is told to. The triggers of a dead process are gone; whoever waited for one is told
//! to ask again, and hears from the next process that there is nothing to wait for, as he would if his cgroup were gone.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt as _;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::message;
use super::requests::{POLLS, Requests};

/// More than there are triggers.
const MOST: usize = 4096;
const EACH: usize = size_of::<u64>();

/// The files that are waited for.
#[derive(Debug)]
pub(crate) struct Polls {
    file: File,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    places: BTreeMap<u64, usize>,
    free: Vec<usize>,
}

impl Polls {
    /// Nobody waits yet.
    pub(super) fn of(requests: &Requests) -> io::Result<Self> {
        Ok(Self {
            file: requests.file().try_clone()?,
            table: Mutex::default(),
        })
    }

    /// Somebody waits for the file with that handle. The kernel calls it by the other number.
    pub(crate) fn waits(&self, handle: u64, poll_handle: u64) {
        let mut table = self.lock();
        if table.places.contains_key(&handle) {
            return;
        }
        let place = match table.free.pop() {
            Some(place) => place,
            None if table.places.len() < MOST => table.places.len(),
            None => return,
        };
        if self.write(place, poll_handle).is_ok() {
            table.places.insert(handle, place);
        } else {
            table.free.push(place);
        }
    }

    /// The file has been closed.
    pub(crate) fn closed(&self, handle: u64) {
        let mut table = self.lock();
        if let Some(place) = table.places.remove(&handle) {
            // Who is told to ask and does not wait any more is not found.
            let _ = self.write(place, 0);
            table.free.push(place);
        }
    }

    fn write(&self, place: usize, poll_handle: u64) -> io::Result<()> {
        let at = u64::try_from(place.saturating_mul(EACH)).unwrap_or(0);
        self.file
            .write_all_at(&poll_handle.to_ne_bytes(), POLLS.saturating_add(at))
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells everybody to ask again who has waited for a process before this one.
pub(super) fn wake_all(fuse: &OwnedFd, requests: &Requests) -> io::Result<()> {
    let mut table = vec![0; MOST.saturating_mul(EACH)];
    requests.file().read_exact_at(&mut table, POLLS)?;
    let mut kernel = File::from(fuse.try_clone()?);
    for (place, bytes) in table.chunks_exact(EACH).enumerate() {
        let poll_handle = u64::from_ne_bytes(bytes.try_into().unwrap_or_default());
        if poll_handle == 0 {
            continue;
        }
        // It is refused only by a connection that has ended.
        let _ = kernel.write_all(&message::ask_again(poll_handle));
        let at = u64::try_from(place.saturating_mul(EACH)).unwrap_or(0);
        requests
            .file()
            .write_all_at(&0_u64.to_ne_bytes(), POLLS.saturating_add(at))?;
    }
    Ok(())
}
