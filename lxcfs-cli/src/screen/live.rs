//! The screen while it lives: what happens, one after the other, until somebody wants it to end.
//!
//! Looks, keys and signals each come from a thread of their own. So the screen answers keys also when the kernel is slow to
//! answer us, and nothing wakes up when nothing happens.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{SigSet, Signal, raise};
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyEventKind};

use super::keys::{Key, asked};
use super::{Colours, Screen};
use crate::failure::Failure;

/// What can happen.
enum Happening<L> {
    Look(Box<L>),
    Terminal(Event),
    Signal(Signal),
    Failed(Failure),
}

/// The terminal in raw mode, on its other screen; as it was when this is dropped, and after a panic.
struct Opened(DefaultTerminal);

impl Opened {
    fn open() -> io::Result<Self> {
        ratatui::try_init().map(Self).inspect_err(|_| {
            // It may have been half-way there.
            let _ = ratatui::try_restore();
        })
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        // Nothing can be done if the terminal has gone.
        let _ = ratatui::try_restore();
    }
}

/// Tells what has been seen, or why nothing can be. Answers whether anybody wants to know more.
pub(crate) type Tell<'t, L> = &'t mut dyn FnMut(Result<L, Failure>) -> bool;

/// Shows it until a key, a signal or a failure ends it. `look` looks, again and again, in a thread of its own.
pub(crate) fn live<S: Screen>(
    shown: &mut S,
    interval: Duration,
    look: impl FnOnce(Tell<'_, S::Look>) + Send + 'static,
) -> Result<(), Failure> {
    // Before there are threads, which inherit it.
    let ends: SigSet = [Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM]
        .into_iter()
        .collect();
    ends.thread_block().map_err(io::Error::from)?;
    let (happens, happenings) = sync_channel(16);
    start(&happens, move |tell| {
        look(&mut |seen| tell(seen.map_or_else(Happening::Failed, |seen| Happening::Look(Box::new(seen)))));
    })?;
    start(&happens, move |tell| {
        while ends.wait().is_ok_and(|signal| tell(Happening::Signal(signal))) {}
    })?;
    let mut opened = Opened::open()?;
    start(&happens, |tell| {
        while tell(event::read().map_or_else(|error| Happening::Failed(error.into()), Happening::Terminal)) {}
    })?;
    drop(happens);
    let end = until_the_end(&mut opened.0, &happenings, shown, interval);
    drop(opened);
    if let Some(signal) = end? {
        // As if we had not waited for it: who sent it is told how we ended.
        SigSet::empty().thread_set_mask().map_err(io::Error::from)?;
        raise(signal).map_err(io::Error::from)?;
    }
    Ok(())
}

/// A thread that tells what happens, as long as somebody wants to know. It ends with the process.
fn start<L: Send + 'static>(
    happens: &SyncSender<Happening<L>>,
    thread: impl FnOnce(&mut dyn FnMut(Happening<L>) -> bool) + Send + 'static,
) -> io::Result<()> {
    let happens = happens.clone();
    thread::Builder::new().spawn(move || {
        thread(&mut |happening| {
            let is_last = matches!(happening, Happening::Failed(_));
            happens.send(happening).is_ok() && !is_last
        });
    })?;
    Ok(())
}

/// Shows it until a key, a signal or a failure ends it.
fn until_the_end<S: Screen>(
    terminal: &mut DefaultTerminal,
    happenings: &Receiver<Happening<S::Look>>,
    shown: &mut S,
    interval: Duration,
) -> Result<Option<Signal>, Failure> {
    let colours = Colours::of_environment();
    let patience = interval.saturating_mul(2).saturating_add(Duration::from_secs(5));
    loop {
        terminal.draw(|frame| shown.draw(frame, colours))?;
        match happenings.recv_timeout(patience) {
            Ok(Happening::Look(look)) => shown.take(*look),
            Ok(Happening::Terminal(Event::Key(key))) if key.kind != KeyEventKind::Release => {
                match asked(key, shown.is_typing()) {
                    Some(Key::Quit) => return Ok(None),
                    Some(Key::Asks(asked)) => shown.apply(asked),
                    None => {}
                }
            }
            // The next drawing fits the new size.
            Ok(Happening::Terminal(_)) => {}
            Ok(Happening::Signal(signal)) => return Ok(Some(signal)),
            Ok(Happening::Failed(failure)) => return Err(failure),
            Err(RecvTimeoutError::Timeout) => shown.is_late(),
            Err(RecvTimeoutError::Disconnected) => return Ok(None),
        }
    }
}
