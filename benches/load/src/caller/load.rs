//! Reads by several threads, until the time is over.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::once::Once;
use super::turn::TurnPipe;
use crate::clock;
use crate::failure::{Doing as _, Failure};
use crate::order::{Load, Reply};
use crate::tally::Tally;

/// Carries out one order; the last report says that it is done.
pub(crate) fn load(order: &Load, send: &mut dyn FnMut(&Reply) -> Result<(), Failure>) -> Result<(), Failure> {
    let turns = order
        .turns
        .as_ref()
        .map(|turns| TurnPipe::open(&turns.pipe))
        .transpose();
    let turns = turns.doing("cannot open the pipe for turns")?;
    // One for each thread, so that they do not wait for each other.
    let tallies: Vec<Mutex<Tally>> = (0..order.threads).map(|_| Mutex::default()).collect();
    std::thread::scope(|scope| {
        let threads: Vec<_> = tallies
            .iter()
            .enumerate()
            .map(|(number, tally)| {
                scope.spawn({
                    let turns = turns.as_ref();
                    move || read(order, number, turns, tally)
                })
            })
            .collect();
        if let Some(millis) = order.report_millis {
            while !threads.iter().all(|thread| thread.is_finished()) {
                std::thread::sleep(Duration::from_millis(millis));
                send(&Reply::SoFar(collect(&tallies)))?;
            }
        }
        Ok::<_, Failure>(())
    })?;
    // Before the report: then the pipe may be used for the next order.
    drop(turns);
    send(&Reply::Done(collect(&tallies)))
}

fn collect(tallies: &[Mutex<Tally>]) -> Tally {
    let mut sum = Tally::default();
    for tally in tallies {
        sum.merge(&std::mem::take(&mut *lock(tally)));
    }
    sum
}

fn lock(tally: &Mutex<Tally>) -> MutexGuard<'_, Tally> {
    tally.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One thread.
fn read(order: &Load, number: usize, turns: Option<&TurnPipe>, tally: &Mutex<Tally>) {
    let mut once = Once::new();
    let steps = order
        .modes
        .iter()
        .flat_map(|mode| order.targets.iter().map(|one| (one, *mode)));
    let mut steps = steps.cycle().skip(number);
    let mut left = order.count.unwrap_or(u64::MAX);
    let in_a_row = order.turns.as_ref().map_or(1, |turns| turns.reads);
    // Turns begin when there are bytes in the pipe.
    if turns.is_none() {
        clock::sleep_until(order.start);
    }
    while left > 0 {
        let turn = turns.map(TurnPipe::take);
        // Not before: it may have taken long for our turn to come. All who wait go through here and leave.
        if clock::now() >= order.end || matches!(turn, Some(Err(_))) {
            return;
        }
        for _ in 0..in_a_row.min(left) {
            let Some((target, mode)) = steps.next() else { return };
            let done = once.read(target, mode);
            let mut tally = lock(tally);
            match done {
                Ok(took) => {
                    tally.reads = tally.reads.saturating_add(1);
                    tally.bytes = tally.bytes.saturating_add(took.bytes);
                    tally.times.add(took.nanos);
                    tally.finished = took.finished;
                }
                Err(cause) => tally.fail(format!("{} ({}) {cause}", target.name, mode.name())),
            }
            drop(tally);
            left = left.saturating_sub(1);
            if clock::now() >= order.end {
                return;
            }
        }
    }
}
