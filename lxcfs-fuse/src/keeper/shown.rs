//! Whether everybody is shown the host: one byte of memory that outlives the process, so that whoever comes next shows the
//! same.
//!
//! # References
//!
//! `memfd_create(2)`

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{MemfdFlags, memfd_create};
use rustix::io::{pread, pwrite};

/// The byte.
#[derive(Debug)]
pub(crate) struct Shown(OwnedFd);

impl Shown {
    /// Its name among those that are passed on.
    pub(crate) const NAME: &str = "shown";

    /// The one that was passed on, or a new one, which says no.
    pub(crate) fn of(passed: Option<OwnedFd>) -> io::Result<Self> {
        match passed {
            Some(descriptor) => Ok(Self(descriptor)),
            None => Ok(Self(memfd_create("lxcfs-shown", MemfdFlags::CLOEXEC)?)),
        }
    }

    /// Whether the host is shown.
    pub(crate) fn host(&self) -> bool {
        let mut byte = [0];
        matches!(pread(&self.0, &mut byte, 0), Ok(1)) && byte == [1]
    }

    /// Writes it down.
    pub(crate) fn set(&self, host: bool) {
        if let Err(error) = pwrite(&self.0, &[u8::from(host)], 0) {
            tracing::warn!(%error, "cannot write down whether the host is shown; a successor will not know");
        }
    }
}

impl AsFd for Shown {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_has_it_next_knows() {
        let first = Shown::of(None).unwrap();
        assert!(!first.host());
        first.set(true);
        let next = Shown::of(Some(first.0.try_clone().unwrap())).unwrap();
        drop(first);
        assert!(next.host());
        next.set(false);
        assert!(!next.host());
    }
}
