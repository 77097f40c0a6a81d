//! A cgroup of a test's own, in all hierarchies.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::hierarchy::{Hierarchy, Version, available, hierarchies};
use crate::limits::Limits;
use crate::patience::becomes_true;

/// A cgroup with limits; dropping it removes it, with all that is left in it.
#[derive(Debug)]
pub struct Cgroup {
    levels: Vec<(Hierarchy, PathBuf)>,
}

impl Cgroup {
    /// Makes one below the roots.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("lxcfs-test-{}-{number}", std::process::id());
        let roots = hierarchies().into_iter().filter(Hierarchy::is_writable);
        Self::make(roots.map(|one| (one.mount.clone(), one)), name.as_ref(), Some(limits))
    }

    /// Makes one below this one, with limits: on v2 there can be no process in this one then.
    #[must_use]
    pub fn child(&self, name: impl AsRef<OsStr>, limits: &Limits) -> Self {
        Self::make(self.as_above(), name.as_ref(), Some(limits))
    }

    /// Makes one below this one that only groups: there can be processes here and there.
    #[must_use]
    pub fn group(&self, name: &str) -> Self {
        Self::make(self.as_above(), name.as_ref(), None)
    }

    fn as_above(&self) -> impl Iterator<Item = (PathBuf, Hierarchy)> {
        self.levels.iter().map(|(one, dir)| (dir.clone(), one.clone()))
    }

    fn make(above: impl Iterator<Item = (PathBuf, Hierarchy)>, name: &OsStr, limits: Option<&Limits>) -> Self {
        let mut made = Self { levels: Vec::new() };
        for (parent, hierarchy) in above {
            if hierarchy.version == Version::V2 && limits.is_some() {
                enable_controllers(&parent);
            }
            let dir = parent.join(name);
            fs::create_dir(&dir).unwrap_or_else(|error| panic!("cannot make {}: {error}", dir.display()));
            // From here on it is removed whatever happens.
            made.levels.push((hierarchy.clone(), dir.clone()));
            limits.unwrap_or(&Limits::default()).write(&hierarchy, &dir);
        }
        made
    }

    /// Moves a process there.
    pub fn attach(&self, pid: u32) {
        for procs in self.procs() {
            fs::write(&procs, pid.to_string())
                .unwrap_or_else(|error| panic!("cannot write {pid} to {}: {error}", procs.display()));
        }
    }

    /// The files that a process is moved by.
    pub(crate) fn procs(&self) -> impl Iterator<Item = PathBuf> {
        self.levels.iter().map(|(_, dir)| dir.join("cgroup.procs"))
    }

    /// Its directory where that controller is; `unified` is the one of v2.
    #[must_use]
    pub fn dir(&self, controller: &str) -> Option<&Path> {
        let is_it = |one: &Hierarchy| one.has(controller) || (controller == "unified" && one.version == Version::V2);
        self.levels
            .iter()
            .find_map(|(one, dir)| is_it(one).then_some(dir.as_path()))
    }

    /// Its directories, one for each hierarchy.
    pub fn dirs(&self) -> impl Iterator<Item = &Path> {
        self.levels.iter().map(|(_, dir)| dir.as_path())
    }

    /// Which kind of hierarchy has that controller.
    #[must_use]
    pub fn version(&self, controller: &str) -> Option<Version> {
        let level = self.levels.iter().find(|(one, _)| one.has(controller))?;
        Some(level.0.version)
    }

    /// Its path below the roots, as `/proc/PID/cgroup` has it.
    #[must_use]
    pub fn path(&self) -> &Path {
        let (hierarchy, dir) = self.levels.first().expect("a cgroup is in some hierarchy");
        dir.strip_prefix(&hierarchy.mount)
            .expect("a cgroup is below the root of its hierarchy")
    }
}

/// Lets cgroups below one of v2 have controllers. Where that is refused, setting a limit says so.
fn enable_controllers(dir: &Path) {
    let control = dir.join("cgroup.subtree_control");
    for one in available(dir).split_whitespace() {
        let _ = fs::write(&control, format!("+{one}"));
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        for (_, dir) in &self.levels {
            remove(dir);
        }
    }
}

/// Removes a cgroup and those below it. Whatever is still in it after a moment was forgotten by the test.
fn remove(dir: &Path) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove(&entry.path());
        }
    }
    for patience in [Duration::from_secs(1), Duration::from_secs(10)] {
        if becomes_true(patience, || fs::remove_dir(dir).is_ok() || !dir.exists()) {
            return;
        }
        let left = fs::read_to_string(dir.join("cgroup.procs")).unwrap_or_default();
        for pid in left.split_whitespace().filter_map(|pid| pid.parse().ok()) {
            // 0 is a process that we cannot see, and to kill it would be to kill ourselves.
            if pid > 0 {
                let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
            }
        }
    }
}
