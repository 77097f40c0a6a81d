//! Tables for people; they are valid Markdown.

use comfy_table::{CellAlignment, Table, presets};

use super::{BASES, Ratios, conditions, say};
use crate::args::{Args, Mode};
use crate::failure::Failure;
use crate::measure::{Cell, Combination, Round};
use crate::statistics::Spread;

/// Says what was measured, and how the candidates compare.
pub(crate) fn print(args: &Args, combinations: &[Combination]) -> Result<(), Failure> {
    for mode in &args.mode {
        for readers in &args.readers {
            let these: Vec<_> = combinations
                .iter()
                .filter(|one| one.mode == *mode && one.readers == *readers)
                .collect();
            print_one(args, *mode, *readers, &these)?;
        }
    }
    for combination in combinations {
        for cell in &combination.cells {
            remarks(combination, cell)?;
        }
    }
    Ok(())
}

fn print_one(args: &Args, mode: Mode, readers: usize, these: &[&Combination]) -> Result<(), Failure> {
    let turns = args
        .turns
        .map(|reads| format!(", {reads} reads by turns"))
        .unwrap_or_default();
    say(&format_args!(
        "\n{} by {readers} readers in {}{turns}",
        mode.name(),
        conditions(args)
    ))?;
    let header = [
        "file",
        "candidate",
        "reads/s",
        "p50 us",
        "p99 us",
        "CPU us/read",
        "wakeups/read",
        "syscalls/read",
        "RSS KiB",
    ];
    let mut measured = table(&header);
    for (combination, cell) in cells(these) {
        let of = |value: fn(&Round) -> Option<f64>| Spread::of(cell.rounds.iter().filter_map(value));
        measured.add_row([
            combination.file.clone(),
            cell.candidate.clone(),
            digits(of(|round| Some(round.reads_per_s)), 0),
            digits(of(|round| Some(round.p50_us)), 1),
            digits(of(|round| Some(round.p99_us)), 1),
            digits(of(|round| round.cpu_us_per_read), 1),
            digits(of(|round| round.wakeups_per_read), 2),
            cell.syscalls_per_read.map_or_else(none, |calls| format!("{calls:.1}")),
            cell.held.map_or_else(none, |held| held.rss_kib.to_string()),
        ]);
    }
    say(&measured)?;
    for base in BASES {
        let mut compared = table(&["file", "candidate", "reads/s", "p50", "p99", "CPU/read"]);
        for (combination, cell) in cells(these) {
            if let Some(ratios) = Ratios::of(cell, base, combination) {
                compared.add_row([
                    combination.file.clone(),
                    cell.candidate.clone(),
                    spread(ratios.reads_per_s),
                    spread(ratios.p50),
                    spread(ratios.p99),
                    spread(ratios.cpu_per_read),
                ]);
            }
        }
        if !compared.is_empty() {
            say(&format_args!(
                "\nin relation to {base}, median [quartiles] over the rounds"
            ))?;
            say(&compared)?;
        }
    }
    Ok(())
}

fn cells<'a>(these: &[&'a Combination]) -> impl Iterator<Item = (&'a Combination, &'a Cell)> {
    these.iter().flat_map(|one| one.cells.iter().map(|cell| (*one, cell)))
}

/// What one has to know to believe a number, or not.
fn remarks(combination: &Combination, cell: &Cell) -> Result<(), Failure> {
    let who = format!(
        "{} {} {} {}",
        cell.candidate,
        combination.file,
        combination.mode.name(),
        combination.readers
    );
    for (what, count) in &cell.failures {
        say(&format_args!("{who}: failed {count} times: {what}"))?;
    }
    let throttled: u64 = cell.rounds.iter().map(|round| round.throttled_periods).sum();
    if throttled > 0 {
        say(&format_args!(
            "{who}: the readers themselves were held back by their CPU quota in {throttled} periods"
        ))?;
    }
    Ok(())
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_header(header);
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn digits(spread: Option<Spread>, digits: usize) -> String {
    spread.map_or_else(none, |spread| format!("{:.digits$}", spread.median))
}

fn spread(spread: Option<Spread>) -> String {
    spread.map_or_else(none, |Spread { q1, median, q3 }| {
        format!("{median:.2} [{q1:.2}-{q3:.2}]")
    })
}

fn none() -> String {
    "-".to_owned()
}
