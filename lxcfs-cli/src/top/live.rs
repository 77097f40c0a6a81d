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
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::beside_fuse::Reading;
use super::collect::{Collector, Look};
use super::draw::{Colours, draw};
use super::model::{Asked, Model, Sort};
use crate::args::Top;
use crate::failure::Failure;

/// What can happen.
enum Happening {
    Look(Box<Look>),
    Terminal(Event),
    Signal(Signal),
    Failed(Failure),
}

/// The terminal in raw mode, on its other screen; as it was when this is dropped, and after a panic.
struct Screen(DefaultTerminal);

impl Screen {
    fn open() -> io::Result<Self> {
        ratatui::try_init().map(Self)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // Nothing can be done if the terminal has gone.
        let _ = ratatui::try_restore();
    }
}

pub(super) fn live(top: &Top, mut collector: Collector, model: &mut Model) -> Result<(), Failure> {
    // Before there are threads, which inherit it.
    let ends: SigSet = [Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM]
        .into_iter()
        .collect();
    ends.thread_block().map_err(io::Error::from)?;
    let (happens, happenings) = sync_channel(16);
    let interval = top.interval;
    let reading = collector.reading();
    tell(&happens, move |tell| {
        while tell(
            collector
                .look()
                .map_or_else(Happening::Failed, |look| Happening::Look(Box::new(look))),
        ) {
            thread::sleep(interval);
        }
    })?;
    tell(&happens, move |tell| {
        while ends.wait().is_ok_and(|signal| tell(Happening::Signal(signal))) {}
    })?;
    let mut screen = Screen::open()?;
    tell(&happens, |tell| {
        while tell(event::read().map_or_else(|error| Happening::Failed(error.into()), Happening::Terminal)) {}
    })?;
    drop(happens);
    let end = until_the_end(&mut screen.0, &happenings, model, interval, &reading);
    drop(screen);
    if let Some(signal) = end? {
        // As if we had not waited for it: who sent it is told how we ended.
        SigSet::empty().thread_set_mask().map_err(io::Error::from)?;
        raise(signal).map_err(io::Error::from)?;
    }
    Ok(())
}

/// A thread that tells what happens, as long as somebody wants to know. It ends with the process.
fn tell(
    happens: &SyncSender<Happening>,
    thread: impl FnOnce(&mut dyn FnMut(Happening) -> bool) + Send + 'static,
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

/// Shows the model until a key, a signal or a failure ends it.
fn until_the_end(
    terminal: &mut DefaultTerminal,
    happenings: &Receiver<Happening>,
    model: &mut Model,
    interval: Duration,
    reading: &Reading,
) -> Result<Option<Signal>, Failure> {
    let colours = Colours(std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()));
    let patience = interval.saturating_mul(2).saturating_add(Duration::from_secs(5));
    loop {
        terminal.draw(|frame| draw(frame, model, colours))?;
        match happenings.recv_timeout(patience) {
            Ok(Happening::Look(look)) => model.take(*look),
            Ok(Happening::Terminal(Event::Key(key))) if key.kind != KeyEventKind::Release => {
                match asked(key, model.is_typing) {
                    Some(Key::Quit) => return Ok(None),
                    Some(Key::Asks(asked)) => model.apply(asked),
                    None => {}
                }
            }
            // The next drawing fits the new size.
            Ok(Happening::Terminal(_)) => {}
            Ok(Happening::Signal(signal)) => return Ok(Some(signal)),
            Ok(Happening::Failed(failure)) => return Err(failure),
            Err(RecvTimeoutError::Timeout) => model.waits_for = Some(reading.last()),
            Err(RecvTimeoutError::Disconnected) => return Ok(None),
        }
    }
}

/// What a key does.
#[derive(Debug, PartialEq, Eq)]
enum Key {
    Quit,
    Asks(Asked),
}

fn asked(key: KeyEvent, is_typing: bool) -> Option<Key> {
    const PAGE: i32 = 10;
    let is_ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
    let asks = match key.code {
        KeyCode::Char('c' | 'd') if is_ctrl => return Some(Key::Quit),
        KeyCode::Char(_) if is_ctrl => return None,
        KeyCode::Char(letter) if is_typing => Asked::Letter(letter),
        KeyCode::Backspace if is_typing => Asked::Erase,
        KeyCode::Enter if is_typing => Asked::Done,
        KeyCode::Esc => Asked::Clear,
        KeyCode::Up => Asked::Scroll(-1),
        KeyCode::Down => Asked::Scroll(1),
        KeyCode::PageUp => Asked::Scroll(-PAGE),
        KeyCode::PageDown => Asked::Scroll(PAGE),
        KeyCode::Home => Asked::First,
        KeyCode::End => Asked::Last,
        KeyCode::Char('q') => return Some(Key::Quit),
        KeyCode::Char(letter) => of_letter(letter)?,
        _ => return None,
    };
    Some(Key::Asks(asks))
}

fn of_letter(letter: char) -> Option<Asked> {
    Some(match letter {
        ' ' => Asked::Pause,
        '/' => Asked::Filter,
        'r' => Asked::Reverse,
        'k' => Asked::Scroll(-1),
        'j' => Asked::Scroll(1),
        'n' => Asked::Sort(Sort::Name),
        'p' => Asked::Sort(Sort::Pid),
        'm' => Asked::Sort(Sort::Memory),
        'c' => Asked::Sort(Sort::Cpu),
        'l' => Asked::Sort(Sort::Load),
        'u' => Asked::Sort(Sort::Uptime),
        't' => Asked::Sort(Sort::Tasks),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_typed_only_into_a_filter() {
        let key = |letter| KeyEvent::new(KeyCode::Char(letter), KeyModifiers::NONE);
        assert_eq!(asked(key('q'), false), Some(Key::Quit));
        assert_eq!(asked(key('q'), true), Some(Key::Asks(Asked::Letter('q'))));
        assert_eq!(asked(key('m'), false), Some(Key::Asks(Asked::Sort(Sort::Memory))));
        assert_eq!(asked(key('x'), false), None);
        let ctrl_c = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        assert_eq!(asked(ctrl_c, true), Some(Key::Quit));
    }
}
