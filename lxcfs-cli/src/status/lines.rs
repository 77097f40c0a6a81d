//! The lines that are shown of a daemon and its containers, on a screen and in a pipe alike. Pure.

use std::time::Duration;

use lxcfs_fuse::status::Status;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};

use super::columns::Column;
use super::head;
use super::order::Sort;
use super::rows::Row;
use crate::figures::{count, per_mille, per_second, percent, time, wait};
use crate::name::visible;
use crate::screen::{self, Colours, Place, View, cut, cut_front, padded};

/// The width of labels, with the space after them.
const LABEL: usize = 12;

/// What is wrong, what it is, and how it is.
pub(super) fn of_daemon(before: Option<&Status>, now: &Status, colours: Colours) -> Vec<Line<'static>> {
    let wrong = head::wrong(before, now, env!("CARGO_PKG_VERSION"));
    let wrong = wrong.into_iter().map(|text| alarm(&text, colours));
    let title = Line::from(visible(&head::title(now))).style(Modifier::BOLD);
    let facts = head::facts(before, now);
    let facts = facts.into_iter().map(|(label, text)| labelled(label, text));
    wrong.chain([title]).chain(facts).collect()
}

/// Something that is wrong.
pub(super) fn alarm(text: &str, colours: Colours) -> Line<'static> {
    Line::from(format!("! {}", visible(text))).style(colours.style(Color::Red).add_modifier(Modifier::BOLD))
}

fn labelled(label: &str, text: String) -> Line<'static> {
    let label = Span::styled(format!("{label:<LABEL$}"), Modifier::DIM);
    Line::from(vec![label, Span::raw(text)])
}

/// The heads of the columns.
pub(super) fn heads(places: &[Place<Column>], view: &View<Sort>) -> Line<'static> {
    let spans = places.iter().flat_map(|place| {
        let column = place.column;
        let sorted = column.is_sorted_by(view.sort).then_some(view.reversed);
        screen::head(column.head(), sorted, place.width, column.is_text())
    });
    Line::from(spans.collect::<Vec<_>>())
}

/// A container in one line.
pub(super) fn of_row(row: &Row, places: &[Place<Column>], colours: Colours) -> Line<'static> {
    let mut spans = Vec::new();
    for place in places {
        if place.bar > 0 {
            let share = row.now.as_ref().map(|now| now.share);
            spans.extend(screen::bar(share, place.bar, colours.style(Color::Cyan)));
        }
        let space = usize::from(place.bar > 0);
        let width = place.width.saturating_sub(place.bar).saturating_sub(space);
        let text = place.column.text(row);
        let text = match place.column {
            // Runtimes and people tell containers apart by the ends of their names.
            Column::Name => cut_front(&text, width),
            _ => cut(&text, width),
        };
        let fails = row.now.as_ref().is_some_and(|now| now.errors > 0);
        let style = match place.column {
            Column::Errors if fails => colours.style(Color::Red),
            _ => Style::new(),
        };
        let text = padded(&text, width, place.column.is_text());
        spans.push(Span::styled(format!("{}{text} ", " ".repeat(space)), style));
    }
    Line::from(spans)
}

/// All about one container, but for its files.
pub(super) fn about(row: &Row) -> Vec<Line<'static>> {
    let container = &row.container;
    let waits = |latency: &lxcfs_fuse::status::Latency| {
        let within = |permille| latency.within_ns(permille).map_or_else(|| "-".to_owned(), wait);
        format!("P50 {}, P99 {}", within(500), within(990))
    };
    let mean = container.latency.sum_ns.checked_div(container.latency.count());
    let mean = mean.map_or_else(|| "-".to_owned(), wait);
    let now = row.now.as_ref();
    let rate = now.map_or_else(String::new, |now| {
        format!(", {}/s, {} of all", per_second(now.rate_milli), percent(now.share))
    });
    let new_errors = now.map_or_else(String::new, |now| format!(", {} now", count(now.errors)));
    let waits_now = now.map_or_else(String::new, |now| format!("{} now; ", waits(&now.latency)));
    let pid = container
        .pid
        .map_or_else(|| "none: no pid namespace of its own".to_owned(), |pid| pid.to_string());
    let facts = [
        ("container", row.name.clone()),
        ("cgroup", visible(&container.cgroup)),
        ("first pid", pid),
        ("met", format!("{} ago, asked {} ago", time(row.age), time(row.idle))),
        ("reads", format!("{}{rate}", count(container.all_reads()))),
        ("errors", format!("{}{new_errors}", count(container.errors))),
        (
            "waits",
            format!(
                "{waits_now}{} since it was met, {mean} on average",
                waits(&container.latency)
            ),
        ),
    ];
    facts.into_iter().map(|(label, text)| labelled(label, text)).collect()
}

/// The files that a container reads, below their heads.
pub(super) fn files(row: &Row, apart: Option<Duration>) -> Vec<Line<'static>> {
    let files = row.files(apart);
    let width = files.iter().map(|(path, ..)| path.chars().count()).max().unwrap_or(0);
    let width = width.max("proc/meminfo".len());
    let all = row.container.all_reads();
    let line =
        |path: &str, rate: &str, reads: &str, share: &str| format!("{path:<width$} {rate:>8} {reads:>8} {share:>6}");
    let heads = Line::from(line("FILE", "READS/S", "READS", "SHARE"));
    let files = files.into_iter().map(|(path, rate, reads)| {
        let rate = rate.map_or_else(|| "-".to_owned(), per_second);
        let share = percent(per_mille(reads.into(), all.into()));
        Line::from(line(&visible(path), &rate, &count(reads), &share))
    });
    [heads].into_iter().chain(files).collect()
}

/// Why there is no line.
pub(super) fn nothing(filter: &str) -> String {
    match filter {
        "" => "no container has read anything yet".to_owned(),
        filter => format!("no container has {filter:?} in its name, cgroup or pid"),
    }
}
