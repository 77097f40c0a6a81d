//! Memory that outlives who writes it: a memfd, mapped, as words that many threads may write.
//!
//! Each word is an atomic, so whatever somebody else does to the same memory, nothing here is undefined. Its size is
//! sealed: nobody can take away a page that is about to be written.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{
    FallocateFlags, MemfdFlags, SealFlags, fallocate, fcntl_add_seals, fcntl_get_seals, fstat, ftruncate, memfd_create,
};
use rustix::io::Errno;
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

/// A word in bytes.
pub(super) const WORD: usize = size_of::<u64>();

/// A memfd and where it is mapped.
#[derive(Debug)]
pub(super) struct Memory {
    file: OwnedFd,
    start: NonNull<AtomicU64>,
    /// How many words.
    words: usize,
}

// SAFETY: it is memory of this process that is mapped until the value is dropped, and is accessed by atomics only.
#[expect(unsafe_code, reason = "a pointer says nothing about what it points to")]
unsafe impl Send for Memory {}
// SAFETY: as above.
#[expect(unsafe_code, reason = "a pointer says nothing about what it points to")]
unsafe impl Sync for Memory {}

impl Memory {
    /// New memory of that many bytes: zeros, and no page of it taken.
    pub(super) fn create(bytes: usize) -> io::Result<Self> {
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let file = match memfd_create(c"lxcfs-store", flags | MemfdFlags::NOEXEC_SEAL) {
            // Before Linux 6.3.
            Err(Errno::INVAL) => memfd_create(c"lxcfs-store", flags)?,
            file => file?,
        };
        ftruncate(&file, u64::try_from(bytes).unwrap_or(u64::MAX))?;
        fcntl_add_seals(&file, SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL)?;
        Self::map(file, bytes)
    }

    /// The memory behind a descriptor, if it is a memfd of that many bytes for good.
    pub(super) fn open(file: OwnedFd, bytes: usize) -> io::Result<Option<Self>> {
        let sealed = match fcntl_get_seals(&file) {
            // It is no memfd.
            Err(Errno::INVAL) => return Ok(None),
            seals => seals?.contains(SealFlags::GROW | SealFlags::SHRINK),
        };
        let fits = u64::try_from(fstat(&file)?.st_size).ok() == u64::try_from(bytes).ok();
        if !sealed || !fits {
            return Ok(None);
        }
        Self::map(file, bytes).map(Some)
    }

    #[expect(unsafe_code, reason = "mmap(2)")]
    fn map(file: OwnedFd, bytes: usize) -> io::Result<Self> {
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: the kernel chooses a place where nothing is.
        let start = unsafe { mmap(std::ptr::null_mut(), bytes, protection, MapFlags::SHARED, &file, 0)? };
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self {
            file,
            start,
            words: bytes / WORD,
        })
    }

    /// All of it.
    #[expect(unsafe_code, reason = "what was mapped")]
    pub(super) fn words(&self) -> &[AtomicU64] {
        // SAFETY: so many words are mapped there, at the beginning of a page, until this is dropped. The size is sealed.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.words) }
    }

    /// Some of it; nothing where there are not as many.
    pub(super) fn part(&self, start: usize, words: usize) -> &[AtomicU64] {
        self.words().get(start..start.saturating_add(words)).unwrap_or_default()
    }

    /// One word.
    pub(super) fn word(&self, at: usize) -> Option<&AtomicU64> {
        self.words().get(at)
    }

    /// Copies bytes into words.
    pub(super) fn write(&self, at: usize, bytes: &[u8]) {
        let words = self.part(at, bytes.len().div_ceil(WORD));
        let (whole, rest) = bytes.as_chunks::<WORD>();
        for (word, chunk) in words.iter().zip(whole) {
            word.store(u64::from_ne_bytes(*chunk), Ordering::Relaxed);
        }
        if let Some(word) = words.get(whole.len()) {
            let mut last = [0; WORD];
            for (to, from) in last.iter_mut().zip(rest) {
                *to = *from;
            }
            word.store(u64::from_ne_bytes(last), Ordering::Relaxed);
        }
    }

    /// Copies bytes out of words.
    pub(super) fn read(&self, at: usize, length: usize) -> Vec<u8> {
        let words = self.part(at, length.div_ceil(WORD));
        let mut bytes = Vec::with_capacity(words.len().saturating_mul(WORD));
        for word in words {
            bytes.extend_from_slice(&word.load(Ordering::Relaxed).to_ne_bytes());
        }
        bytes.truncate(length);
        bytes
    }

    /// Gives the pages of a part back; it holds zeros then.
    pub(super) fn punch(&self, offset: usize, length: usize) -> io::Result<()> {
        let wide = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        Ok(fallocate(&self.file, flags, wide(offset), wide(length))?)
    }
}

impl AsFd for Memory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl Drop for Memory {
    #[expect(unsafe_code, reason = "munmap(2)")]
    fn drop(&mut self) {
        // SAFETY: it was mapped as this, and nobody has borrowed it any more.
        let _ = unsafe { munmap(self.start.as_ptr().cast(), self.words.saturating_mul(WORD)) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_by_whoever_has_the_descriptor() {
        let memory = Memory::create(8192).unwrap();
        memory.write(3, b"nineteen characters");
        let other = Memory::open(memory.as_fd().try_clone_to_owned().unwrap(), 8192);
        assert_eq!(other.unwrap().unwrap().read(3, 19), b"nineteen characters");
    }

    #[test]
    fn nothing_is_written_beyond_the_end() {
        let memory = Memory::create(4096).unwrap();
        memory.write(511, b"more than one word");
        memory.write(usize::MAX, b"nowhere");
        assert!(memory.words().iter().all(|word| word.load(Ordering::Relaxed) == 0));
    }

    #[test]
    fn what_is_no_memory_of_that_size_for_good_is_refused() {
        let memory = Memory::create(4096).unwrap();
        assert!(ftruncate(&memory.file, 0).is_err());
        assert!(
            Memory::open(memory.as_fd().try_clone_to_owned().unwrap(), 8192)
                .unwrap()
                .is_none()
        );
        let unsealed = memfd_create(c"lxcfs-test", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).unwrap();
        ftruncate(&unsealed, 4096).unwrap();
        assert!(Memory::open(unsealed, 4096).unwrap().is_none());
        let file = tempfile::tempfile().unwrap();
        file.set_len(4096).unwrap();
        assert!(Memory::open(file.into(), 4096).unwrap().is_none());
    }

    #[test]
    fn a_part_that_is_given_back_holds_zeros_and_takes_no_page() {
        let memory = Memory::create(1 << 20).unwrap();
        memory.write(0, &[7; 1 << 20]);
        let taken = || fstat(&memory.file).unwrap().st_blocks;
        assert_eq!(taken(), 2048);
        memory.punch(4096, (1 << 20) - 4096).unwrap();
        assert_eq!(taken(), 8);
        assert_eq!((memory.read(0, 8), memory.read(512, 8)), (vec![7; 8], vec![0; 8]));
    }
}
