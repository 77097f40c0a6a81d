//! The limits of a cgroup, and the files that they are written to.

use std::fs;
use std::path::Path;

use crate::hierarchy::{Hierarchy, Version, available};

/// The usual one.
const PERIOD_USEC: u32 = 100_000;

/// What a cgroup is limited to: by default nothing.
#[derive(Debug, Clone, Default)]
pub struct Limits {
    memory: Option<u64>,
    swap: Option<u64>,
    quota_usec: Option<u32>,
    cpuset: Option<String>,
}

impl Limits {
    /// That much memory, in bytes.
    #[must_use]
    pub fn memory(mut self, bytes: u64) -> Self {
        self.memory = Some(bytes);
        self
    }

    /// That much swap beside the memory, in bytes. Nothing where the kernel does not account for swap.
    #[must_use]
    pub fn swap(mut self, bytes: u64) -> Self {
        self.swap = Some(bytes);
        self
    }

    /// That many hundredths of a CPU.
    #[must_use]
    pub fn cpu_percent(mut self, percent: u32) -> Self {
        self.quota_usec = Some(percent.saturating_mul(PERIOD_USEC / 100));
        self
    }

    /// These CPUs: `0-1,3`.
    #[must_use]
    pub fn cpuset(mut self, cpus: impl Into<String>) -> Self {
        self.cpuset = Some(cpus.into());
        self
    }

    /// Sets them.
    pub(crate) fn write(&self, hierarchy: &Hierarchy, dir: &Path) {
        match hierarchy.version {
            Version::V1 => self.write_v1(hierarchy, dir),
            Version::V2 => self.write_v2(dir),
        }
    }

    fn write_v1(&self, hierarchy: &Hierarchy, dir: &Path) {
        if hierarchy.has("memory") {
            if let Some(bytes) = self.memory {
                set(dir, "memory.limit_in_bytes", bytes);
            }
            let memsw = "memory.memsw.limit_in_bytes";
            if let (Some(swap), true) = (self.swap, dir.join(memsw).exists()) {
                set(dir, memsw, self.memory.unwrap_or_default().saturating_add(swap));
            }
        }
        if let (Some(quota), true) = (self.quota_usec, hierarchy.has("cpu")) {
            set(dir, "cpu.cfs_period_us", PERIOD_USEC);
            set(dir, "cpu.cfs_quota_us", quota);
        }
        if hierarchy.has("cpuset") {
            // A cpuset of v1 starts empty, and nobody can enter one that is.
            let above = |name: &str| {
                let parent = dir.parent().unwrap_or(dir);
                fs::read_to_string(parent.join(name)).unwrap().trim().to_owned()
            };
            let cpus = self.cpuset.clone().unwrap_or_else(|| above("cpuset.cpus"));
            set(dir, "cpuset.cpus", cpus);
            set(dir, "cpuset.mems", above("cpuset.mems"));
        }
    }

    fn write_v2(&self, dir: &Path) {
        // A host with both kinds has most controllers on v1.
        let names = available(dir);
        let has = |name: &str| names.split_whitespace().any(|one| one == name);
        if has("memory") {
            if let Some(bytes) = self.memory {
                set(dir, "memory.max", bytes);
            }
            if let (Some(bytes), true) = (self.swap, dir.join("memory.swap.max").exists()) {
                set(dir, "memory.swap.max", bytes);
            }
        }
        if let (Some(quota), true) = (self.quota_usec, has("cpu")) {
            set(dir, "cpu.max", format_args!("{quota} {PERIOD_USEC}"));
        }
        if let (Some(cpus), true) = (&self.cpuset, has("cpuset")) {
            set(dir, "cpuset.cpus", cpus);
        }
    }
}

fn set(dir: &Path, name: &str, value: impl std::fmt::Display) {
    let path = dir.join(name);
    if let Err(error) = fs::write(&path, value.to_string()) {
        panic!("cannot write {value} to {}: {error}", path.display());
    }
}
