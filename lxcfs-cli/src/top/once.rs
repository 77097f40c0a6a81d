//! One table and no screen: for scripts, and where the standard output is no terminal.

use std::io::Write;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;

use comfy_table::CellAlignment;

use super::collect::Collector;
use super::columns::{ALL, Column};
use super::model::{Model, Row};
use crate::args::Top;
use crate::failure::Failure;
use crate::list::{table, write_table};

/// How long the kernel may take to answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// Takes two looks: how busy a CPU is, only two tell.
///
/// The kernel is asked from another thread: if it does not answer, we can say what it was asked.
pub(super) fn look_twice(top: &Top, mut collector: Collector, model: &mut Model) -> Result<(), Failure> {
    let reading = collector.reading();
    let (sender, looks) = sync_channel(2);
    let interval = top.interval;
    thread::Builder::new().spawn(move || {
        // Who no longer wants to know has said why.
        if sender.send(collector.look()).is_ok() {
            thread::sleep(interval);
            let _ = sender.send(collector.look());
        }
    })?;
    for _ in 0..2 {
        let patience = interval.saturating_add(PATIENCE);
        let look = looks.recv_timeout(patience).map_err(|_| Failure::NoAnswer {
            path: reading.last(),
            seconds: PATIENCE.as_secs(),
        })?;
        model.take(look?);
    }
    Ok(())
}

pub(super) fn print(model: &Model, out: &mut dyn Write) -> Result<(), Failure> {
    let mut lines = table(ALL.map(Column::head));
    let cell = |row: &Row, column: Column| match column {
        Column::HostName if row.facts.hostname.is_none() => "-".to_owned(),
        Column::Pid if row.facts.init.is_none() => "-".to_owned(),
        _ => column.text(row),
    };
    let shown = model.shown();
    for row in model.host.iter().chain(shown.into_iter().filter(|row| !row.has_ended)) {
        lines.add_row(ALL.map(|column| cell(row, column)));
    }
    for (column, of_table) in ALL.into_iter().zip(lines.column_iter_mut()) {
        if !column.is_text() {
            of_table.set_cell_alignment(CellAlignment::Right);
        }
    }
    write_table(&lines, out)
}
