//! The screen: a title, the host, a line for each container, and what keys do.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};

use super::columns::{Column, Place, cut, places};
use super::model::{Model, Row};

const KEYS: &str = "q quit  / filter  space pause  sort: n p m c l u t  r reverse  ↑↓ scroll";

/// Whether colours are wanted: <https://no-color.org>.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Colours(pub(super) bool);

pub(super) fn draw(frame: &mut Frame<'_>, model: &mut Model, colours: Colours) {
    let area = frame.area();
    // Title, heads, host, keys.
    let height = usize::from(area.height).saturating_sub(4);
    let (page, total) = model.page(height);
    // All rows decide about widths, so that they stay while one scrolls.
    let all: Vec<Row> = model.shown().into_iter().chain(&model.host).cloned().collect();
    let places = places(area.width.into(), &all);
    let last = page.len().saturating_add(model.scrolled);
    let mut lines = vec![title(model, (model.scrolled, last, total)), heads(&places, model)];
    lines.extend(
        model
            .host
            .iter()
            .map(|host| line(host, &places, colours).style(Modifier::BOLD)),
    );
    lines.extend(page.iter().map(|row| line(row, &places, colours)));
    if let Some(why) = nothing(model, total) {
        lines.push(Line::from(why).style(Modifier::DIM));
    }
    for (line, y) in lines.into_iter().zip(area.y..area.bottom().saturating_sub(1)) {
        frame.render_widget(line, Rect::new(area.x, y, area.width, 1));
    }
    if area.height > 0 {
        let below = Rect::new(area.x, area.bottom().saturating_sub(1), area.width, 1);
        frame.render_widget(bottom(model), below);
    }
}

fn title(model: &Model, (first, last, total): (usize, usize, usize)) -> Line<'static> {
    let count = model.count();
    let mut text = match count {
        1 => "lxcfs-cli top   1 container".to_owned(),
        _ => format!("lxcfs-cli top   {count} containers"),
    };
    if last.saturating_sub(first) < total {
        text.push_str(&format!("   lines {}-{last} of {total}", first.saturating_add(1)));
    }
    let mut line = Line::from(text).style(Modifier::BOLD);
    let mut warn = |text: String| line.push_span(Span::styled(text, Style::new().fg(Color::Yellow)));
    if model.is_paused {
        warn("   paused".to_owned());
    }
    if let Some(path) = &model.waits_for {
        warn(format!("   waits for {}", path.display()));
    }
    if model.look.secret > 0 {
        warn(format!(
            "   {} processes may not be looked at: run as root",
            model.look.secret
        ));
    }
    if let Some(place) = model.look.left_alone.first() {
        warn(format!(
            "   not read, because a FUSE file system stands there: {}",
            place.display()
        ));
    }
    line
}

fn heads(places: &[Place], model: &Model) -> Line<'static> {
    let mut spans = Vec::new();
    for place in places {
        let head = place.column.head();
        let is_sorted = place.column.is_sorted_by(model.sort);
        let head = match (is_sorted, model.reversed) {
            (true, false) => format!("{head}▼"),
            (true, true) => format!("{head}▲"),
            _ => head.to_owned(),
        };
        let head = cut(&head, place.width);
        let style = if is_sorted { Modifier::BOLD.into() } else { Style::new() };
        spans.push(Span::styled(padded(&head, place.width, place.column.is_text()), style));
        spans.push(Span::raw(" "));
    }
    Line::from(spans).style(Modifier::REVERSED)
}

fn line(row: &Row, places: &[Place], colours: Colours) -> Line<'static> {
    let mut spans = Vec::new();
    for place in places {
        if place.bar > 0 {
            spans.extend(bar(place.column.fullness(row), place.bar, colours));
        }
        let space = usize::from(place.bar > 0);
        let width = place.width.saturating_sub(place.bar).saturating_sub(space);
        let text = match place.column {
            Column::Name if row.has_ended => format!("{} ended", cut(&row.facts.name, width.saturating_sub(6))),
            column => column.text(row),
        };
        let text = padded(&cut(&text, width), width, place.column.is_text());
        spans.push(Span::raw(format!("{}{text} ", " ".repeat(space))));
    }
    let style = if row.has_ended {
        Modifier::DIM.into()
    } else {
        Style::new()
    };
    Line::from(spans).style(style)
}

/// `[||||      ]`, in the colour of how full it is.
fn bar(per_mille: Option<u64>, width: usize, colours: Colours) -> [Span<'static>; 3] {
    let inside = width.saturating_sub(2);
    let share = per_mille.unwrap_or(0).min(1000);
    let long = u64::try_from(inside).unwrap_or(u64::MAX).saturating_mul(share);
    // Full is only what is; what is not nothing is seen.
    let full = usize::try_from(long / 1000).unwrap_or(inside);
    let full = if share >= 10 { full.max(1).min(inside) } else { full };
    let colour = match share {
        0..600 => Color::Green,
        600..850 => Color::Yellow,
        _ => Color::Red,
    };
    let style = if colours.0 {
        Style::new().fg(colour)
    } else {
        Style::new()
    };
    let filling = format!("{}{}", "|".repeat(full), " ".repeat(inside.saturating_sub(full)));
    [Span::raw("["), Span::styled(filling, style), Span::raw("]")]
}

/// Why there is no line.
fn nothing(model: &Model, total: usize) -> Option<String> {
    match (model.host.is_some(), total, model.filter.as_str()) {
        (_, 1.., _) => None,
        (false, ..) => Some("looking …".to_owned()),
        (true, _, "") => Some("no containers: no process is in a pid namespace other than ours".to_owned()),
        (true, _, filter) => Some(format!(
            "no container has {filter:?} in its name, host name, command or pid"
        )),
    }
}

fn bottom(model: &Model) -> Line<'static> {
    let filter = &model.filter;
    if model.is_typing {
        return Line::from(format!("filter: {filter}▏  Enter keeps it, Esc drops it"));
    }
    let keys = Span::styled(KEYS, Modifier::DIM);
    if filter.is_empty() {
        return Line::from(keys);
    }
    Line::from(vec![
        Span::styled(format!("filter: {filter} (Esc drops it)  "), Modifier::BOLD),
        keys,
    ])
}

fn padded(text: &str, width: usize, is_text: bool) -> String {
    if is_text {
        format!("{text:<width$}")
    } else {
        format!("{text:>width$}")
    }
}

#[cfg(test)]
mod tests;
