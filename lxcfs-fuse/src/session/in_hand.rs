//! The requests that dead workers had in hand, and how many have died of each.
//!
//! The kernel copies a request to a slot of a worker's; what lies there when the worker dies may not have been answered.
//! Before the slots are used again, these requests are moved here, where they stay until they are answered: whoever dies
//! over that leaves them to the next. A request that had been answered is answered twice; the kernel knows, and refuses.

use std::io;
use std::os::unix::fs::FileExt as _;

use bytes::Buf as _;
use rustix::fs::{FallocateFlags, fallocate};

use super::message::{HEAD, Request};
use super::requests::{IN_HAND, MOST_SLOTS, Requests, SLOT, SLOTS};

/// Far more than there are: one for each thread and death, and they are answered in between.
const MOST: u64 = 256;

/// A head, and behind it a page for the request.
const STRIDE: u64 = 2 * PAGE;
const PAGE: u64 = 4096;
const BODY: u64 = PAGE;
/// In the head, after the request's number, the deaths and the length.
const ALONE: u64 = 16;

/// How long a request may be that is kept. What is longer wants to write something that is of no use here.
const MOST_BYTES: usize = 4096;

/// So often a request is in hand at a death by chance, as others are: workers may be killed for reasons of their own.
const BY_CHANCE: u32 = 1;

/// So many workers may die while they have nothing in hand but this request. Then it is the reason.
const MOST_ALONE: u32 = 3;

/// A request that a dead worker had in hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct InHand {
    place: u64,
    pub(super) request: Request,
    pub(super) deaths: u32,
    /// How often it has been worked at alone, and not been answered then.
    alone: u32,
    /// The whole request; empty if it was too long.
    pub(super) bytes: Vec<u8>,
    /// Whether the last one to die had it in hand.
    pub(super) was_in_slot: bool,
}

impl InHand {
    /// Whether nobody is to work at it again.
    pub(super) fn is_hopeless(&self) -> bool {
        self.alone >= MOST_ALONE || self.bytes.is_empty()
    }

    /// Whether it may be the reason, and is to be worked at alone.
    pub(super) fn is_suspect(&self) -> bool {
        self.deaths > BY_CHANCE
    }
}

/// Moves what lies in the slots, and gives back all that is in hand: what was in hand at the fewest deaths comes first.
pub(super) fn collect(requests: &Requests) -> io::Result<Vec<InHand>> {
    let mut known = read_all(requests)?;
    let mut found = Vec::new();
    for slot in 0..MOST_SLOTS {
        let at = slot_at(slot);
        if let Some((request, bytes)) = in_slot(requests, at)? {
            let identity = request.identity();
            let before = known.iter().position(|one| one.request.identity() == identity);
            let (place, deaths, alone) = match before.map(|index| known.swap_remove(index)) {
                Some(one) => (Some(one.place), one.deaths.saturating_add(1), one.alone),
                None => (free_place(&known, &found), 1, 0),
            };
            match place {
                Some(place) => {
                    let one = InHand {
                        place,
                        request,
                        deaths,
                        alone,
                        bytes,
                        was_in_slot: true,
                    };
                    write(requests, &one)?;
                    found.push(one);
                }
                None => tracing::warn!("too many requests were in hand; one of them is lost"),
            }
        }
        requests.file().write_all_at(&[0; HEAD], at)?;
    }
    found.append(&mut known);
    found.sort_by_key(|one| one.deaths);
    Ok(found)
}

/// It is no longer in hand.
pub(super) fn is_answered(requests: &Requests, one: &InHand) -> io::Result<()> {
    requests.file().write_all_at(&0_u64.to_ne_bytes(), one.place)
}

/// From now on nothing else is in hand.
pub(super) fn is_alone(requests: &Requests, one: &InHand) -> io::Result<()> {
    let alone = one.alone.saturating_add(1);
    requests
        .file()
        .write_all_at(&alone.to_ne_bytes(), one.place.saturating_add(ALONE))
}

/// Gives the memory of the slots back.
pub(super) fn empty_slots(requests: &Requests) -> io::Result<()> {
    let bytes = u64::try_from(MOST_SLOTS.saturating_mul(SLOT)).unwrap_or(0);
    fallocate(
        requests.file(),
        FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE,
        SLOTS,
        bytes,
    )?;
    Ok(())
}

fn slot_at(slot: usize) -> u64 {
    let bytes = u64::try_from(slot.saturating_mul(SLOT)).unwrap_or(0);
    SLOTS.saturating_add(bytes)
}

/// The request in a slot, if somebody waits for its answer.
fn in_slot(requests: &Requests, at: u64) -> io::Result<Option<(Request, Vec<u8>)>> {
    let mut head = [0; HEAD];
    requests.file().read_exact_at(&mut head, at)?;
    let Some(request) = Request::parse(&head).filter(|request| request.wants_an_answer()) else {
        return Ok(None);
    };
    if request.bytes > SLOT {
        return Ok(None);
    }
    let kept = if request.bytes <= MOST_BYTES { request.bytes } else { 0 };
    let mut bytes = vec![0; kept];
    requests.file().read_exact_at(&mut bytes, at)?;
    Ok(Some((request, bytes)))
}

fn read_all(requests: &Requests) -> io::Result<Vec<InHand>> {
    let mut all = Vec::new();
    for place in places() {
        let mut head = [0; 20];
        requests.file().read_exact_at(&mut head, place)?;
        let mut head = head.as_slice();
        let identity = head.get_u64_ne();
        let [deaths, kept, alone] = [(); 3].map(|()| head.get_u32_ne());
        if identity == 0 {
            continue;
        }
        let mut bytes = vec![0; MOST_BYTES];
        requests.file().read_exact_at(&mut bytes, place.saturating_add(BODY))?;
        if let Some(request) = Request::parse(&bytes).filter(|request| request.identity() == identity) {
            bytes.truncate(usize::try_from(kept).unwrap_or(0));
            all.push(InHand {
                place,
                request,
                deaths,
                alone,
                bytes,
                was_in_slot: false,
            });
        }
    }
    Ok(all)
}

/// The number goes last: with it, it is there.
fn write(requests: &Requests, one: &InHand) -> io::Result<()> {
    let file = requests.file();
    let body = one.place.saturating_add(BODY);
    file.write_all_at(&one.request.to_bytes(), body)?;
    file.write_all_at(&one.bytes, body)?;
    let kept = u32::try_from(one.bytes.len()).unwrap_or(0);
    file.write_all_at(&kept.to_ne_bytes(), one.place.saturating_add(12))?;
    file.write_all_at(&one.alone.to_ne_bytes(), one.place.saturating_add(ALONE))?;
    file.write_all_at(&one.deaths.to_ne_bytes(), one.place.saturating_add(8))?;
    file.write_all_at(&one.request.identity().to_ne_bytes(), one.place)
}

fn places() -> impl Iterator<Item = u64> {
    (0..MOST).map(|index| IN_HAND.saturating_add(index.saturating_mul(STRIDE)))
}

fn free_place(known: &[InHand], found: &[InHand]) -> Option<u64> {
    places().find(|place| known.iter().chain(found).all(|one| one.place != *place))
}
