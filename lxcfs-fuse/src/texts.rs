//! The texts that open files are being read from, also by whoever has opened them at a process before this one.
//!
//! A text is written down before its first piece is shown, so that the next piece is of the same text whoever answers:
//!
//! * A read from the beginning renders, and its text takes the place of the one before. If its answer is lost with this
//!   process, the read comes once more, and renders once more: what is written down is what was answered last.
//! * A read that has been answered with all there is needs no text to go on: how long it was is enough to say that it has
//!   ended. A read that goes back into it is a new one, as it is for the kernel's `seq_file`.
//! * A read that goes on at a process that does not know how it began has ended: a piece of another text would look like
//!   one of this. That is so where the store was of another version, or where too many files were open; the latter at this
//!   process too, for files that were opened before one that had to make room.
//! * A file that was opened at this process and has not been read yet renders, at whatever offset.

use std::sync::Arc;

use bytes::Bytes;

use crate::handles::Handles;
use crate::store::{Kind, Store};

/// Texts by the handles of open files.
#[derive(Debug)]
pub(crate) struct Texts {
    /// Of this process.
    kept: Handles<Bytes>,
    store: Arc<Store>,
    /// Handles below this were given away by a process before this one.
    first: u64,
}

impl Texts {
    /// With those that are in the store.
    pub(crate) fn of(store: &Arc<Store>) -> Self {
        Self {
            kept: Handles::new(),
            store: Arc::clone(store),
            first: store.upcoming(),
        }
    }

    /// The text for a read that goes on at that offset; `None` if it begins anew.
    pub(crate) fn goes_on(&self, handle: u64, offset: u64) -> Option<Bytes> {
        if let Some(text) = self.kept.get(handle) {
            // It goes back into what it has been shown whole.
            if offset < long(&text) && self.store.note(Kind::Text, handle) == Some((long(&text), 0)) {
                self.store.put(Kind::Text, handle, long(&text), &text);
            }
            return Some(text);
        }
        let Some(held) = self.store.get(Kind::Text, handle) else {
            let has_begun = handle < self.first || self.store.may_be_forgotten(handle);
            return has_begun.then(Bytes::new);
        };
        if held.note == long(&held.bytes) {
            let text = Bytes::from(held.bytes);
            self.kept.put(handle, text.clone());
            return Some(text);
        }
        (offset >= held.note).then(Bytes::new)
    }

    /// A read begins with this text. It is shown as much as it has asked for, when this is done.
    pub(crate) fn begins(&self, handle: u64, text: &Bytes, offset: u64, size: u32) {
        let is_all = offset.saturating_add(u64::from(size)) >= long(text);
        let rest: &[u8] = if is_all { &[] } else { text };
        self.kept.put(handle, text.clone());
        self.store.put(Kind::Text, handle, long(text), rest);
    }

    /// The file has been closed.
    pub(crate) fn close(&self, handle: u64) {
        self.kept.close(handle);
        self.store.remove(Kind::Text, handle);
    }
}

fn long(text: &[u8]) -> u64 {
    u64::try_from(text.len()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd as _;

    /// Those of the process that comes next.
    fn next(texts: &Texts) -> Texts {
        let file = texts.store.as_fd().try_clone_to_owned().unwrap();
        Texts::of(&Arc::new(Store::open(file).unwrap()))
    }

    fn texts() -> Texts {
        Texts::of(&Arc::new(Store::create().unwrap()))
    }

    #[test]
    fn what_was_read_in_part_goes_on_at_the_next_process_and_the_one_after_that() {
        let texts = texts();
        let (handle, text) = (texts.store.next(), Bytes::from("0123456789"));
        texts.begins(handle, &text, 0, 4);
        for texts in [next(&texts), next(&next(&texts)), texts] {
            assert_eq!(texts.goes_on(handle, 4).unwrap(), text);
            assert_eq!(texts.goes_on(handle, 10).unwrap(), text);
        }
    }

    #[test]
    fn a_text_that_was_not_answered_gives_way_to_the_one_that_is() {
        let texts = texts();
        let handle = texts.store.next();
        texts.begins(handle, &Bytes::from("lost with its process"), 0, 4);
        let texts = next(&texts);
        texts.begins(handle, &Bytes::from("shown"), 0, 4);
        assert_eq!(next(&texts).goes_on(handle, 4).unwrap(), "shown");
        assert_eq!(texts.goes_on(handle, 4).unwrap(), "shown");
    }

    #[test]
    fn what_was_read_to_its_end_has_ended_and_a_read_that_goes_back_is_a_new_one() {
        let texts = texts();
        let (handle, text) = (texts.store.next(), Bytes::from("0123456789"));
        texts.begins(handle, &text, 0, 4096);
        let later = next(&texts);
        assert_eq!(later.goes_on(handle, 10).unwrap(), "");
        assert_eq!(later.goes_on(handle, 4096).unwrap(), "");
        assert_eq!(later.goes_on(handle, 4), None);
        later.begins(handle, &Bytes::from("abcdefghij"), 4, 2);
        assert_eq!(next(&later).goes_on(handle, 6).unwrap(), "abcdefghij");
    }

    #[test]
    fn who_goes_back_into_a_text_goes_on_with_it_from_there() {
        let texts = texts();
        let (handle, text) = (texts.store.next(), Bytes::from("0123456789"));
        texts.begins(handle, &text, 0, 4096);
        assert_eq!(next(&texts).goes_on(handle, 2), None);
        assert_eq!(texts.goes_on(handle, 2).unwrap(), text);
        assert_eq!(next(&texts).goes_on(handle, 4).unwrap(), text);
    }

    #[test]
    fn a_file_of_before_that_nobody_knows_has_ended_and_one_of_now_has_not_begun() {
        let texts = texts();
        let before = texts.store.next();
        let texts = next(&texts);
        assert_eq!(texts.goes_on(before, 7).unwrap(), "");
        assert_eq!(texts.goes_on(texts.store.next(), 7), None);
    }

    #[test]
    fn a_text_that_had_to_make_room_has_ended_and_is_no_piece_of_another() {
        let texts = texts();
        let handle = texts.store.next();
        texts.begins(handle, &Bytes::from("0123456789"), 0, 4);
        // Somebody keeps more files open than there is room for, here and in the store.
        let large = Bytes::from(vec![b'x'; 1 << 20]);
        for _ in 0..100 {
            texts.begins(texts.store.next(), &large, 0, 4);
        }
        assert_eq!(texts.goes_on(handle, 4).unwrap(), "");
        assert_eq!(texts.goes_on(texts.store.next(), 4), None);
    }

    #[test]
    fn an_empty_text_is_a_text() {
        let texts = texts();
        let handle = texts.store.next();
        texts.begins(handle, &Bytes::new(), 0, 4096);
        assert_eq!(next(&texts).goes_on(handle, 1).unwrap(), "");
    }

    #[test]
    fn what_is_closed_is_gone() {
        let texts = texts();
        let handle = texts.store.next();
        texts.begins(handle, &Bytes::from("0123456789"), 0, 4);
        texts.close(handle);
        assert_eq!(texts.store.note(Kind::Text, handle), None);
        assert!(next(&texts).store.all(Kind::Text).is_empty());
    }
}
