//! An allocator that gives fuser's buffers out of shared memory, so that the kernel itself writes down what each thread has
//! in hand.
//!
//! fuser reads each request into a buffer of its own, one for each thread, of a size that nothing else has. There is no other
//! moment between the kernel's handing a request out and a worker's death that would not be missed: see
//! `docs/decisions/0013-requests-in-hand-lie-in-shared-memory.md`.
//!
//! # References
//!
//! fuser, `read_buf.rs`; `fs/fuse/dev.c`, `fuse_dev_do_read`.

use std::alloc::{GlobalAlloc, Layout, System};
use std::io;
use std::mem;
use std::os::fd::BorrowedFd;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

use super::requests::{MOST_SLOTS, SLOT, SLOTS};

/// The system's allocator, but for the buffers of the threads that serve a mount. A program that wants its readers to
/// survive its death on kernels before 6.9 makes it its own:
///
/// ```
/// #[global_allocator]
/// static ALLOCATOR: lxcfs_fuse::Buffers = lxcfs_fuse::Buffers;
/// # fn main() {}
/// ```
///
/// Without it everything else works as well.
#[derive(Debug, Clone, Copy, Default)]
pub struct Buffers;

/// How many sets of slots there can be in a process: one for each mount.
const MOST_SETS: usize = 16;

/// So much of a slot is there before the kernel writes to it. No request that is kept is longer.
const AT_ONCE: usize = 8 << 10;

/// How long threads may take to begin.
const PATIENCE: Duration = Duration::from_secs(10);

/// How many buffers of that size there have been: fuser's, and that is how it is known that there are some.
static SEEN: AtomicUsize = AtomicUsize::new(0);
/// The slots that are given out at the moment, and how many are left of these.
static GIVEN: AtomicPtr<u8> = AtomicPtr::new(ptr::null_mut());
static LEFT: AtomicUsize = AtomicUsize::new(0);
/// Where all sets begin, and how many bytes each has.
static SETS: [(AtomicUsize, AtomicUsize); MOST_SETS] =
    [const { (AtomicUsize::new(0), AtomicUsize::new(0)) }; MOST_SETS];

/// Only one set is given out at a time.
static GIVING: Mutex<()> = Mutex::new(());

#[expect(unsafe_code, reason = "an allocator is unsafe to write")]
// SAFETY: everything is handed on to the system's allocator, except for buffers of one size, which are zeroed parts of a
// mapping that nobody else has: each is given out once, and the mapping is undone only after all have come back.
unsafe impl GlobalAlloc for Buffers {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are those of the system's allocator.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if layout.size() == SLOT
            && layout.align() == 1
            && let Some(slot) = give()
        {
            return slot;
        }
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        if layout.size() == SLOT && is_given(place) {
            return;
        }
        // SAFETY: as above; it was not given out here, so it came from there.
        unsafe { System.dealloc(place, layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if layout.size() != SLOT || !is_given(place) {
            // SAFETY: as above.
            return unsafe { System.realloc(place, layout, size) };
        }
        let Ok(wanted) = Layout::from_size_align(size, layout.align()) else {
            return ptr::null_mut();
        };
        // SAFETY: both places are as large as what is copied, and they are not the same.
        unsafe {
            let other = System.alloc(wanted);
            if !other.is_null() {
                ptr::copy_nonoverlapping(place, other, size.min(SLOT));
            }
            other
        }
    }
}

/// The next slot, if some are given out.
fn give() -> Option<*mut u8> {
    SEEN.fetch_add(1, Ordering::Relaxed);
    let left = LEFT.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(1));
    let index = left.ok()?.checked_sub(1)?;
    let first = GIVEN.load(Ordering::Acquire);
    (!first.is_null()).then(|| first.wrapping_add(index.wrapping_mul(SLOT)))
}

/// Whether that is one of the slots.
fn is_given(place: *mut u8) -> bool {
    let place = place.addr();
    SETS.iter().any(|(start, bytes)| {
        let start = start.load(Ordering::Acquire);
        start != 0 && place.wrapping_sub(start) < bytes.load(Ordering::Acquire)
    })
}

/// The right to give slots out.
pub(super) struct Giving {
    _alone: MutexGuard<'static, ()>,
    seen: usize,
}

impl Giving {
    /// Waits until nobody else does.
    pub(super) fn begin() -> Self {
        let alone = GIVING.lock().unwrap_or_else(PoisonError::into_inner);
        Self {
            _alone: alone,
            seen: SEEN.load(Ordering::Relaxed),
        }
    }

    /// Whether fuser's buffers come from here, as the one for a handshake since has told: the allocator is the program's,
    /// and they have the size that they are known by.
    pub(super) fn is_possible(&self) -> bool {
        SEEN.load(Ordering::Relaxed) != self.seen
    }

    /// Gives out so many slots of that memory from now on.
    pub(super) fn give(&self, memory: BorrowedFd<'_>, threads: usize) -> io::Result<Slots> {
        let slots = Slots::map(memory, threads.min(MOST_SLOTS))?;
        GIVEN.store(slots.start.0, Ordering::Release);
        LEFT.store(slots.number, Ordering::Release);
        Ok(slots)
    }

    /// Waits until each thread has one, and gives out no more. Answers whether all have.
    pub(super) fn end(self, mut is_over: impl FnMut() -> bool) -> bool {
        let begun = Instant::now();
        while LEFT.load(Ordering::Acquire) > 0 && begun.elapsed() < PATIENCE && !is_over() {
            thread::sleep(Duration::from_micros(100));
        }
        LEFT.swap(0, Ordering::AcqRel) == 0
    }
}

/// A set of slots; dropping it undoes the mapping.
#[derive(Debug)]
pub(super) struct Slots {
    start: Start,
    number: usize,
    set: &'static (AtomicUsize, AtomicUsize),
}

#[derive(Debug)]
struct Start(*mut u8);

#[expect(unsafe_code, reason = "a pointer does not say whether threads may share it")]
// SAFETY: it is used to undo the mapping only.
unsafe impl Send for Start {}

impl Slots {
    #[expect(unsafe_code, reason = "mmap is unsafe, and so is what touches its memory")]
    fn map(memory: BorrowedFd<'_>, number: usize) -> io::Result<Self> {
        let none_left = || io::Error::new(io::ErrorKind::QuotaExceeded, "too many mounts in one process");
        let bytes = number.saturating_mul(SLOT);
        // SAFETY: a new mapping, of a file that nobody can make shorter.
        let start = unsafe {
            mmap(
                ptr::null_mut(),
                bytes,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::SHARED,
                memory,
                SLOTS,
            )
        }?;
        let start = start.cast::<u8>();
        for index in 0..number {
            // A worker may be killed while the kernel copies a request, and then it does not wait for a page.
            // SAFETY: it lies in the mapping, which nobody else has yet.
            unsafe { ptr::write_bytes(start.wrapping_add(index.wrapping_mul(SLOT)), 0, AT_ONCE) };
        }
        let set = SETS.iter().find(|(place, _)| {
            let taken = place.compare_exchange(0, start.addr(), Ordering::AcqRel, Ordering::Acquire);
            taken.is_ok()
        });
        let Some(set) = set else {
            // SAFETY: nobody has any of it.
            let _ = unsafe { munmap(start.cast(), bytes) };
            return Err(none_left());
        };
        set.1.store(bytes, Ordering::Release);
        Ok(Self {
            start: Start(start),
            number,
            set,
        })
    }

    /// Some thread may still have one: it stays as it is.
    pub(super) fn leave(self) {
        mem::forget(self);
    }
}

impl Drop for Slots {
    #[expect(unsafe_code, reason = "munmap is unsafe")]
    fn drop(&mut self) {
        self.set.1.store(0, Ordering::Release);
        self.set.0.store(0, Ordering::Release);
        // SAFETY: whoever drops it says that all threads have ended which had a slot.
        let _ = unsafe { munmap(self.start.0.cast(), self.number.saturating_mul(SLOT)) };
    }
}
