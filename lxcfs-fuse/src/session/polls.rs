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

#[derive(Debug)]
struct Table {
    places: BTreeMap<u64, usize>,
    /// The next one last.
    free: Vec<usize>,
}

impl Polls {
    /// Nobody waits here yet. Where those are written down who have waited for a process before this one, nobody else is:
    /// they are told while others come.
    pub(super) fn of(requests: &Requests) -> io::Result<Self> {
        let taken: Vec<usize> = left(requests)?.into_iter().map(|(place, _)| place).collect();
        let free = (0..MOST).rev().filter(|place| !taken.contains(place)).collect();
        let places = BTreeMap::new();
        Ok(Self {
            file: requests.file().try_clone()?,
            table: Mutex::new(Table { places, free }),
        })
    }

    /// Somebody waits for the file with that handle. The kernel calls it by the other number.
    pub(crate) fn waits(&self, handle: u64, poll_handle: u64) {
        let mut table = self.lock();
        if table.places.contains_key(&handle) {
            return;
        }
        let Some(place) = table.free.pop() else {
            return;
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

/// Those who have waited for a process before this one: where they are written down, and what the kernel calls them by.
pub(super) fn left(requests: &Requests) -> io::Result<Vec<(usize, u64)>> {
    let mut table = vec![0; MOST.saturating_mul(EACH)];
    requests.file().read_exact_at(&mut table, POLLS)?;
    let handles = table
        .chunks_exact(EACH)
        .map(|bytes| u64::from_ne_bytes(bytes.try_into().unwrap_or_default()));
    Ok(handles.enumerate().filter(|(_, handle)| *handle != 0).collect())
}

/// Tells these to ask again.
pub(super) fn wake_all(fuse: &OwnedFd, requests: &Requests, left: &[(usize, u64)]) -> io::Result<()> {
    let mut kernel = File::from(fuse.try_clone()?);
    for (place, poll_handle) in left {
        // It is refused only by a connection that has ended, and of who does not wait any more.
        let _ = kernel.write_all(&message::ask_again(*poll_handle));
        let at = u64::try_from(place.saturating_mul(EACH)).unwrap_or(0);
        requests
            .file()
            .write_all_at(&0_u64.to_ne_bytes(), POLLS.saturating_add(at))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::SystemTime;

    use super::super::mount_facts::MountId;
    use super::super::requests::Facts;
    use super::*;

    fn requests() -> Requests {
        let facts = Facts {
            mountpoint: "/".into(),
            mount: MountId::at(Path::new("/")).unwrap(),
            since: SystemTime::UNIX_EPOCH,
            psi_poll: true,
            offer: Vec::new(),
            agreement: Vec::new(),
        };
        Requests::create(facts).unwrap()
    }

    #[test]
    fn who_comes_does_not_take_the_place_of_those_who_are_still_to_be_told() {
        let requests = requests();
        let before = Polls::of(&requests).unwrap();
        before.waits(1, 11);
        before.waits(2, 22);
        let told = left(&requests).unwrap();
        let next = Polls::of(&requests).unwrap();
        next.waits(3, 33);
        let kernel = File::options().write(true).open("/dev/null").unwrap();
        assert_eq!(left(&requests).unwrap(), [(0, 11), (1, 22), (2, 33)]);
        wake_all(&kernel.into(), &requests, &told).unwrap();
        assert_eq!(left(&requests).unwrap(), [(2, 33)]);
        next.closed(3);
        assert!(left(&requests).unwrap().is_empty());
    }
}
