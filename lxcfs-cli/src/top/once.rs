//! One table and no screen: for scripts, and where the standard output is no terminal.

use std::io::Write;

use comfy_table::CellAlignment;

use super::columns::{ALL, Column};
use super::model::{Model, Row};
use crate::failure::Failure;
use crate::list::{table, write_table};

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
