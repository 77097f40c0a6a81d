//! What dead workers had in hand is answered.
//!
//! A kernel since 6.9 hands out all of it once more when it is told to. Before that, what had lain in the slots is put to the
//! session as the kernel would, and its answers are handed on.
//!
//! Of what lies in the slots most has been answered. To put such a request once more would do more than the kernel's refusal
//! of its answer undoes: a read from the beginning takes the place of the text that its reader goes on with. So the kernel
//! is asked first.
//!
//! A request that was in hand at two deaths is put to the session alone, by whatever kernel. One that was in hand alone at
//! three gets an error.

use std::fs::File;
use std::io::{self, Write as _};
use std::time::Duration;

use nix::libc::ENOENT;

use super::in_hand::{self, InHand};
use super::kept::Kept;
use super::line::{End, MOST_READ};
use super::message;
use super::requests::Requests;
use crate::settings::Resume;

/// Answers what dead workers had in hand, or has the kernel hand it out again. `deadline`: of a request.
pub(super) fn replay(
    kept: &Kept,
    end: &End,
    in_hand: Vec<InHand>,
    resume: Resume,
    deadline: Duration,
) -> io::Result<()> {
    let (kernel, requests) = (&File::from(kept.fuse().try_clone()?), kept.requests());
    let (hopeless, others): (Vec<_>, Vec<_>) = in_hand.into_iter().partition(InHand::is_hopeless);
    for one in hopeless {
        tracing::error!(
            deaths = one.deaths,
            "a request has ended too many processes; it gets an error"
        );
        answer(kernel, &message::io_error(one.request.unique));
        in_hand::is_answered(requests, &one)?;
    }
    // Who dies of one of these dies of no other.
    let (suspects, others): (Vec<_>, Vec<_>) = others.into_iter().partition(InHand::is_suspect);
    for one in suspects {
        in_hand::is_alone(requests, &one)?;
        put_all(kernel, requests, end, vec![one], deadline)?;
    }
    if resume == Resume::Auto && resends(kernel) {
        // What lay in a slot stays written down: to be counted, should the next one die of it too.
        for one in others.iter().filter(|one| !one.was_in_slot) {
            in_hand::is_answered(requests, one)?;
        }
        return Ok(());
    }
    put_all(kernel, requests, end, others, deadline)
}

/// Those that somebody still waits for. The others are no longer in hand.
pub(super) fn awaited(kept: &Kept, in_hand: Vec<InHand>) -> io::Result<Vec<InHand>> {
    if !message::tells_what_is_awaited(&kept.facts().offer) {
        return Ok(in_hand);
    }
    let kernel = &File::from(kept.fuse().try_clone()?);
    let (awaited, answered): (Vec<_>, Vec<_>) = in_hand.into_iter().partition(|one| is_awaited(kernel, one));
    for one in answered {
        in_hand::is_answered(kept.requests(), &one)?;
    }
    Ok(awaited)
}

/// Whether the kernel waits for that answer. One that it is about to hand out once more it does not wait for yet.
fn is_awaited(mut kernel: &File, one: &InHand) -> bool {
    let asked = kernel.write_all(&message::is_awaited(one.request.unique));
    asked.err().is_none_or(|error| error.raw_os_error() != Some(ENOENT))
}

/// Whether the kernel hands out what is in hand.
fn resends(mut kernel: &File) -> bool {
    kernel.write_all(&message::resend()).is_ok()
}

/// Puts requests to the session, some at once, and hands its answers on.
fn put_all(kernel: &File, requests: &Requests, end: &End, all: Vec<InHand>, deadline: Duration) -> io::Result<()> {
    // Who is late is answered at one and a half times the deadline.
    let patience = deadline.saturating_mul(2).saturating_add(Duration::from_secs(1));
    let mut to_put = all.into_iter();
    let mut put: Vec<InHand> = Vec::new();
    loop {
        while put.len() < end.at_once()
            && let Some(one) = to_put.next()
        {
            let mut bytes = one.bytes.clone();
            message::read_at_most(&mut bytes, MOST_READ);
            end.put(&bytes)?;
            put.push(one);
        }
        if put.is_empty() {
            return Ok(());
        }
        let Ok(said) = end.receive(patience) else { break };
        let is_taken = answer(kernel, &said);
        let unique = message::answered(&said);
        if let Some(index) = put.iter().position(|one| Some(one.request.unique) == unique) {
            let one = put.swap_remove(index);
            if one.request.writes() && !is_taken {
                // It had been answered before, and the file may be closed by now: nobody would close it again.
                end.put(&message::close(&one.bytes))?;
            }
            in_hand::is_answered(requests, &one)?;
        }
    }
    for one in put.into_iter().chain(to_put) {
        tracing::error!("a request that a dead process had in hand is not answered; it gets an error");
        answer(kernel, &message::io_error(one.request.unique));
        in_hand::is_answered(requests, &one)?;
    }
    Ok(())
}

/// Hands an answer on. The kernel does not take it if there was one before, or if nobody waits any more.
fn answer(mut kernel: &File, bytes: &[u8]) -> bool {
    let taken = kernel.write_all(bytes);
    if let Err(error) = &taken {
        tracing::debug!(%error, "an answer came too late");
    }
    taken.is_ok()
}
