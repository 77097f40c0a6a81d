//! All containers, and who of them reads.

use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::stat::Mode as Permissions;
use nix::unistd::mkfifo;

use crate::args::Args;
use crate::caller::TurnPipe;
use crate::cgroup::{self, Hierarchy, Limits};
use crate::clock;
use crate::container::Container;
use crate::failure::{Doing as _, Failure};
use crate::namespaces::PidNamespaces;
use crate::order::{Load, Order, Reply, Turns};
use crate::stop;
use crate::tally::Tally;

/// How much later than asked for a reader may be done.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// The containers, alive until they are dropped.
#[derive(Debug)]
pub(crate) struct Fleet {
    pub(crate) containers: Vec<Container>,
    run: u32,
    started: usize,
    namespaces: PidNamespaces,
    hierarchies: Vec<Hierarchy>,
    limits: Limits,
    turns: PathBuf,
}

/// A container's number in the fleet, and how many threads are to read there.
pub(crate) type Share = (usize, usize);

impl Fleet {
    /// Starts the containers of the run that this pid stands for.
    pub(crate) fn start(args: &Args, run: u32, dir: &Path) -> Result<Self, Failure> {
        let turns = dir.join("turns");
        mkfifo(&turns, Permissions::S_IRUSR | Permissions::S_IWUSR).doing("cannot make a pipe")?;
        let mut fleet = Self {
            containers: Vec::new(),
            run,
            started: 0,
            namespaces: PidNamespaces::here()?,
            hierarchies: cgroup::hierarchies()?,
            limits: Limits::new(args.memory, args.cpus, args.cpuset.clone())?,
            turns,
        };
        for _ in 0..args.containers {
            stop::check()?;
            let container = fleet.new_container()?;
            fleet.containers.push(container);
        }
        Ok(fleet)
    }

    fn new_container(&mut self) -> Result<Container, Failure> {
        self.started = self.started.saturating_add(1);
        Container::start(
            self.run,
            self.started,
            &self.namespaces,
            &self.hierarchies,
            &self.limits,
        )
    }

    /// Kills a container, and starts one in its place. Answers whether the old one is gone.
    pub(crate) fn replace_container(&mut self, number: usize) -> Result<bool, Failure> {
        let new = self.new_container()?;
        let Some(container) = self.containers.get_mut(number) else {
            return Ok(true);
        };
        let gone = container.end();
        *container = new;
        Ok(gone)
    }

    /// Kills a container's caller, and starts another one. Answers whether the old one is gone.
    pub(crate) fn replace_caller(&mut self, number: usize) -> Result<bool, Failure> {
        let Some(container) = self.containers.get_mut(number) else {
            return Ok(true);
        };
        container.replace_caller(&self.namespaces)
    }

    /// Spreads readers over the containers; in each round, it begins with another one.
    pub(crate) fn shares(&self, readers: usize, round: usize) -> Vec<Share> {
        spread(readers, self.containers.len(), round)
    }

    /// One thread in each container.
    pub(crate) fn everyone(&self) -> Vec<Share> {
        (0..self.containers.len()).map(|number| (number, 1)).collect()
    }

    /// Gives the order, waits until all have carried it out, and sums up. Who is late is an error.
    pub(crate) fn carry_out(&mut self, load: &Load, shares: &[Share]) -> Result<Tally, Failure> {
        self.give(load, shares)?;
        self.collect(load, shares)
    }

    /// The same in all containers, but only `readers` at the same time, by turns of so many reads.
    pub(crate) fn carry_out_by_turns(&mut self, load: &Load, readers: usize, reads: u64) -> Result<Tally, Failure> {
        // Open here from the beginning to the end: what is left in it goes when nobody has it open any more.
        let pipe = TurnPipe::open(&self.turns).doing("cannot open the pipe for turns")?;
        let turns = Some(Turns {
            pipe: self.turns.clone(),
            reads,
        });
        let load = Load { turns, ..load.clone() };
        let shares = self.everyone();
        self.give(&load, &shares)?;
        clock::sleep_until(load.start);
        for _ in 0..readers {
            pipe.add().doing("cannot write to the pipe for turns")?;
        }
        self.collect(&load, &shares)
    }

    fn give(&mut self, load: &Load, shares: &[Share]) -> Result<(), Failure> {
        for (number, threads) in shares {
            let order = Order::Load(Load {
                threads: *threads,
                ..load.clone()
            });
            self.container(*number)?.caller.send(&order)?;
        }
        Ok(())
    }

    fn collect(&mut self, load: &Load, shares: &[Share]) -> Result<Tally, Failure> {
        let end = load.end.saturating_add(clock::nanos(PATIENCE));
        let mut sum = Tally::default();
        for (number, _) in shares {
            loop {
                match self.container(*number)?.caller.receive(end)? {
                    Some(Reply::Done(tally)) => {
                        sum.merge(&tally);
                        break;
                    }
                    Some(Reply::SoFar(tally)) => sum.merge(&tally),
                    Some(Reply::Text(_)) => {}
                    None => return Err(Failure::wrong("a reader is stuck: no answer to a read")),
                }
            }
        }
        Ok(sum)
    }

    /// What a reader in the first container sees in a file.
    pub(crate) fn fetch(&mut self, path: &Path) -> Result<Result<Vec<u8>, String>, Failure> {
        let caller = &mut self.container(0)?.caller;
        caller.send(&Order::Fetch {
            path: path.to_path_buf(),
        })?;
        match caller.receive(clock::now().saturating_add(clock::nanos(PATIENCE)))? {
            Some(Reply::Text(text)) => Ok(text),
            _ => Err(Failure::wrong(format_args!("{}: no answer to a read", path.display()))),
        }
    }

    /// In how many periods these containers were held back by their quota, since they were made.
    pub(crate) fn throttled_periods(&self, shares: &[Share]) -> u64 {
        let containers = shares.iter().filter_map(|(number, _)| self.containers.get(*number));
        containers.map(|container| container.cgroups.throttled_periods()).sum()
    }

    fn container(&mut self, number: usize) -> Result<&mut Container, Failure> {
        self.containers
            .get_mut(number)
            .ok_or_else(|| Failure::wrong("there is no such container"))
    }
}

fn spread(readers: usize, containers: usize, round: usize) -> Vec<Share> {
    let mut shares: Vec<Share> = Vec::new();
    let first = round.saturating_mul(readers);
    for reader in 0..readers {
        let Some(number) = first.saturating_add(reader).checked_rem(containers) else {
            break;
        };
        match shares.iter_mut().find(|(other, _)| *other == number) {
            Some((_, threads)) => *threads = threads.saturating_add(1),
            None => shares.push((number, 1)),
        }
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_are_spread_evenly() {
        assert_eq!(spread(5, 2, 0), [(0, 3), (1, 2)]);
        assert_eq!(spread(2, 2, 7), [(0, 1), (1, 1)]);
    }

    #[test]
    fn each_round_has_other_containers() {
        assert_eq!(spread(1, 3, 0), [(0, 1)]);
        assert_eq!(spread(1, 3, 4), [(1, 1)]);
        assert_eq!(spread(2, 3, 1), [(2, 1), (0, 1)]);
    }
}
