//! The ways of reading: files opened anew, descriptors that are kept, byte by byte.

use std::fs::File;

use super::look::{Look, Lost};
use super::told::Shown;

/// So many bytes are read one by one.
const SINGLE: usize = 24;

/// How a kept descriptor is read: in about so many pieces.
const PIECES: usize = 24;
/// But in none smaller than this. Who gets a whole text in one reply has no need of its being kept for him, and it is not kept
/// beyond the process that has rendered it; so this is less than any text that changes.
const SMALLEST: usize = 8;

/// A way of reading.
pub(crate) trait Mode {
    /// One file's turn; how many it was given before.
    fn turn(&mut self, look: &mut Look<'_>, shown: &Shown, which: usize) -> Result<(), Lost>;

    /// What is open is of no use any more.
    fn lost(&mut self) {}
}

/// Opens a file, reads it to its end, closes it: what most programs do.
#[derive(Debug)]
pub(crate) struct Fresh;

impl Mode for Fresh {
    fn turn(&mut self, look: &mut Look<'_>, shown: &Shown, _: usize) -> Result<(), Lost> {
        let begun = look.begin(shown);
        let Some(file) = look.open(shown)? else { return Ok(()) };
        if let Some(text) = look.rest(shown, &file, 0)? {
            look.text(shown, &begun, &text);
        }
        Ok(())
    }
}

/// Opens each file once and reads it again and again, as monitors do. What was read is read again in the next turn, before
/// there is a new text.
#[derive(Debug, Default)]
pub(crate) struct Kept(Vec<Option<Held>>);

#[derive(Debug)]
struct Held {
    file: File,
    text: Option<Vec<u8>>,
}

impl Mode for Kept {
    fn turn(&mut self, look: &mut Look<'_>, shown: &Shown, which: usize) -> Result<(), Lost> {
        if self.0.len() <= which {
            self.0.resize_with(which.saturating_add(1), || None);
        }
        let Some(place) = self.0.get_mut(which) else {
            return Ok(());
        };
        if place.is_none() {
            *place = look.open(shown)?.map(|file| Held { file, text: None });
        }
        let Some(held) = place else { return Ok(()) };
        if let Some(text) = held.text.take()
            && let Some(again) = look.rest(shown, &held.file, 1)?
        {
            look.same(shown, "an open file's text has changed", tail(&text), &again);
        }
        let size = look.known.length(shown).div_ceil(PIECES).max(SMALLEST);
        let begun = look.begin(shown);
        if let Some(text) = look.in_pieces(shown, &held.file, 0, size)? {
            look.text(shown, &begun, &text);
            held.text = Some(text);
        }
        Ok(())
    }

    fn lost(&mut self) {
        self.0.clear();
    }
}

/// Reads the first bytes one by one, then the rest, then all but the first byte again.
#[derive(Debug)]
pub(crate) struct Bytewise;

impl Mode for Bytewise {
    fn turn(&mut self, look: &mut Look<'_>, shown: &Shown, _: usize) -> Result<(), Lost> {
        let begun = look.begin(shown);
        let Some(file) = look.open(shown)? else { return Ok(()) };
        let mut text = Vec::new();
        while text.len() < SINGLE {
            let Some(byte) = look.piece(shown, &file, text.len(), 1)? else {
                return Ok(());
            };
            if byte.is_empty() {
                break;
            }
            text.extend(byte);
        }
        let Some(rest) = look.rest(shown, &file, text.len())? else {
            return Ok(());
        };
        text.extend(rest);
        look.text(shown, &begun, &text);
        if let Some(again) = look.rest(shown, &file, 1)? {
            look.same(shown, "a text read in pieces is of several", tail(&text), &again);
        }
        Ok(())
    }
}

/// All but the first byte: what can be read again without a new rendering.
fn tail(text: &[u8]) -> &[u8] {
    text.get(1..).unwrap_or_default()
}
