//! One rendering serves one sequence of reads: an open file's text, taken anew whenever it is read from its beginning.
//!
//! That is what the kernel's `seq_file` does. A text is never changed once it is here, so threads that read one
//! descriptor at the same time each get a piece of one whole text, of this moment or of the last.
//!
//! This is of this process only; [`Texts`](crate::texts) has what outlives it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use lxcfs_core::Entry;

/// More locks than there are threads: two of them seldom meet.
const SHARDS: usize = 16;

/// What is kept for an open file beside its text.
const EACH: usize = 64;

/// What open files may keep in all. Who keeps many files open that he has not read to their ends costs others no memory:
/// beyond this all is forgotten, and whoever reads on reads what is in the [store](crate::store).
const MOST_BYTES: usize = 64 << 20;

/// What open files have been read, by their handles.
#[derive(Debug)]
pub(crate) struct Handles<T> {
    shards: [Mutex<HashMap<u64, T>>; SHARDS],
    /// What all of them weigh.
    bytes: AtomicUsize,
}

/// Something that takes memory.
pub(crate) trait Weighs {
    /// About so many bytes.
    fn bytes(&self) -> usize;
}

impl Weighs for Bytes {
    fn bytes(&self) -> usize {
        self.len()
    }
}

impl Weighs for Arc<[Entry]> {
    fn bytes(&self) -> usize {
        self.iter()
            .map(|entry| size_of_val(entry).saturating_add(entry.name.len()))
            .sum()
    }
}

impl<T: Clone + Weighs> Handles<T> {
    /// None yet.
    pub(crate) fn new() -> Self {
        Self {
            shards: std::array::from_fn(|_| Mutex::default()),
            bytes: AtomicUsize::new(0),
        }
    }

    /// What was read last on that handle.
    pub(crate) fn get(&self, handle: u64) -> Option<T> {
        self.shard(handle).get(&handle).cloned()
    }

    /// What is read on that handle from now on.
    pub(crate) fn put(&self, handle: u64, what: T) {
        let more = what.bytes().saturating_add(EACH);
        let all = self.bytes.fetch_add(more, Ordering::Relaxed).saturating_add(more);
        let old = self.shard(handle).insert(handle, what);
        self.is_gone(old);
        if all > MOST_BYTES {
            self.forget_all();
        }
    }

    fn forget_all(&self) {
        for shard in &self.shards {
            let gone = std::mem::take(&mut *shard.lock().unwrap_or_else(PoisonError::into_inner));
            for (_, what) in gone {
                self.is_gone(Some(what));
            }
        }
    }

    fn is_gone(&self, what: Option<T>) {
        if let Some(what) = what {
            let less = what.bytes().saturating_add(EACH);
            self.bytes.fetch_sub(less, Ordering::Relaxed);
        }
    }

    /// The file has been closed.
    pub(crate) fn close(&self, handle: u64) {
        let old = self.shard(handle).remove(&handle);
        self.is_gone(old);
    }

    fn shard(&self, handle: u64) -> MutexGuard<'_, HashMap<u64, T>> {
        let which = usize::try_from(handle).unwrap_or(0) % SHARDS;
        #[expect(clippy::indexing_slicing, reason = "a remainder is less than what it was divided by")]
        let shard = &self.shards[which];
        // A panic elsewhere cannot leave the map half changed.
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The piece of a text that a read asks for; nothing beyond its end.
pub(crate) fn piece(text: &[u8], offset: u64, size: u32) -> &[u8] {
    let start = usize::try_from(offset).unwrap_or(usize::MAX);
    let rest = text.get(start..).unwrap_or_default();
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    rest.get(..size).unwrap_or(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_keeps_what_was_read_until_it_is_closed() {
        let handles = Handles::new();
        let (one, two) = (1, 2);
        assert_eq!(handles.get(one), None);
        handles.put(one, Bytes::from("a"));
        handles.put(two, Bytes::from("b"));
        handles.put(one, Bytes::from("c"));
        assert_eq!(
            (handles.get(one), handles.get(two)),
            (Some(Bytes::from("c")), Some(Bytes::from("b")))
        );
        handles.close(one);
        assert_eq!((handles.get(one), handles.get(two)), (None, Some(Bytes::from("b"))));
        handles.close(two);
        handles.close(two);
        assert_eq!(handles.bytes.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn many_open_files_do_not_keep_more_than_the_most() {
        let handles = Handles::new();
        let text = Bytes::from(vec![b'x'; 1 << 20]);
        for handle in 0..200 {
            handles.put(handle, text.clone());
            assert!(handles.bytes.load(Ordering::Relaxed) <= MOST_BYTES);
        }
        handles.put(200, text);
        assert!(handles.get(200).is_some());
    }

    #[test]
    fn nothing_is_read_beyond_the_end() {
        let text = b"0123456789";
        assert_eq!(piece(text, 0, 4), b"0123");
        assert_eq!(piece(text, 8, 4), b"89");
        assert_eq!(piece(text, 10, 4), b"");
        assert_eq!(piece(text, u64::MAX, u32::MAX), b"");
    }
}
