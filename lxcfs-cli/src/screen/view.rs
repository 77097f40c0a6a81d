//! How a list is looked at: in which order, through which filter, from which line on, and whether it stands still.

use std::cmp::Ordering;

use super::keys::Asked;

/// How a list is looked at.
#[derive(Debug, Clone, Default)]
pub(crate) struct View<S> {
    pub(crate) sort: S,
    pub(crate) reversed: bool,
    pub(crate) filter: String,
    pub(crate) is_typing: bool,
    pub(crate) is_paused: bool,
    /// How many lines have been scrolled by.
    pub(crate) scrolled: usize,
}

impl<S> View<S> {
    pub(crate) fn new(sort: S, filter: &str) -> Self {
        Self {
            sort,
            reversed: false,
            filter: filter.to_owned(),
            is_typing: false,
            is_paused: false,
            scrolled: 0,
        }
    }

    pub(crate) fn apply(&mut self, asked: Asked<S>) {
        match asked {
            Asked::Sort(sort) => {
                self.sort = sort;
                self.reversed = false;
            }
            Asked::Reverse => self.reversed = !self.reversed,
            Asked::Pause => self.is_paused = !self.is_paused,
            Asked::Filter => self.is_typing = true,
            Asked::Letter(letter) => self.filter.push(letter),
            Asked::Erase => {
                self.filter.pop();
            }
            Asked::Done => self.is_typing = false,
            Asked::Clear => {
                self.filter.clear();
                self.is_typing = false;
            }
            Asked::Scroll(lines) => self.scrolled = moved(self.scrolled, lines),
            Asked::First => self.scrolled = 0,
            Asked::Last => self.scrolled = usize::MAX,
        }
    }

    /// Whether one of these texts has in it what was typed, whatever the case.
    pub(crate) fn lets_through(&self, texts: &[&str]) -> bool {
        let filter = self.filter.to_lowercase();
        texts.iter().any(|text| text.to_lowercase().contains(&filter))
    }

    /// An order, or the other way round.
    pub(crate) fn turned(&self, order: Ordering) -> Ordering {
        if self.reversed { order.reverse() } else { order }
    }

    /// Scrolls back to where there is something, on a screen of that height.
    pub(crate) fn stay_within(&mut self, total: usize, height: usize) {
        self.scrolled = self.scrolled.min(total.saturating_sub(height));
    }
}

/// A line that many lines further down, or up.
pub(crate) fn moved(line: usize, by: i32) -> usize {
    let lines = usize::try_from(by.unsigned_abs()).unwrap_or(usize::MAX);
    if by < 0 {
        line.saturating_sub(lines)
    } else {
        line.saturating_add(lines)
    }
}
