//! All that was measured, for programs.

use std::fs::{self, File};
use std::io::BufWriter;

use serde::Serialize;
use serde_json::json;

use super::{BASES, Ratios, conditions};
use crate::args::Args;
use crate::failure::{Doing as _, Failure};
use crate::measure::Combination;

/// A combination, and its ratios: for each candidate and each base.
#[derive(Debug, Serialize)]
pub(crate) struct WithRatios<'a> {
    #[serde(flatten)]
    combination: &'a Combination,
    ratios: Vec<Named<'a>>,
}

#[derive(Debug, Serialize)]
struct Named<'a> {
    candidate: &'a str,
    #[serde(flatten)]
    ratios: Ratios,
}

pub(crate) fn with_ratios<'a>(combinations: &'a [Combination]) -> Vec<WithRatios<'a>> {
    let ratios = |combination: &'a Combination| {
        let pairs = combination.cells.iter().flat_map(|cell| BASES.map(|base| (cell, base)));
        let named = pairs.filter_map(|(cell, base)| {
            let ratios = Ratios::of(cell, base, combination)?;
            Some(Named {
                candidate: &cell.candidate,
                ratios,
            })
        });
        named.collect()
    };
    combinations
        .iter()
        .map(|combination| WithRatios {
            combination,
            ratios: ratios(combination),
        })
        .collect()
}

/// Writes it to the file that was asked for, if there was one.
pub(crate) fn write_json<T: Serialize>(args: &Args, name: &str, results: &[T]) -> Result<(), Failure> {
    let Some(path) = &args.json else { return Ok(()) };
    let text = |path: &str| fs::read_to_string(path).unwrap_or_default().trim().to_owned();
    let document = json!({
        "kernel": text("/proc/sys/kernel/osrelease"),
        "cpus": text("/sys/devices/system/cpu/online"),
        "conditions": conditions(args),
        name: results,
    });
    let file = File::create(path).doing(format_args!("cannot make {}", path.display()))?;
    serde_json::to_writer_pretty(BufWriter::new(file), &document).map_err(Failure::wrong)
}
