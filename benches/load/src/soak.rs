//! Load for a long time, while readers and containers die: whether any read fails, and what the daemon keeps.

use std::time::Duration;

use serde::Serialize;

use crate::args::Args;
use crate::candidate::{Candidate, Daemon};
use crate::clock;
use crate::failure::Failure;
use crate::fleet::{Fleet, PATIENCE, Share};
use crate::order::{Load, Order, Reply};
use crate::process::{Held, Tree};
use crate::report;
use crate::statistics::number;
use crate::stop;
use crate::tally::Tally;

/// Between two looks at what the readers say.
const TICK: Duration = Duration::from_millis(20);

/// Between two lines.
const LINE: Duration = Duration::from_secs(10);

/// The longest time between two kills; how long each time is up to chance.
const KILL_WITHIN: Duration = Duration::from_millis(100);

/// One in so many kills is for a whole container.
const CONTAINERS: u32 = 8;

/// What came of the time since the last line.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Line {
    candidate: String,
    seconds: f64,
    reads_per_s: f64,
    p99_us: f64,
    failures: std::collections::BTreeMap<String, u64>,
    killed_callers: u64,
    killed_containers: u64,
    held: Option<Held>,
}

/// Loads the candidates, one after the other. Answers with all lines, and whether all reads were right.
pub(crate) fn soak(
    args: &Args,
    seconds: u64,
    candidates: &mut [Candidate],
    fleet: &mut Fleet,
) -> Result<(Vec<Line>, bool), Failure> {
    let mut lines = Vec::new();
    for candidate in candidates {
        let shares = if args.most_readers() < fleet.containers.len() {
            fleet.everyone()
        } else {
            fleet.shares(args.most_readers(), 0)
        };
        let start = clock::now();
        let end = start.saturating_add(clock::nanos(Duration::from_secs(seconds)));
        let load = Load {
            targets: args.files.iter().map(|file| candidate.target(file)).collect(),
            modes: args.mode.clone(),
            start,
            end,
            report_millis: Some(report_millis(shares.len())),
            ..Load::default()
        };
        let readers: usize = shares.iter().map(|(_, threads)| threads).sum();
        report::say(&format_args!(
            "{}: {seconds} s with {readers} readers in {} containers",
            candidate.name,
            shares.len(),
        ))?;
        let mut soak = Soak {
            candidate,
            fleet,
            load,
            shares,
            done: 0,
            tally: Tally::default(),
            killed: (0, 0),
        };
        let (more, to_the_end) = soak.run(args.kill_callers)?;
        lines.extend(more);
        if !to_the_end {
            // The readers still have their orders.
            break;
        }
    }
    let well = lines.iter().all(|line| line.failures.is_empty());
    Ok((lines, well))
}

/// Reports are small, but a thousand readers send a thousand of them.
fn report_millis(callers: usize) -> u64 {
    let callers = u64::try_from(callers).unwrap_or(u64::MAX);
    callers.saturating_mul(10).clamp(100, 5000)
}

struct Soak<'a> {
    candidate: &'a mut Candidate,
    fleet: &'a mut Fleet,
    load: Load,
    shares: Vec<Share>,
    /// Readers that have carried out their order.
    done: usize,
    /// Since the last line.
    tally: Tally,
    killed: (u64, u64),
}

impl Soak<'_> {
    /// Answers with the lines, and whether it went on to the end.
    fn run(&mut self, kill: bool) -> Result<(Vec<Line>, bool), Failure> {
        let mut lines = Vec::new();
        for place in 0..self.shares.len() {
            self.give(place)?;
        }
        let started = self.load.start;
        let last = self.load.end.saturating_add(clock::nanos(PATIENCE));
        let mut lined = started;
        let mut next_kill = after_a_while();
        while self.done < self.shares.len() {
            stop::check()?;
            std::thread::sleep(TICK);
            for place in 0..self.shares.len() {
                self.hear(place)?;
            }
            let now = clock::now();
            if kill && now >= next_kill && now < self.load.end {
                self.kill_one()?;
                next_kill = after_a_while();
            }
            let gone = self.candidate.daemon.as_mut().is_some_and(Daemon::is_gone);
            if gone {
                self.tally.fail("the daemon has ended".to_owned());
            }
            let late = now > last;
            if late {
                let stuck = self.shares.len().saturating_sub(self.done);
                self.tally.fail(format!("{stuck} readers are stuck"));
            }
            let nothing = self.tally.reads == 0 && self.tally.failed() == 0;
            let due = now.saturating_sub(lined) >= clock::nanos(LINE) || self.done == self.shares.len() && !nothing;
            if gone || late || due {
                lines.push(self.line(now.saturating_sub(started), now.saturating_sub(lined))?);
                lined = now;
            }
            if gone || late {
                return Ok((lines, false));
            }
        }
        Ok((lines, true))
    }

    /// Tells one reader to begin.
    fn give(&mut self, place: usize) -> Result<(), Failure> {
        let Some((number, threads)) = self.shares.get(place).copied() else {
            return Ok(());
        };
        let Some(container) = self.fleet.containers.get_mut(number) else {
            return Ok(());
        };
        container.caller.send(&Order::Load(Load {
            threads,
            ..self.load.clone()
        }))
    }

    /// Takes in what one reader has said.
    fn hear(&mut self, place: usize) -> Result<(), Failure> {
        let Some((number, _)) = self.shares.get(place).copied() else {
            return Ok(());
        };
        loop {
            let Some(container) = self.fleet.containers.get_mut(number) else {
                return Ok(());
            };
            match container.caller.receive(0) {
                Ok(Some(Reply::SoFar(tally))) => self.tally.merge(&tally),
                Ok(Some(Reply::Done(tally))) => {
                    self.tally.merge(&tally);
                    self.done = self.done.saturating_add(1);
                }
                Ok(Some(Reply::Text(_))) => {}
                Ok(None) => return Ok(()),
                Err(failure) => {
                    self.tally.fail(failure.to_string());
                    self.fleet.replace_caller(number)?;
                    return self.give(place);
                }
            }
        }
    }

    fn kill_one(&mut self) -> Result<(), Failure> {
        let place = fastrand::usize(0..self.shares.len());
        let Some((number, _)) = self.shares.get(place).copied() else {
            return Ok(());
        };
        // What it has said would be gone with it.
        let done = self.done;
        self.hear(place)?;
        if self.done > done {
            return Ok(());
        }
        let gone = if fastrand::u32(0..CONTAINERS) == 0 {
            self.killed.1 = self.killed.1.saturating_add(1);
            self.fleet.replace_container(number)?
        } else {
            self.killed.0 = self.killed.0.saturating_add(1);
            self.fleet.replace_caller(number)?
        };
        if !gone {
            self.tally.fail("a killed reader does not die".to_owned());
        }
        self.give(place)
    }

    /// Says what there is to say, and begins anew.
    fn line(&mut self, since_start: u64, since_line: u64) -> Result<Line, Failure> {
        let tally = std::mem::take(&mut self.tally);
        let line = Line {
            candidate: self.candidate.name.clone(),
            seconds: number(since_start) / 1e9,
            reads_per_s: number(tally.reads) * 1e9 / number(since_line.max(1)),
            p99_us: number(tally.times.quantile(990).unwrap_or_default()) / 1e3,
            held: self.candidate.tree.as_ref().map(Tree::held),
            killed_callers: self.killed.0,
            killed_containers: self.killed.1,
            failures: tally.failures.clone(),
        };
        let held = line.held.unwrap_or_default();
        report::say(&format_args!(
            "{:>6.0} s {:>8.0} reads/s  p99 {:>7.0} us  {} failed  RSS {} KiB  {} descriptors  {} threads  killed {} readers, {} containers",
            line.seconds,
            line.reads_per_s,
            line.p99_us,
            tally.failed(),
            held.rss_kib,
            held.descriptors,
            held.threads,
            line.killed_callers,
            line.killed_containers,
        ))?;
        if tally.failed() > 0 {
            report::say(&format_args!("         failed: {}", tally.failures()))?;
        }
        Ok(line)
    }
}

fn after_a_while() -> u64 {
    clock::now().saturating_add(fastrand::u64(0..clock::nanos(KILL_WITHIN)))
}
