//! A look at all containers: what is read of each.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use lxcfs_core::host::loadavg::Loadavg;
use lxcfs_core::live::{self, Resolver, Root};
use lxcfs_core::{CaptureError, Container, ContainerView, Init, Pid, Remembered, Source, ViewOptions};

use super::beside_fuse::{BesideFuse, Reading};
use super::find::Known;
use super::hostname::hostname;
use crate::facts::{self, Memory};
use crate::failure::Failure;
use crate::name::name;

/// What was read of one container, or of the host. What could not be read is `None`.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Facts {
    /// Its first process; `None` for the host.
    pub(super) init: Option<Init>,
    pub(super) name: String,
    /// The name that it has given itself, if that is another one than the host's.
    pub(super) hostname: Option<String>,
    /// What its first process is called.
    pub(super) command: String,
    pub(super) memory: Option<Memory>,
    /// The CPU time used up to `at`, in nanoseconds.
    pub(super) cpu_time: Option<u64>,
    /// What it may use, in thousandths of a CPU.
    pub(super) capacity_milli: Option<u64>,
    pub(super) load: Option<Loadavg>,
    pub(super) age: Option<Duration>,
    /// When its CPU time was read.
    pub(super) at: Duration,
}

/// What one look has seen.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Look {
    pub(super) host: Facts,
    pub(super) containers: Vec<Facts>,
    /// How many processes may not be looked at.
    pub(super) secret: usize,
    /// Files that a FUSE file system stands over, and that are not read therefore.
    pub(super) left_alone: Vec<PathBuf>,
}

/// Looks again and again.
#[derive(Debug)]
pub(super) struct Collector {
    source: BesideFuse<Root>,
    resolver: Resolver<BesideFuse<Root>>,
    options: ViewOptions,
    known: Known,
    acquaintances: HashMap<Init, Acquaintance>,
    host: Remembered,
}

/// What does not change while a container lives, and what goes on from look to look.
#[derive(Debug)]
struct Acquaintance {
    hostname: Option<String>,
    remembered: Remembered,
}

impl Collector {
    pub(super) fn new(options: ViewOptions) -> Result<Self, Failure> {
        let source = BesideFuse::of(Root::host()).map_err(CaptureError::from)?;
        let hierarchies = live::hierarchies(&source)?;
        Ok(Self {
            resolver: Resolver::new(source.clone(), hierarchies),
            source,
            options,
            known: Known::default(),
            acquaintances: HashMap::new(),
            host: Remembered::new(),
        })
    }

    /// What it is reading, to look at from another thread.
    pub(super) fn reading(&self) -> Reading {
        self.source.reading()
    }

    pub(super) fn look(&mut self) -> Result<Look, Failure> {
        let source = &self.source;
        let found = self.known.find(source, &self.resolver).map_err(CaptureError::from)?;
        let mut look = Look {
            host: of_view(&host_view(source, &Container::host(std::process::id()), &self.host)),
            secret: found.secret,
            left_alone: source.left_alone().map(Into::into).collect(),
            containers: Vec::new(),
        };
        "host".clone_into(&mut look.host.name);
        let mut stay = HashMap::new();
        for container in found.containers {
            let Some(init) = container.init else { continue };
            let known = self.acquaintances.remove(&init).unwrap_or_else(|| Acquaintance {
                hostname: hostname(source, init.pid),
                remembered: Remembered::new(),
            });
            let view = ContainerView::new(source, &container, live::boot_time())
                .with_options(self.options)
                .with_remembered(&known.remembered);
            let facts = of_view(&view);
            // What was read of one that has ended meanwhile is worth nothing.
            if live::still_running(source, init) {
                let command = command(source, init.pid);
                look.containers.push(Facts {
                    init: Some(init),
                    name: name(&container.cgroups).unwrap_or_else(|| command.clone()),
                    hostname: known.hostname.clone(),
                    command,
                    ..facts
                });
                stay.insert(init, known);
            } else {
                self.resolver.forget(init);
            }
        }
        for init in self.acquaintances.keys() {
            self.resolver.forget(*init);
        }
        self.acquaintances = stay;
        Ok(look)
    }
}

fn host_view<'v>(source: &'v dyn Source, nobody: &'v Container, remembered: &'v Remembered) -> ContainerView<'v> {
    ContainerView::new(source, nobody, live::boot_time()).with_remembered(remembered)
}

fn of_view(view: &ContainerView<'_>) -> Facts {
    Facts {
        memory: Memory::of(view).ok(),
        capacity_milli: view.cpus().ok().map(|cpus| cpus.capacity_milli()),
        load: facts::loadavg(view).ok(),
        age: facts::uptime(view).ok(),
        cpu_time: facts::cpu_time(view).ok(),
        at: live::boot_time(),
        ..Facts::default()
    }
}

/// What a process is called. Not its command line: to read that is to read its memory, which may wait for a server.
fn command(source: &dyn Source, pid: Pid) -> String {
    let text = source
        .read(&PathBuf::from(format!("/proc/{pid}/comm")))
        .unwrap_or_default();
    String::from_utf8_lossy(&text).trim_end().to_owned()
}
