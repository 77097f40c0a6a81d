//! A list on a terminal that is drawn again and again: what all such screens of this tool have in common.
//!
//! Looks, keys and signals come in; the list says what they change, and is drawn. `top` and `status --watch` are such lists.

#[cfg(test)]
mod drawn;
mod keys;
mod line;
mod live;
mod places;
mod view;

#[cfg(test)]
pub(crate) use drawn::drawn;
pub(crate) use keys::{Asked, Order};
pub(crate) use line::{Colours, bar, bottom, cut, cut_front, head, padded};
pub(crate) use live::live;
pub(crate) use places::{Bar, Place, Wanted, places};
pub(crate) use view::{View, moved};

use ratatui::Frame;

/// What is shown.
pub(crate) trait Screen {
    /// What is looked at, again and again.
    type Look: Send + 'static;
    /// What the lines can be sorted by.
    type Sort: Order;

    /// Takes a look into account.
    fn take(&mut self, look: Self::Look);

    /// The next look takes longer than it should.
    fn is_late(&mut self);

    /// Does what a key asks for.
    fn apply(&mut self, asked: Asked<Self::Sort>);

    /// Whether letters are typed into the filter.
    fn is_typing(&self) -> bool;

    fn draw(&mut self, frame: &mut Frame<'_>, colours: Colours);
}
