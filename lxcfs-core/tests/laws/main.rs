//! What holds of every rendering, whatever the machine and whatever the container.
//!
//! Each law draws a machine and a container at random ([`lxcfs_core::synthetic`]), spells them in one or more of the
//! versions of cgroups, and holds the rendered text against the rule.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that fails here has found something"
)]

mod cpu_counts;
mod cpu_time;
mod leaks;
mod loadavg;
mod memory;
mod spellings;

use lxcfs_core::synthetic::{Limits, Machine, Spelling};
use lxcfs_core::{CaptureError, Container, ContainerView, CpuId, CpuIds, CpuView, MemorySource, ViewOptions, find};
use proptest::prelude::*;

/// A machine and a container on it.
#[derive(Debug, Clone)]
struct Scene {
    machine: Machine,
    limits: Limits,
}

/// Numbers to draw from; where they run out, 0. Fewer and smaller numbers are a simpler scene, so that what proptest
/// shrinks to can be read.
fn scenes() -> impl Strategy<Value = Scene> {
    proptest::collection::vec(any::<u64>(), 0..350).prop_map(|numbers| {
        let mut numbers = numbers.into_iter();
        let mut draw = |bound: u64| numbers.next().unwrap_or(0).checked_rem(bound).unwrap_or(0);
        let machine = Machine::random(&mut draw);
        let limits = Limits::random(&machine, &mut draw);
        Scene { machine, limits }
    })
}

fn spellings() -> impl Strategy<Value = Spelling> {
    proptest::sample::select(&Spelling::ALL[..])
}

fn options() -> impl Strategy<Value = ViewOptions> {
    let views = proptest::sample::select(&[CpuView::Quota, CpuView::Cpuset, CpuView::Host][..]);
    let ids = proptest::sample::select(&[CpuIds::Host, CpuIds::Dense][..]);
    (views, ids).prop_map(|(cpu_view, cpu_ids)| ViewOptions {
        cpu_view,
        cpu_ids,
        ..ViewOptions::default()
    })
}

/// A part of the cases that one law after the other would get, for laws of many renderings each. `PROPTEST_CASES` says
/// how many those are.
fn config(part: u32) -> ProptestConfig {
    let usual = ProptestConfig::default();
    ProptestConfig {
        cases: usual.cases / part,
        failure_persistence: None,
        ..usual
    }
}

impl Scene {
    fn spell(&self, spelling: Spelling) -> Told {
        let (source, container) = self.machine.source(&self.limits, spelling);
        Told {
            source,
            container,
            machine: self.machine.clone(),
        }
    }
}

/// A scene as files.
struct Told {
    source: MemorySource,
    container: Container,
    machine: Machine,
}

impl Told {
    fn view(&self) -> ContainerView<'_> {
        ContainerView::new(&self.source, &self.container, self.machine.uptime)
    }

    fn text(&self, path: &str) -> String {
        text(&self.view(), path)
    }
}

fn text(view: &ContainerView<'_>, path: &str) -> String {
    render(view, path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn render(view: &ContainerView<'_>, path: &str) -> Result<String, CaptureError> {
    let bytes = find(path).unwrap().render(view)?;
    Ok(String::from_utf8(bytes.to_vec()).unwrap())
}

/// The value of a line of `/proc/meminfo`.
fn meminfo(text: &str, key: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
    line.unwrap().split_whitespace().next().unwrap().parse().unwrap()
}

/// The columns of the `cpu` line, and of each `cpuN` line.
fn stat(text: &str) -> (Vec<u64>, Vec<(CpuId, Vec<u64>)>) {
    let (mut sum, mut each) = (Vec::new(), Vec::new());
    for line in text.lines() {
        let mut words = line.split_whitespace();
        let Some(name) = words.next().unwrap().strip_prefix("cpu") else {
            continue;
        };
        let columns = words.map(|word| word.parse().unwrap()).collect();
        match name.parse() {
            Ok(cpu) => each.push((cpu, columns)),
            Err(_) => sum = columns,
        }
    }
    (sum, each)
}
