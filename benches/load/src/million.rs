//! Many reads, and whether the daemon's memory grows with them.

use std::time::Duration;

use serde::Serialize;

use crate::args::Args;
use crate::candidate::Candidate;
use crate::clock;
use crate::failure::Failure;
use crate::fleet::Fleet;
use crate::order::Load;
use crate::process::Held;
use crate::report;
use crate::statistics::number;
use crate::stop;

/// So many parts have a line each.
const STEPS: u64 = 10;

/// When fewer read than there are containers: so many reads, then it is the next one's turn.
const IN_A_ROW: u64 = 16;

/// No part may take longer.
const PATIENCE: Duration = Duration::from_secs(600);

/// After one part, or before the first.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Step {
    pub(crate) candidate: String,
    pub(crate) reads: u64,
    pub(crate) failed: u64,
    pub(crate) seconds: f64,
    pub(crate) held: Held,
}

/// Answers with a line for each part, and whether all reads were right.
pub(crate) fn million(
    args: &Args,
    reads: u64,
    candidates: &[Candidate],
    fleet: &mut Fleet,
) -> Result<(Vec<Step>, bool), Failure> {
    let mut lines = Vec::new();
    let mut well = true;
    for candidate in candidates {
        let Some(tree) = &candidate.tree else { continue };
        let modes = args.mode.iter().map(|mode| mode.name()).collect::<Vec<_>>().join(",");
        let (readers, containers) = (args.most_readers(), fleet.containers.len());
        report::say(&format_args!(
            "{}: {reads} reads ({modes}) by {readers} readers in {containers} containers",
            candidate.name,
        ))?;
        let mut step = Step {
            candidate: candidate.name.clone(),
            reads: 0,
            failed: 0,
            seconds: 0.0,
            held: tree.held(),
        };
        line(&step)?;
        lines.push(step.clone());
        for _ in 0..STEPS {
            stop::check()?;
            let start = clock::now();
            let tally = part(args, candidate, fleet, reads.div_ceil(STEPS))?;
            step = Step {
                candidate: candidate.name.clone(),
                reads: step.reads.saturating_add(tally.reads),
                failed: step.failed.saturating_add(tally.failed()),
                seconds: step.seconds + number(clock::now().saturating_sub(start)) / 1e9,
                held: tree.held(),
            };
            line(&step)?;
            if tally.failed() > 0 {
                well = false;
                report::say(&format_args!("failed: {}", tally.failures()))?;
            }
            lines.push(step.clone());
        }
    }
    Ok((lines, well))
}

fn part(args: &Args, candidate: &Candidate, fleet: &mut Fleet, reads: u64) -> Result<crate::tally::Tally, Failure> {
    let readers = args.most_readers();
    let containers = fleet.containers.len();
    let threads = u64::try_from(readers.max(containers)).unwrap_or(u64::MAX);
    let start = clock::now();
    let load = Load {
        targets: args.files.iter().map(|file| candidate.target(file)).collect(),
        modes: args.mode.clone(),
        start,
        end: start.saturating_add(clock::nanos(PATIENCE)),
        count: Some(reads.div_ceil(threads)),
        ..Load::default()
    };
    if readers < containers {
        fleet.carry_out_by_turns(&load, readers, IN_A_ROW)
    } else {
        let shares = fleet.shares(readers, 0);
        fleet.carry_out(&load, &shares)
    }
}

fn line(step: &Step) -> Result<(), Failure> {
    let Held {
        rss_kib,
        anon_kib,
        descriptors,
        threads,
    } = step.held;
    report::say(&format_args!(
        "{:>10} reads {:>7.1} s  RSS {rss_kib:>7} KiB ({anon_kib} anonymous)  {descriptors} descriptors  {threads} threads",
        step.reads, step.seconds,
    ))
}
