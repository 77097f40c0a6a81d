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
use std::thread;

use lxcfs_fuse::status::Status;
use ratatui::text::Line;

use crate::args;
use crate::failure::Failure;
use crate::screen::{Colours, View, live};
use model::Model;
use whom::Whom;

pub(crate) use order::Sort;

pub(crate) fn status(args: &args::Status, out: &mut dyn Write) -> Result<(), Failure> {
    let whom = args.pid.map(|process| Whom::of(process.pid())).transpose()?;
    let pidfile = args.pidfile.clone();
    let ask = move || {
        let mut status = lxcfs_fuse::daemon::status(&pidfile)?;
        if let Some(whom) = &whom {
            whom.only(&mut status)?;
        }
        Ok(status)
    };
    let first = ask()?;
    match (args.watch, args.json) {
        (true, false) => watch(args, first, ask),
        (true, true) => watch_as_json(args, first, ask, out),
        (false, _) => {
            thread::sleep(args.interval);
            once(args, &first, &ask()?, out)
        }
    }
}

fn once(args: &args::Status, before: &Status, now: &Status, out: &mut dyn Write) -> Result<(), Failure> {
    if args.json {
        return Ok(writeln!(out, "{:#}", json::object(Some(before), now)?)?);
    }
    let rows = rows::rows(Some(before), now);
    let colours = Colours(false);
    let mut lines = lines::of_daemon(Some(before), now, colours);
    lines.push(Line::default());
    if let (Some(_), [row]) = (args.pid, rows.as_slice()) {
        lines.extend(lines::about(row));
        lines.push(Line::default());
        lines.extend(lines::files(row, rows::apart(Some(before), now)));
    } else {
        let view = View::new(args.sort, &args.filter);
        let shown = order::shown(&rows, &view);
        let width = terminal_size::terminal_size_of(std::io::stdout()).map(|(width, _)| width.0.into());
        let places = columns::places(width, &shown);
        if shown.is_empty() {
            lines.push(Line::from(lines::nothing(&args.filter)));
        } else {
            lines.push(lines::heads(&places, &view));
        }
        lines.extend(shown.iter().map(|row| lines::of_row(row, &places, colours)));
    }
    for line in lines {
        writeln!(out, "{}", line.to_string().trim_end())?;
    }
    Ok(())
}

fn watch(
    args: &args::Status,
    first: Status,
    ask: impl Fn() -> Result<Status, Failure> + Send + 'static,
) -> Result<(), Failure> {
    if !std::io::stdout().is_terminal() {
        return Err(Failure::NoTerminal);
    }
    let mut model = Model::new(first, View::new(args.sort, &args.filter));
    let interval = args.interval;
    live(&mut model, interval, move |tell| {
        // A daemon that is being replaced answers again in a moment.
        while {
            thread::sleep(interval);
            tell(Ok(ask().map_err(|failure| failure.to_string())))
        } {}
    })
}

fn watch_as_json(
    args: &args::Status,
    mut before: Status,
    ask: impl Fn() -> Result<Status, Failure>,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    loop {
        thread::sleep(args.interval);
        let now = ask()?;
        writeln!(out, "{}", json::object(Some(&before), &now)?)?;
        out.flush()?;
        before = now;
    }
}
