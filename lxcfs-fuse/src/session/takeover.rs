//! A file system takes a connection over, whoever served it before: nobody yet, or a process that has died.
//!
//! 1. A session of fuser's shakes hands with what the kernel said when it was mounted.
//! 2. What the dead had in hand is moved out of the slots, and the session's threads get these for their buffers.
//! 3. The threads start, at our end of a socket; what was in hand is put to them there, unless the kernel does that itself.
//! 4. The kernel takes our place at the socket.

use std::io;
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use fuser::{Filesystem, Session};

use super::buffers::{Giving, Slots};
use super::in_hand;
use super::kept::Kept;
use super::line::Line;
use super::polls::{left, wake_all};
use super::replay::{awaited, replay};
use super::requests::Claim;
use crate::error::MountError;
use crate::settings::Resume;

/// How it is served.
#[derive(Debug, Clone, Copy)]
pub(super) struct Service {
    pub(super) threads: usize,
    pub(super) resume: Resume,
    /// Of a request.
    pub(super) deadline: Duration,
}

/// Takes it over. `ended` is called when requests end; not if this fails.
pub(super) fn take_over<F: Filesystem>(
    kept: &Kept,
    fs: F,
    service: Service,
    ended: impl FnOnce(io::Result<()>) + Send + 'static,
) -> Result<(), MountError> {
    let (facts, requests) = (kept.facts(), kept.requests());
    if !kept.is_alive() {
        return Err(MountError::Ended(facts.mountpoint.clone()));
    }
    let Some(claim) = requests.claim().map_err(cannot_start("the only server"))? else {
        return Err(MountError::Served(facts.mountpoint.clone()));
    };
    // Before anybody new is among them.
    let waiting = left(requests).map_err(cannot_start("polls"))?;
    let giving = Giving::begin();
    let line = Line::again(fs, &facts.offer, &facts.agreement, service.threads).map_err(MountError::Handshake)?;
    let cannot_resume = cannot_start("what a process before this one has begun");
    let in_hand = in_hand::collect(requests)
        .and_then(|in_hand| in_hand::empty_slots(requests).map(|()| in_hand))
        .and_then(|in_hand| awaited(kept, in_hand))
        .map_err(cannot_resume)?;
    if !in_hand.is_empty() {
        tracing::info!(
            requests = in_hand.len(),
            "a process before this one had requests in hand"
        );
    }
    let slots = if giving.is_possible() {
        giving.give(requests.as_fd(), service.threads)
    } else {
        Err(io::Error::other(
            "the program's allocator is another: see lxcfs_fuse::Buffers",
        ))
    };
    if let Err(why) = &slots {
        tracing::info!(%why, "what is in hand is not written down: a kernel before 6.9 would lose it with this process");
    }
    let Line { session, end, .. } = line;
    let has_ended = Arc::new(AtomicBool::new(false));
    let is_taken = Arc::new(AtomicBool::new(false));
    let (tell_ended, was_taken) = (Arc::clone(&has_ended), Arc::clone(&is_taken));
    let lent = slots.ok();
    let run = move || {
        let how = run(session, lent, claim);
        tell_ended.store(true, Ordering::Release);
        if was_taken.load(Ordering::Acquire) {
            ended(how);
        }
    };
    thread::Builder::new()
        .name("requests".to_owned())
        .spawn(run)
        .map_err(cannot_start("the thread for requests"))?;
    if !giving.end(|| has_ended.load(Ordering::Acquire)) {
        tracing::warn!("some threads have no slot: what they have in hand is not written down");
    }
    let resumed = replay(kept, &end, in_hand, service.resume, service.deadline);
    if let Err(error) = resumed {
        end.hang_up();
        return Err(cannot_start("what a process before this one has begun")(error));
    }
    is_taken.store(true, Ordering::Release);
    end.connect(kept.fuse().as_fd())
        .and_then(|()| wake_all(kept.fuse(), requests, &waiting))
        .map_err(cannot_start("requests"))
}

fn run<F: Filesystem>(session: Session<F>, slots: Option<Slots>, claim: Claim) -> io::Result<()> {
    let how = session.run();
    if how.is_err() {
        // Some threads may go on.
        if let Some(slots) = slots {
            slots.leave();
        }
        claim.leave();
    }
    how
}

pub(super) fn cannot_start(what: &'static str) -> impl FnOnce(io::Error) -> MountError {
    move |source| MountError::Start { what, source }
}
