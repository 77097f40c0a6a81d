//! The shared memory that outlives a worker: what was agreed on with the kernel, and what workers had in hand.
//!
//! ```text
//! 0      what was agreed on: written once, when the file system is mounted
//! 16 K   who waits in poll(2)
//! 64 K   requests that dead workers had in hand
//! 4 M    slots: buffers that the kernel copies requests to, each as large as fuser's
//! ```
//!
//! What has not been written takes no memory. Everything but the slots is read and written as a file is.

use std::fs::File;
use std::io;
use std::mem;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::time::SystemTime;

use rustix::fs::{FlockOperation, MemfdFlags, SealFlags, fcntl_add_seals, fcntl_get_seals, flock, memfd_create};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::kept::KeptError;
use super::mount_facts::MountId;

const MAGIC: &[u8; 8] = b"lxcfs\0rq";

/// Another number whenever the places below, or the meaning of what is there, change.
const VERSION: u32 = 1;

/// Where the text of the facts begins: after magic, version, length and sum.
const TEXT: u64 = 24;

pub(crate) const POLLS: u64 = 16 << 10;
pub(crate) const IN_HAND: u64 = 64 << 10;
pub(crate) const SLOTS: u64 = 4 << 20;

/// How many slots there are: far more than threads are of use.
pub(crate) const MOST_SLOTS: usize = 64;

/// How large fuser's buffers are, to the byte: it is what they are known by.
pub(crate) const SLOT: usize = (16 << 20) + 4096;

#[expect(clippy::as_conversions, reason = "`try_from` is not for constants")]
const BYTES: u64 = SLOTS + (MOST_SLOTS * SLOT) as u64;

/// What was agreed on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Facts {
    pub(crate) mountpoint: PathBuf,
    pub(crate) mount: MountId,
    /// The time of all files.
    pub(crate) since: SystemTime,
    /// Whether triggers can be written.
    pub(crate) psi_poll: bool,
    /// The kernel's first request, byte by byte.
    pub(crate) offer: Vec<u8>,
    /// The answer that it was given.
    pub(crate) agreement: Vec<u8>,
}

/// The shared memory, as a file.
#[derive(Debug)]
pub(crate) struct Requests {
    file: File,
    facts: Facts,
}

impl Requests {
    /// A new one, in which nothing is in hand.
    pub(crate) fn create(facts: Facts) -> io::Result<Self> {
        let memory = memfd_create("lxcfs-requests", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
        let file = File::from(memory);
        file.set_len(BYTES)?;
        let text = serde_json::to_vec(&facts)?;
        let too_long = || io::Error::from(io::ErrorKind::InvalidInput);
        let length = u32::try_from(text.len()).map_err(|_| too_long())?;
        if TEXT.saturating_add(length.into()) > POLLS {
            return Err(too_long());
        }
        file.write_all_at(&text, TEXT)?;
        file.write_all_at(&sum(&text).to_ne_bytes(), 16)?;
        file.write_all_at(&length.to_ne_bytes(), 12)?;
        file.write_all_at(&VERSION.to_ne_bytes(), 8)?;
        file.write_all_at(MAGIC, 0)?;
        // Who maps a file that somebody else can make shorter may be killed by it.
        fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
        Ok(Self { file, facts })
    }

    /// That of an earlier process.
    pub(crate) fn open(memory: OwnedFd) -> Result<Self, KeptError> {
        let refuse = |why: &'static str| KeptError::Unfit { name: "requests", why };
        let seals = fcntl_get_seals(&memory).map_err(|_| refuse("it is no memfd"))?;
        if !seals.contains(SealFlags::SHRINK) {
            return Err(refuse("it could become shorter"));
        }
        let file = File::from(memory);
        let mut head = [0; 24];
        file.read_exact_at(&mut head, 0)
            .map_err(|_| refuse("it is too short"))?;
        let (magic, rest) = head.split_at(8);
        if magic != MAGIC {
            return Err(refuse("it was not made by this program"));
        }
        let (version, rest) = rest.split_at(4);
        if version != VERSION.to_ne_bytes() {
            return Err(refuse("it was made by another version of this program"));
        }
        if file.metadata().map_or(0, |facts| facts.len()) != BYTES {
            return Err(refuse("it has another size"));
        }
        let (length, said) = rest.split_at(4);
        let length = u32::from_ne_bytes(length.try_into().unwrap_or_default());
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let room = usize::try_from(POLLS.saturating_sub(TEXT)).unwrap_or(0);
        let mut text = vec![0; length.min(room)];
        file.read_exact_at(&mut text, TEXT)
            .map_err(|_| refuse("it cannot be read"))?;
        if sum(&text).to_ne_bytes() != said {
            return Err(refuse("its checksum is wrong"));
        }
        let facts = serde_json::from_slice(&text).map_err(|_| refuse("what was agreed on is not understood"))?;
        Ok(Self { file, facts })
    }

    pub(crate) fn facts(&self) -> &Facts {
        &self.facts
    }

    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Takes the right to serve; `None` if somebody has it. Two would use the same slots.
    ///
    /// It is a lock on an open file that nobody else has: a lock of the process would go with any other descriptor of this
    /// memory that the process closes, and one on the open file that is handed on would be that of all who have it.
    pub(crate) fn claim(&self) -> io::Result<Option<Claim>> {
        let again = format!("/proc/self/fd/{}", self.file.as_raw_fd());
        // To read: a lock asks for no more, and a worker may not open anything to write.
        let own = File::open(again)?;
        match flock(&own, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Claim(own))),
            Err(Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    pub(crate) fn try_clone(&self) -> io::Result<Self> {
        Ok(Self {
            file: self.file.try_clone()?,
            facts: self.facts.clone(),
        })
    }
}

/// The right to serve, until it is dropped or the process ends.
#[derive(Debug)]
pub(crate) struct Claim(File);

impl Claim {
    /// Some thread may still serve: the right ends with the process.
    pub(crate) fn leave(self) {
        mem::forget(self.0);
    }
}

impl AsFd for Requests {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// FNV-1a. It stays the same from one build to the next, which what the standard library has does not promise.
fn sum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |sum, byte| {
        (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn some() -> Requests {
        let facts = Facts {
            mountpoint: PathBuf::from("/mnt/ä"),
            mount: MountId::at(Path::new("/")).unwrap(),
            since: SystemTime::UNIX_EPOCH,
            psi_poll: true,
            offer: vec![1, 2, 3],
            agreement: vec![4],
        };
        Requests::create(facts).unwrap()
    }

    fn again(requests: &Requests) -> Result<Requests, KeptError> {
        Requests::open(requests.as_fd().try_clone_to_owned().unwrap())
    }

    #[test]
    fn another_process_reads_what_was_written() {
        let requests = some();
        assert_eq!(again(&requests).unwrap().facts, requests.facts);
    }

    #[test]
    fn what_was_changed_or_is_something_else_is_refused() {
        let requests = some();
        requests.file.write_all_at(b"x", TEXT + 5).unwrap();
        assert!(again(&requests).unwrap_err().to_string().contains("checksum"));
        requests.file.write_all_at(&9_u32.to_ne_bytes(), 8).unwrap();
        assert!(again(&requests).unwrap_err().to_string().contains("another version"));
        requests.file.write_all_at(b"x", 0).unwrap();
        assert!(again(&requests).unwrap_err().to_string().contains("not made by"));
        let other = memfd_create("other", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).unwrap();
        assert!(Requests::open(other).unwrap_err().to_string().contains("shorter"));
        let file = tempfile::tempfile().unwrap();
        assert!(Requests::open(file.into()).is_err());
    }

    #[test]
    fn one_has_the_right_to_serve_whatever_else_is_closed_or_handed_on() {
        let requests = some();
        let claim = requests.claim().unwrap().unwrap();
        drop(requests.try_clone().unwrap());
        let handed_on = again(&requests).unwrap();
        assert!(handed_on.claim().unwrap().is_none());
        drop(handed_on);
        assert!(again(&requests).unwrap().claim().unwrap().is_none());
        drop(claim);
        assert!(again(&requests).unwrap().claim().unwrap().is_some());
    }

    #[test]
    fn it_takes_no_memory_before_it_is_used() {
        use std::os::unix::fs::MetadataExt as _;
        assert!(some().file.metadata().unwrap().blocks() * 512 <= 8192);
    }
}
