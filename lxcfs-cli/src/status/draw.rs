//! The screen: what is wrong, how the daemon is, a line for each container, the files of the selected one, and what keys do.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier};
use ratatui::text::{Line, Span};

use super::columns::places;
use super::lines::{alarm, files, heads, nothing, of_daemon, of_row};
use super::model::{Look, Model};
use super::order::Sort;
use super::rows::apart;
use crate::name::visible;
use crate::screen::{Asked, Colours, Screen, bottom};

const KEYS: &str = "q quit  ↑↓ files  / filter  space pause  sort: n p s t e l i  r reverse";

impl Screen for Model {
    type Look = Look;
    type Sort = Sort;

    fn take(&mut self, look: Look) {
        self.take(look);
    }

    fn is_late(&mut self) {
        self.is_late();
    }

    fn apply(&mut self, asked: Asked<Sort>) {
        self.apply(asked);
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
    // Without the keys.
    let height = usize::from(area.height).saturating_sub(1);
    let mut lines = top(model, height, colours);
    let below = pane(model, height.saturating_sub(lines.len()) / 2);
    // Less the heads.
    let room = height
        .saturating_sub(lines.len())
        .saturating_sub(below.len())
        .saturating_sub(1);
    let (page, selected) = model.page(room);
    let shown = model.shown();
    // All rows decide about widths, so that they stay while one scrolls.
    let places = places(Some(area.width.into()), &shown);
    lines.push(heads(&places, &model.view).style(Modifier::REVERSED));
    if shown.is_empty() {
        lines.push(Line::from(nothing(&model.view.filter)).style(Modifier::DIM));
    }
    for (at, row) in page.iter().enumerate() {
        let line = of_row(row, &places, colours);
        lines.push(if selected == Some(at) {
            line.style(Modifier::REVERSED)
        } else {
            line
        });
    }
    lines.resize(lines.len().max(height.saturating_sub(below.len())), Line::default());
    lines.extend(below);
    for (line, y) in lines.into_iter().zip(area.y..area.bottom().saturating_sub(1)) {
        frame.render_widget(line, Rect::new(area.x, y, area.width, 1));
    }
    if area.height > 0 {
        let last = Rect::new(area.x, area.bottom().saturating_sub(1), area.width, 1);
        let view = &model.view;
        frame.render_widget(bottom(&view.filter, view.is_typing, KEYS), last);
    }
}

/// What is wrong and how the daemon is; less of it where there is little room.
fn top(model: &Model, height: usize, colours: Colours) -> Vec<Line<'static>> {
    // With some of its files, if one is selected.
    let room_for_containers = if model.selected().is_some() { 14 } else { 6 };
    let mut lines: Vec<Line<'static>> = model.no_answer.iter().map(|why| alarm(why, colours)).collect();
    lines.extend(of_daemon(model.before.as_ref(), &model.now, colours));
    if model.view.is_paused
        && let Some(first) = lines.first_mut()
    {
        first.push_span(Span::styled("   paused", colours.style(Color::Yellow)));
    }
    lines.truncate(height.saturating_sub(room_for_containers).max(1));
    lines
}

/// The files of the selected container, on that many lines at most.
fn pane(model: &Model, height: usize) -> Vec<Line<'static>> {
    let Some(row) = model.selected() else {
        return Vec::new();
    };
    let title = Line::from(format!("{}   {}", row.name, visible(&row.container.cgroup))).style(Modifier::BOLD);
    let files = files(&row, apart(model.before.as_ref(), &model.now));
    let mut lines: Vec<Line<'static>> = [Line::default(), title].into_iter().chain(files).collect();
    let missing = lines.len().saturating_sub(height);
    if missing > 0 {
        lines.truncate(height.saturating_sub(1));
        let missing = missing.saturating_add(1);
        lines.extend((height > 0).then(|| Line::from(format!("… {missing} more lines")).style(Modifier::DIM)));
    }
    lines
}

#[cfg(test)]
mod tests {
    use lxcfs_fuse::status::Status;

    use super::super::example::{container, status};
    use super::*;
    use crate::screen::{View, drawn};

    fn look(at_secs: u64) -> Status {
        let mut busy = container(4711, 0, &[("proc/meminfo", 800 * at_secs), ("proc/stat", 12 * at_secs)]);
        busy.cgroup = format!("/docker/{}", "0123456789abcdef".repeat(4));
        busy.asked_at_ms = at_secs * 1000;
        let mut status = status(at_secs * 1000, vec![container(77, 0, &[("proc/stat", 40)]), busy]);
        status.counts.renderings = 812 * at_secs;
        status.counts.coalesced = 203 * at_secs;
        status.counts.containers_met = 2;
        status
    }

    fn two_looks() -> Model {
        let mut model = Model::new(look(60), View::new(Sort::Rate, ""), None);
        model.take(Ok(look(61)));
        model
    }

    #[test]
    fn a_screen_of_eighty_columns() {
        assert_eq!(
            drawn(&mut two_looks(), 80, 13),
            "\
lxcfs 0.1.0 at /var/lib/lxcfs, mounted 1m01s ago
keeper      process 4711, for 1m01s
worker      process 4712, for 1m01s, serves; 1 started, 0 died
reads       49532, 812/s; 25% coalesced, 0 retries, 0 last good
errors      0, 0/s; 0 late, 0 panics
containers  2; 2 met, 0 gone
CONTAINER             PID        READS/S▼   P50   P99  READS ERRORS MOST READ
docker 0123456789ab  4711 [||||]      812  12µs  12µs  49532      0 meminfo 98%
lxc ct77               77 [    ]        0     -     -     40      0 stat 100%



q quit  ↑↓ files  / filter  space pause  sort: n p s t e l i  r reverse
"
        );
    }

    #[test]
    fn the_selected_container_shows_its_files() {
        let mut model = two_looks();
        model.apply(Asked::First);
        let text = drawn(&mut model, 80, 20);
        let line = text.lines().find(|line| line.starts_with("proc/meminfo")).unwrap();
        assert_eq!(
            line.split_whitespace().collect::<Vec<_>>(),
            ["proc/meminfo", "800", "48800", "98%"]
        );
        assert!(text.contains("/docker/0123456789abcdef0123456789abcdef"), "{text}");
    }

    #[test]
    fn where_there_is_little_room_the_files_are_seen_and_not_the_daemon() {
        let mut model = two_looks();
        model.apply(Asked::First);
        let text = drawn(&mut model, 60, 12);
        assert!(text.starts_with("lxcfs ") && !text.contains("keeper"), "{text}");
        assert!(text.contains("proc/meminfo") && text.contains("lxc ct77"), "{text}");
    }

    #[test]
    fn what_is_wrong_is_the_first_line() {
        let mut model = two_looks();
        let mut now = look(62);
        now.worker = None;
        model.take(Ok(now));
        assert!(drawn(&mut model, 80, 12).starts_with("! nobody serves at the moment: readers wait\n"));
        model.take(Err("control socket /run/x: gone".to_owned()));
        assert!(drawn(&mut model, 80, 12).starts_with("! control socket /run/x: gone\n"));
    }

    #[test]
    fn why_there_is_no_line_is_said() {
        let mut model = Model::new(status(1000, vec![]), View::new(Sort::Rate, ""), None);
        assert!(drawn(&mut model, 80, 12).contains("no container has read anything yet"));
        model.view.filter = "web".to_owned();
        assert!(drawn(&mut model, 80, 12).contains("no container has \"web\""));
    }

    #[test]
    fn no_size_is_too_small() {
        for (width, height) in [(1, 1), (2, 3), (10, 2), (200, 1), (5, 50), (40, 9)] {
            let mut model = two_looks();
            model.apply(Asked::Last);
            let text = drawn(&mut model, width, height);
            assert_eq!(text.lines().count(), usize::from(height));
        }
    }
}
