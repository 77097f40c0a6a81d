//! What is said about the results, for people and for programs.

mod json;
mod table;

use std::fmt::Display;
use std::io::Write as _;

use serde::Serialize;

use crate::args::Args;
use crate::candidate::{LXCFS, NULL};
use crate::failure::{Doing as _, Failure};
use crate::measure::{Cell, Combination, Round};
use crate::statistics::Spread;
pub(crate) use json::{with_ratios, write_json};
pub(crate) use table::print;

/// Those that all others are compared with, if they are there.
const BASES: [&str; 2] = [NULL, LXCFS];

/// Says a line.
pub(crate) fn say(what: &dyn Display) -> Result<(), Failure> {
    writeln!(std::io::stdout(), "{what}").doing("cannot write to standard output")
}

/// One candidate in relation to another, by what was measured in the same round.
#[derive(Debug, Serialize)]
pub(crate) struct Ratios {
    base: &'static str,
    reads_per_s: Option<Spread>,
    p50: Option<Spread>,
    p99: Option<Spread>,
    cpu_per_read: Option<Spread>,
}

impl Ratios {
    /// `None` if the base is not there, or is the candidate itself.
    fn of(cell: &Cell, base: &'static str, combination: &Combination) -> Option<Self> {
        let other = combination.cells.iter().find(|other| other.candidate == base)?;
        let ratio = |value: fn(&Round) -> Option<f64>| {
            let pairs = cell.rounds.iter().zip(&other.rounds);
            Spread::of_ratios(pairs.filter_map(|(round, base)| value(round).zip(value(base))))
        };
        (cell.candidate != base).then(|| Self {
            base,
            reads_per_s: ratio(|round| Some(round.reads_per_s)),
            p50: ratio(|round| Some(round.p50_us)),
            p99: ratio(|round| Some(round.p99_us)),
            cpu_per_read: ratio(|round| round.cpu_us_per_read),
        })
    }
}

/// What was to be measured.
fn conditions(args: &Args) -> String {
    let busy = if args.busy { ", CPUs kept busy" } else { "" };
    format!(
        "{} containers with {} MiB, {} CPUs; {} rounds of {} ms{busy}",
        args.containers, args.memory, args.cpus, args.rounds, args.window_ms,
    )
}
