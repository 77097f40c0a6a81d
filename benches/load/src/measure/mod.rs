//! Windows of load, each candidate in turn: what is compared is measured next to each other.

mod beforehand;
mod window;

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use crate::args::{Args, Mode};
use crate::candidate::{Candidate, LXCFS};
use crate::failure::Failure;
use crate::fleet::Fleet;
use crate::order::Load;
use crate::process::{Held, Tree};
use crate::stop;
use crate::virtual_file::VirtualFile;
pub(crate) use window::Round;

/// What belongs together: one file, read in one way by so many.
#[derive(Debug, Serialize)]
pub(crate) struct Combination {
    pub(crate) file: String,
    pub(crate) mode: Mode,
    pub(crate) readers: usize,
    pub(crate) cells: Vec<Cell>,
}

/// One candidate's part of it.
#[derive(Debug, Serialize)]
pub(crate) struct Cell {
    pub(crate) candidate: String,
    pub(crate) rounds: Vec<Round>,
    pub(crate) syscalls_per_read: Option<f64>,
    pub(crate) held: Option<Held>,
    pub(crate) failures: BTreeMap<String, u64>,
}

impl Cell {
    /// Whether all reads were right. Those of LXCFS need not be: it is what others are compared with.
    pub(crate) fn is_well(&self) -> bool {
        self.failures.is_empty() || self.candidate == LXCFS
    }
}

/// What measuring takes.
struct Bench<'a> {
    args: &'a Args,
    fleet: &'a mut Fleet,
    /// For files of ours.
    dir: &'a Path,
}

/// Measures all combinations.
pub(crate) fn measure(
    args: &Args,
    candidates: &[Candidate],
    fleet: &mut Fleet,
    dir: &Path,
) -> Result<Vec<Combination>, Failure> {
    let mut bench = Bench { args, fleet, dir };
    let mut all = Vec::new();
    for mode in &args.mode {
        for file in &args.files {
            let present = bench.present(file, candidates)?;
            if args.turns.is_some() {
                bench.warm_up_everyone(file, *mode, &present)?;
            }
            let syscalls = bench.syscalls(file, *mode, &present)?;
            for readers in &args.readers {
                crate::note(&format_args!("{} ({}) {readers} readers", file.name, mode.name()));
                let cells = present.iter().zip(&syscalls).map(|(candidate, syscalls)| Cell {
                    candidate: candidate.name.clone(),
                    rounds: Vec::new(),
                    syscalls_per_read: *syscalls,
                    held: None,
                    failures: BTreeMap::new(),
                });
                let mut combination = Combination {
                    file: file.name.clone(),
                    mode: *mode,
                    readers: *readers,
                    cells: cells.collect(),
                };
                bench.rounds(file, &present, &mut combination)?;
                all.push(combination);
            }
        }
    }
    if all.iter().all(|one| one.cells.is_empty()) {
        return Err(Failure::wrong("nobody has any of these files"));
    }
    Ok(all)
}

impl Bench<'_> {
    fn rounds(
        &mut self,
        file: &VirtualFile,
        present: &[&Candidate],
        combination: &mut Combination,
    ) -> Result<(), Failure> {
        let rounds = usize::try_from(self.args.rounds).unwrap_or(usize::MAX);
        // The first one warms up, and does not count.
        for round in 0..=rounds {
            stop::check()?;
            for step in 0..present.len() {
                // Another one begins each time, as what was before may have an effect on what is after.
                let place = round
                    .saturating_add(step)
                    .checked_rem(present.len())
                    .unwrap_or_default();
                let pair = present.get(place).zip(combination.cells.get_mut(place));
                let Some((candidate, cell)) = pair else { continue };
                let load = Load {
                    targets: vec![candidate.target(file)],
                    modes: vec![combination.mode],
                    ..Load::default()
                };
                let (measured, failures) = self.window(candidate, load, combination.readers, round)?;
                for (what, count) in failures {
                    let failures = cell.failures.entry(what).or_default();
                    *failures = failures.saturating_add(count);
                }
                if round > 0 {
                    cell.rounds.push(measured);
                }
                cell.held = candidate.tree.as_ref().map(Tree::held);
            }
        }
        Ok(())
    }
}
