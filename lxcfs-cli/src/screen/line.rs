//! The parts of a line: texts of some width, bars, heads of columns, and what keys do.

use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};

/// Whether colours are wanted: <https://no-color.org>.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Colours(pub(crate) bool);

impl Colours {
    pub(crate) fn of_environment() -> Self {
        Self(std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()))
    }

    /// That colour, if any are wanted.
    pub(crate) fn style(self, colour: Color) -> Style {
        if self.0 { Style::new().fg(colour) } else { Style::new() }
    }
}

/// `[||||      ]`.
pub(crate) fn bar(per_mille: Option<u64>, width: usize, style: Style) -> [Span<'static>; 3] {
    let inside = width.saturating_sub(2);
    let share = per_mille.unwrap_or(0).min(1000);
    let long = u64::try_from(inside).unwrap_or(u64::MAX).saturating_mul(share);
    // Full is only what is; what is not nothing is seen.
    let full = usize::try_from(long / 1000).unwrap_or(inside);
    let full = if share >= 10 { full.max(1).min(inside) } else { full };
    let filling = format!("{}{}", "|".repeat(full), " ".repeat(inside.saturating_sub(full)));
    [Span::raw("["), Span::styled(filling, style), Span::raw("]")]
}

/// The head of a column, with the order of the lines if it is the one that they are sorted by: whether it is turned around.
pub(crate) fn head(text: &str, sorted: Option<bool>, width: usize, is_text: bool) -> [Span<'static>; 2] {
    let (text, style) = match sorted {
        Some(false) => (format!("{text}▼"), Modifier::BOLD.into()),
        Some(true) => (format!("{text}▲"), Modifier::BOLD.into()),
        None => (text.to_owned(), Style::new()),
    };
    let text = padded(&cut(&text, width), width, is_text);
    [Span::styled(text, style), Span::raw(" ")]
}

/// What keys do, after the filter, if there is one.
pub(crate) fn bottom(filter: &str, is_typing: bool, keys: &'static str) -> Line<'static> {
    if is_typing {
        return Line::from(format!("filter: {filter}▏  Enter keeps it, Esc drops it"));
    }
    let keys = Span::styled(keys, Modifier::DIM);
    if filter.is_empty() {
        return Line::from(keys);
    }
    Line::from(vec![
        Span::styled(format!("filter: {filter} (Esc drops it)  "), Modifier::BOLD),
        keys,
    ])
}

/// A text cut to a width, with `…` where something is missing.
pub(crate) fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept = text.chars().take(width.saturating_sub(1));
    kept.chain((width > 0).then_some('…')).collect()
}

/// The same where the end of the text tells most.
pub(crate) fn cut_front(text: &str, width: usize) -> String {
    let missing = text.chars().count().saturating_sub(width);
    if missing == 0 {
        return text.to_owned();
    }
    let kept = text.chars().skip(missing.saturating_add(1));
    (width > 0).then_some('…').into_iter().chain(kept).collect()
}

/// A text at the left of its column, a number at the right.
pub(crate) fn padded(text: &str, width: usize, is_text: bool) -> String {
    if is_text {
        format!("{text:<width$}")
    } else {
        format!("{text:>width$}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_text_says_so() {
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("äbcd", 3), "äb…");
        assert_eq!(cut("abc", 0), "");
        assert_eq!(cut_front("abc", 3), "abc");
        assert_eq!(cut_front("abcä", 3), "…cä");
        assert_eq!(cut_front("abc", 0), "");
    }

    #[test]
    fn bars_show_what_is_not_nothing_and_never_more_than_all() {
        let filled = |per_mille| bar(per_mille, 12, Style::new())[1].content.matches('|').count();
        assert_eq!(
            [None, Some(0), Some(10), Some(500), Some(949), Some(1000), Some(5000)].map(filled),
            [0, 0, 1, 5, 9, 10, 10]
        );
    }
}
