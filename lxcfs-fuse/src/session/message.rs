//! The few words of the FUSE protocol that are read or written without fuser.
//!
//! # References
//!
//! `include/uapi/linux/fuse.h`; fuse(4).

use bytes::{Buf as _, BufMut as _};
use nix::libc::EIO;

/// How long the head of a request is.
pub(crate) const HEAD: usize = 40;

/// How long the head of an answer is.
pub(crate) const ANSWER_HEAD: usize = 16;

/// Set in the number of a request that the kernel hands out once more.
const RESENT: u64 = 1 << 63;

/// Set in the number by which an interruption of a request is called.
const INTERRUPTION: u64 = 1;

const FORGET: u32 = 2;
const READ: u32 = 15;
const WRITE: u32 = 16;
const RELEASE: u32 = 18;
const INIT: u32 = 26;
const READDIR: u32 = 28;
const INTERRUPT: u32 = 36;
const DESTROY: u32 = 38;
const NOTIFY_REPLY: u32 = 41;
const BATCH_FORGET: u32 = 42;
const READDIRPLUS: u32 = 44;
/// No kernel has so many operations yet.
const LAST: u32 = 255;

const NOTIFY_POLL: i32 = 1;
const NOTIFY_RESEND: i32 = 7;

/// What stands at the beginning of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) bytes: usize,
    operation: u32,
    /// What an answer has to name.
    pub(crate) unique: u64,
}

impl Request {
    /// `None` for what is no request: nothing, a part of one, garbage.
    pub(crate) fn parse(mut bytes: &[u8]) -> Option<Self> {
        let length = usize::try_from(bytes.try_get_u32_ne().ok()?).ok()?;
        let operation = bytes.try_get_u32_ne().ok()?;
        let unique = bytes.try_get_u64_ne().ok()?;
        let is_one = length >= HEAD && (1..=LAST).contains(&operation) && unique != 0;
        is_one.then_some(Self {
            bytes: length,
            operation,
            unique,
        })
    }

    /// Its beginning, as the kernel writes it.
    pub(crate) fn to_bytes(self) -> Vec<u8> {
        let mut all = Vec::with_capacity(HEAD);
        all.put_u32_ne(u32::try_from(self.bytes).unwrap_or(u32::MAX));
        all.put_u32_ne(self.operation);
        all.put_u64_ne(self.unique);
        all
    }

    /// Which one it is, however often the kernel has handed it out.
    pub(crate) fn identity(self) -> u64 {
        self.unique & !RESENT
    }

    pub(crate) fn is_init(self) -> bool {
        self.operation == INIT
    }

    /// Whether somebody waits for its answer. An interruption is none of these: who gives it answers what it is about.
    pub(crate) fn wants_an_answer(self) -> bool {
        !matches!(
            self.operation,
            FORGET | BATCH_FORGET | INTERRUPT | DESTROY | NOTIFY_REPLY | INIT
        )
    }

    /// Whether its answer is not all that comes of it.
    pub(crate) fn writes(self) -> bool {
        self.operation == WRITE
    }

    fn reads(self) -> bool {
        matches!(self.operation, READ | READDIR | READDIRPLUS)
    }
}

/// Lets a request that reads ask for no more than that. Who reads gets less than he wanted, and reads on.
pub(crate) fn read_at_most(request: &mut [u8], most: u32) {
    // After the head: u64 handle, u64 offset, u32 size.
    if Request::parse(request).is_some_and(Request::reads) {
        change(request, HEAD + 16, |size| size.min(most));
    }
}

/// Changes a word of a message, if it is so long.
fn change(message: &mut [u8], at: usize, to: impl FnOnce(u32) -> u32) {
    let place = message.get_mut(at..).and_then(<[u8]>::first_chunk_mut::<4>);
    if let Some(place) = place {
        *place = to(u32::from_ne_bytes(*place)).to_ne_bytes();
    }
}

/// The number of the request that is answered by that; 0 for what is no answer but news.
pub(crate) fn answered(mut answer: &[u8]) -> Option<u64> {
    answer.try_get_u64_ne().ok()?;
    answer.try_get_u64_ne().ok()
}

/// An answer to a request: an I/O error.
pub(crate) fn io_error(unique: u64) -> Vec<u8> {
    answer(EIO.saturating_neg(), unique, &[])
}

/// An answer to an interruption of a request, which changes nothing: the kernel takes it as long as somebody waits for the
/// request's own answer, and does not find it (`ENOENT`) from then on.
///
/// # References
///
/// `fs/fuse/dev.c`, `fuse_dev_do_write` and `FUSE_INT_REQ_BIT`.
pub(crate) fn is_awaited(unique: u64) -> Vec<u8> {
    answer(0, unique | INTERRUPTION, &[])
}

/// Whether a kernel with that offer understands [`is_awaited`]: since Linux 4.20, which speaks 7.28.
pub(crate) fn tells_what_is_awaited(offer: &[u8]) -> bool {
    const SINCE: u32 = 28;
    let mut versions = offer.get(HEAD..).unwrap_or_default();
    let major = versions.try_get_u32_ne();
    let minor = versions.try_get_u32_ne();
    major == Ok(7) && minor.is_ok_and(|minor| minor >= SINCE)
}

/// News: the kernel is to hand out once more what has not been answered. `EINVAL` from a kernel before 6.9.
pub(crate) fn resend() -> Vec<u8> {
    answer(NOTIFY_RESEND, 0, &[])
}

/// News: who waits in poll(2) there is to ask again.
pub(crate) fn ask_again(poll_handle: u64) -> Vec<u8> {
    answer(NOTIFY_POLL, 0, &poll_handle.to_ne_bytes())
}

fn answer(error: i32, unique: u64, rest: &[u8]) -> Vec<u8> {
    let length = ANSWER_HEAD.saturating_add(rest.len());
    let mut all = Vec::with_capacity(length);
    all.put_u32_ne(u32::try_from(length).unwrap_or(u32::MAX));
    all.put_i32_ne(error);
    all.put_u64_ne(unique);
    all.put_slice(rest);
    all
}

/// A request that changes nothing and has no answer: who waits for requests takes it and waits again.
pub(crate) fn nothing() -> Vec<u8> {
    request(FORGET)
}

/// The request after which who takes it waits for no other.
pub(crate) fn the_end() -> Vec<u8> {
    request(DESTROY)
}

/// A request that closes the file which that one writes to. Its number is none of the kernel's: these are even.
pub(crate) fn close(write: &[u8]) -> Vec<u8> {
    const BYTES: u32 = 64;
    // Both have the handle first, after a head with the same inode.
    let mut all: Vec<u8> = write.iter().copied().take(HEAD + 8).collect();
    all.resize(HEAD + 24, 0);
    change(&mut all, 0, |_| BYTES);
    change(&mut all, 4, |_| RELEASE);
    if let Some(unique) = all.get_mut(8..16) {
        unique.copy_from_slice(&1_u64.to_ne_bytes());
    }
    all
}

fn request(operation: u32) -> Vec<u8> {
    // With room for what FORGET has after its head: how often, which is 0.
    let mut all = Vec::with_capacity(48);
    all.put_u32_ne(48);
    all.put_u32_ne(operation);
    all.put_u64_ne(1);
    // The root.
    all.put_u64_ne(1);
    all.resize(48, 0);
    all
}

/// What an answer to the kernel's offer says: version and flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Terms {
    pub(crate) major: u32,
    pub(crate) flags: u64,
}

impl Terms {
    /// What was agreed on. `None` for a refusal too.
    pub(crate) fn agreed(answer: &[u8]) -> Option<Self> {
        let mut rest = answer;
        rest.try_get_u32_ne().ok()?;
        if rest.try_get_i32_ne().ok()? != 0 {
            return None;
        }
        rest.try_get_u64_ne().ok()?;
        let major = rest.try_get_u32_ne().ok()?;
        rest.try_get_u64_ne().ok()?;
        let low = rest.try_get_u32_ne().ok()?;
        // Two times 16 bits, and five times 32: up to the upper half of the flags.
        let mut upper = answer.get(48..).unwrap_or_default();
        let high = upper.try_get_u32_ne().unwrap_or(0);
        Some(Self {
            major,
            flags: both(low, high),
        })
    }
}

fn both(low: u32, high: u32) -> u64 {
    (u64::from(high) << 32) | u64::from(low)
}

/// The kernel's offer with no more flags than these.
pub(crate) fn offer_no_more(request: &mut [u8], flags: u64) {
    for (place, mask) in [(HEAD + 12, flags), (HEAD + 16, flags >> 32)] {
        let mask = u32::try_from(mask & u64::from(u32::MAX)).unwrap_or(u32::MAX);
        change(request, place, |offered| offered & mask);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(length: u32, operation: u32, unique: u64) -> Vec<u8> {
        let mut all = Vec::new();
        all.put_u32_ne(length);
        all.put_u32_ne(operation);
        all.put_u64_ne(unique);
        all.resize(HEAD, 0);
        all
    }

    #[test]
    fn what_is_no_request_is_not_taken_for_one() {
        assert!(Request::parse(&head(40, READ, 2)).is_some());
        for garbage in [
            head(39, READ, 2),
            head(40, 0, 2),
            head(40, 4096, 2),
            head(40, READ, 0),
            vec![0; 40],
            vec![1; 9],
        ] {
            assert_eq!(Request::parse(&garbage), None);
        }
    }

    #[test]
    fn a_request_that_was_handed_out_again_is_the_same() {
        let [first, again] = [2, 2 | RESENT].map(|unique| Request::parse(&head(40, READ, unique)).unwrap());
        assert_ne!(first, again);
        assert_eq!(first.identity(), again.identity());
    }

    #[test]
    fn only_requests_that_read_are_made_smaller() {
        let mut read = head(80, READ, 2);
        read.resize(80, 0xff);
        let mut other = head(80, READ + 1, 2);
        other.resize(80, 0xff);
        let before = other.clone();
        read_at_most(&mut read, 7);
        read_at_most(&mut other, 7);
        assert_eq!(read[56..60], 7_u32.to_ne_bytes());
        assert_eq!((read[55], read[60], other), (0xff, 0xff, before));
        let mut small = head(60, READ, 2);
        small.resize(60, 0);
        read_at_most(&mut small, 7);
        assert_eq!(small[56..60], [0; 4]);
    }

    #[test]
    fn a_file_that_is_written_to_can_be_closed() {
        let mut write = head(90, WRITE, 2);
        write[16..24].copy_from_slice(&5_u64.to_ne_bytes());
        write.put_u64_ne(77);
        write.resize(90, 0xff);
        let close = close(&write);
        assert_eq!(close.len(), 64);
        let parsed = Request::parse(&close).unwrap();
        assert_eq!((parsed.bytes, parsed.operation, parsed.unique), (64, RELEASE, 1));
        assert_eq!((&close[16..24], &close[40..48]), (&write[16..24], &write[40..48]));
        assert!(close[48..].iter().all(|byte| *byte == 0));
    }

    #[test]
    fn old_kernels_are_not_asked_what_is_awaited() {
        for (major, minor, tells) in [(7, 27, false), (7, 28, true), (7, 45, true), (6, 40, false)] {
            let mut offer = head(104, INIT, 2);
            offer.put_u32_ne(major);
            offer.put_u32_ne(minor);
            assert_eq!(tells_what_is_awaited(&offer), tells, "{major}.{minor}");
        }
        assert!(!tells_what_is_awaited(&[]));
    }

    #[test]
    fn an_offer_gets_no_larger() {
        let mut offer = head(104, INIT, 2);
        offer.put_u32_ne(7);
        offer.put_u32_ne(40);
        offer.put_u32_ne(4096);
        offer.put_u32_ne(0b1110);
        offer.put_u32_ne(0b11);
        offer.resize(104, 0);
        assert!(Request::parse(&offer).unwrap().is_init());
        offer_no_more(&mut offer, (0b110 << 32) | 0b111);
        let word = |at: usize| u32::from_ne_bytes(offer[at..at + 4].try_into().unwrap());
        assert_eq!([word(40), word(48), word(52), word(56)], [7, 4096, 0b110, 0b10]);
        assert_eq!(offer.len(), 104);
    }
}
