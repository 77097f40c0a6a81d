//! `lxcfs-cli status`: what a daemon does, and for whom.

mod columns;
mod draw;
#[cfg(test)]
mod example;
mod head;
mod json;
mod lines;
mod model;
mod order;
mod rows;
mod whom;

use std::io::{IsTerminal as _, Write};
use std::path::Path;
use std::thread;

use lxcfs_fuse::status::Status;
use ratatui::text::Line;

use crate::args;
use crate::failure::Failure;
use crate::screen::{Colours, View, live};
use model::Model;
use rows::Row;
use whom::Whom;

pub(crate) use order::Sort;

pub(crate) fn status(args: &args::Status, out: &mut dyn Write) -> Result<(), Failure> {
    let whom = args.pid.map(|process| Whom::of(process.pid())).transpose()?;
    let first = ask(&args.pidfile)?;
    match (args.watch, args.json) {
        (true, false) => watch(args, first, whom),
        (true, true) => watch_as_json(args, first, whom.as_ref(), out),
        (false, _) => {
            thread::sleep(args.interval);
            let now = ask(&args.pidfile)?;
            once(args, &first, &now, whom.as_ref(), out)
        }
    }
}

fn ask(pidfile: &Path) -> Result<Status, Failure> {
    Ok(lxcfs_fuse::daemon::status(pidfile)?)
}

fn once(
    args: &args::Status,
    before: &Status,
    now: &Status,
    whom: Option<&Whom>,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    if args.json {
        return Ok(writeln!(out, "{:#}", json::object(Some(before), now, whom)?)?);
    }
    let mut rows = rows::rows(Some(before), now);
    let colours = Colours(false);
    let mut lines = lines::of_daemon(Some(before), now, colours);
    lines.push(Line::default());
    if let Some(whom) = whom {
        whom.only(&mut rows)?;
        for row in &rows {
            lines.extend(lines::about(row));
            lines.push(Line::default());
            lines.extend(lines::files(row, rows::apart(Some(before), now)));
        }
    } else {
        lines.extend(table(args, &rows));
    }
    for line in lines {
        writeln!(out, "{}", line.to_string().trim_end())?;
    }
    Ok(())
}

/// A line for each container, as wide as the terminal; in a pipe, as wide as they are.
fn table(args: &args::Status, rows: &[Row]) -> Vec<Line<'static>> {
    let view = View::new(args.sort, &args.filter);
    let shown = order::shown(rows, &view);
    if shown.is_empty() {
        return vec![Line::from(lines::nothing(&args.filter))];
    }
    let width = terminal_size::terminal_size_of(std::io::stdout()).map(|(width, _)| width.0.into());
    let places = columns::places(width, &shown);
    let heads = lines::heads(&places, &view);
    let rows = shown.iter().map(|row| lines::of_row(row, &places, Colours(false)));
    [heads].into_iter().chain(rows).collect()
}

fn watch(args: &args::Status, first: Status, whom: Option<Whom>) -> Result<(), Failure> {
    if !std::io::stdout().is_terminal() {
        return Err(Failure::NoTerminal);
    }
    let mut model = Model::new(first, View::new(args.sort, &args.filter), whom);
    let (interval, pidfile) = (args.interval, args.pidfile.clone());
    live(&mut model, interval, move |tell| {
        // A daemon that is being replaced answers again in a moment.
        while {
            thread::sleep(interval);
            tell(Ok(ask(&pidfile).map_err(|failure| failure.to_string())))
        } {}
    })
}

fn watch_as_json(
    args: &args::Status,
    mut before: Status,
    whom: Option<&Whom>,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    loop {
        thread::sleep(args.interval);
        let now = ask(&args.pidfile)?;
        writeln!(out, "{}", json::object(Some(&before), &now, whom)?)?;
        out.flush()?;
        before = now;
    }
}
