//! `lxcfs-cli list`: the virtual files.

use std::io::Write;

use comfy_table::{ContentArrangement, Table, presets};
use lxcfs_core::TABLE;
use serde_json::json;

use crate::args::List;
use crate::failure::Failure;

pub(crate) fn list(list: &List, out: &mut dyn Write) -> Result<(), Failure> {
    if list.json {
        let rows: Vec<_> = TABLE
            .iter()
            .map(|file| json!({ "path": file.path, "directory": file.is_directory(), "about": file.about }))
            .collect();
        return Ok(writeln!(out, "{:#}", json!(rows))?);
    }
    let mut table = table(["FILE", "WHAT IT TELLS"]);
    for file in TABLE {
        let slash = if file.is_directory() { "/" } else { "" };
        table.add_row([format!("{}{slash}", file.path), file.about.to_owned()]);
    }
    write_table(&table, out)
}

/// A table without lines, as wide as the terminal; in a pipe, each row is one line.
pub(crate) fn table<const COLUMNS: usize>(heads: [&str; COLUMNS]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(heads);
    if let Some((terminal_size::Width(width), _)) = terminal_size::terminal_size_of(std::io::stdout()) {
        table
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(width);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table
}

pub(crate) fn write_table(table: &Table, out: &mut dyn Write) -> Result<(), Failure> {
    for line in table.lines() {
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}
