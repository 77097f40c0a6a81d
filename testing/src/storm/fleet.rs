//! The containers of a storm: each with limits that are no other's and not the host's.

use std::time::Duration;

use crate::cgroup::Cgroup;
use crate::container::Container;
use crate::limits::Limits;

use super::clock::now;
use super::told::Size;

/// The smallest of them, in MiB; each has one more than that before.
const FIRST_MIB: u64 = 128;

/// The cgroups of a storm's containers.
#[derive(Debug)]
pub struct Fleet(Vec<(u64, Cgroup)>);

/// A container of a storm.
#[derive(Debug)]
pub struct Member<'c> {
    pub(crate) container: Container<'c>,
    pub(crate) memory_kib: u64,
    pub(crate) born: Duration,
}

impl Fleet {
    /// Makes the cgroups: of one CPU each.
    #[must_use]
    pub fn new(size: &Size) -> Self {
        let sizes = (FIRST_MIB..).take(usize::try_from(size.containers).unwrap_or(usize::MAX));
        let make = |mib: u64| {
            let bytes = mib << 20;
            (
                mib << 10,
                Cgroup::new(&Limits::default().memory(bytes).cpu_percent(100)),
            )
        };
        Self(sizes.map(make).collect())
    }

    /// Starts a container in each.
    #[must_use]
    pub fn containers(&self) -> Vec<Member<'_>> {
        self.0
            .iter()
            .map(|(memory_kib, cgroup)| {
                let born = now();
                Member {
                    container: Container::start(cgroup),
                    memory_kib: *memory_kib,
                    born,
                }
            })
            .collect()
    }
}
