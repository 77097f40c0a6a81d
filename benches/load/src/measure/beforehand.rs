//! What comes before the windows: who has the file, and how many system calls it takes.

use std::time::Duration;

use super::Bench;
use crate::args::Mode;
use crate::candidate::Candidate;
use crate::clock;
use crate::failure::Failure;
use crate::order::Load;
use crate::statistics::number;
use crate::stop;
use crate::strace::Counting;
use crate::virtual_file::VirtualFile;

/// Readers at the same time, while daemons get to know the containers.
const WARMING_UP: usize = 16;

/// No such part may take longer.
const PATIENCE: Duration = Duration::from_secs(60);

impl Bench<'_> {
    /// Those that have the file.
    pub(super) fn present<'a>(
        &mut self,
        file: &VirtualFile,
        candidates: &'a [Candidate],
    ) -> Result<Vec<&'a Candidate>, Failure> {
        let mut present = Vec::new();
        for candidate in candidates {
            let name = &candidate.name;
            let text = self.fleet.fetch(&candidate.target(file).path);
            match text.map_err(|failure| Failure::wrong(format_args!("{name}: {failure}")))? {
                Ok(text) if text.is_empty() && !file.may_be_empty() => {
                    crate::note(&format_args!("{name}: {} is empty: left out", file.name));
                }
                Ok(text) => {
                    let limit_kib = self.args.memory.saturating_mul(1024);
                    if candidate.virtualises() && file.shows_other_memory(&text, limit_kib) {
                        crate::note(&format_args!(
                            "{name}: not the container's memory: what is measured is something else"
                        ));
                    }
                    present.push(candidate);
                }
                Err(cause) => {
                    crate::note(&format_args!("{name}: {} {cause}: left out", file.name));
                }
            }
        }
        Ok(present)
    }

    /// Lets the daemons get to know all containers.
    pub(super) fn warm_up_everyone(
        &mut self,
        file: &VirtualFile,
        mode: Mode,
        present: &[&Candidate],
    ) -> Result<(), Failure> {
        for candidate in present {
            stop::check()?;
            self.fleet
                .carry_out_by_turns(&counted(candidate, file, mode, 1), WARMING_UP, 1)?;
        }
        Ok(())
    }

    /// The system calls of each daemon for each read, with one reader.
    pub(super) fn syscalls(
        &mut self,
        file: &VirtualFile,
        mode: Mode,
        present: &[&Candidate],
    ) -> Result<Vec<Option<f64>>, Failure> {
        let mut all = Vec::new();
        for candidate in present {
            stop::check()?;
            let tree = candidate.tree.as_ref().filter(|_| self.args.strace_reads > 0);
            let counting = tree.map(|tree| Counting::start(tree, self.dir)).transpose()?.flatten();
            let Some(counting) = counting else {
                all.push(None);
                continue;
            };
            let load = counted(candidate, file, mode, self.args.strace_reads);
            let tally = self.fleet.carry_out(&load, &[(0, 1)])?;
            let calls = counting.calls()?;
            all.push((tally.reads > 0).then(|| number(calls) / number(tally.reads)));
        }
        Ok(all)
    }
}

/// So many reads by each thread, in bounded time.
fn counted(candidate: &Candidate, file: &VirtualFile, mode: Mode, count: u64) -> Load {
    let start = clock::now();
    Load {
        targets: vec![candidate.target(file)],
        modes: vec![mode],
        start,
        end: start.saturating_add(clock::nanos(PATIENCE)),
        count: Some(count),
        ..Load::default()
    }
}
