//! The screen: a title, the host, a line for each container, and what keys do.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};

use super::collect::Look;
use super::columns::{Column, places};
use super::model::{Model, Row, Sort};
use crate::screen::{Asked, Colours, Place, Screen, bar, bottom, cut, head, padded};

const KEYS: &str = "q quit  / filter  space pause  sort: n p m c l u t  r reverse  ↑↓ scroll";

impl Screen for Model {
    type Look = Look;
    type Sort = Sort;

    fn take(&mut self, look: Look) {
        self.take(look);
    }

    fn is_late(&mut self) {
        self.waits_for = Some(self.reading.last());
    }

    fn apply(&mut self, asked: Asked<Sort>) {
        self.view.apply(asked);
    }

    fn is_typing(&self) -> bool {
        self.view.is_typing
    }

    fn draw(&mut self, frame: &mut Frame<'_>, colours: Colours) {
        draw(frame, self, colours);
    }
}

fn draw(frame: &mut Frame<'_>, model: &mut Model, colours: Colours) {
    let area = frame.area();
    // Title, heads, host, keys.
    let height = usize::from(area.height).saturating_sub(4);
    let (page, total) = model.page(height);
    // All rows decide about widths, so that they stay while one scrolls.
    let all: Vec<Row> = model.shown().into_iter().chain(&model.host).cloned().collect();
    let places = places(area.width.into(), &all);
    let last = page.len().saturating_add(model.view.scrolled);
    let mut lines = vec![title(model, (model.view.scrolled, last, total)), heads(&places, model)];
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
        let view = &model.view;
        frame.render_widget(bottom(&view.filter, view.is_typing, KEYS), below);
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
    if model.view.is_paused {
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

fn heads(places: &[Place<Column>], model: &Model) -> Line<'static> {
    let spans = places.iter().flat_map(|place| {
        let column = place.column;
        let sorted = column.is_sorted_by(model.view.sort).then_some(model.view.reversed);
        head(column.head(), sorted, place.width, column.is_text())
    });
    Line::from(spans.collect::<Vec<_>>()).style(Modifier::REVERSED)
}

fn line(row: &Row, places: &[Place<Column>], colours: Colours) -> Line<'static> {
    let mut spans = Vec::new();
    for place in places {
        if place.bar > 0 {
            let share = place.column.fullness(row);
            spans.extend(bar(share, place.bar, colours.style(colour(share))));
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

/// The colour of how full something is.
fn colour(per_mille: Option<u64>) -> Color {
    match per_mille.unwrap_or(0) {
        0..600 => Color::Green,
        600..850 => Color::Yellow,
        _ => Color::Red,
    }
}

/// Why there is no line.
fn nothing(model: &Model, total: usize) -> Option<String> {
    match (model.host.is_some(), total, model.view.filter.as_str()) {
        (_, 1.., _) => None,
        (false, ..) => Some("looking …".to_owned()),
        (true, _, "") => Some("no containers: no process is in a pid namespace other than ours".to_owned()),
        (true, _, filter) => Some(format!(
            "no container has {filter:?} in its name, host name, command or pid"
        )),
    }
}

#[cfg(test)]
mod tests;
