//! Containers that were found before: for those who ask again and again.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::ns_ioctl;
use super::resolve::{Caller, path, read, resolve, still_running};
use super::resolve_error::ResolveError;
use crate::cgroup::{Cgroups, Hierarchies};
use crate::container::{Container, Init, Pid};
use crate::source::Source;

/// More answers than this are not remembered; then all are forgotten, dead containers with them.
const MOST: usize = 4096;

/// [`container_of_live`](super::container_of_live) with a memory.
///
/// Two callers in one pid namespace and in the same cgroups have one container. An answer is given again as long as
/// the namespace's init is the same process in the same cgroups; that, and the caller, are looked at each time. An init
/// that mounts a part of a cgroup hierarchy later, without moving, goes unnoticed.
///
/// No lock is held over a read.
///
/// ```
/// use lxcfs_core::live::{self, Resolver};
///
/// let host = live::Root::host();
/// let hierarchies = live::hierarchies(&host).unwrap();
/// let resolver = Resolver::new(host, hierarchies);
/// let first = resolver.container_of(std::process::id()).unwrap();
/// assert_eq!(resolver.container_of(std::process::id()).unwrap(), first);
/// ```
#[derive(Debug)]
pub struct Resolver<S> {
    source: S,
    hierarchies: Hierarchies,
    known: Mutex<HashMap<Key, Known>>,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Key {
    /// `pid:[4026532001]`. The number is not given to another namespace while a process is in this one.
    namespace: PathBuf,
    /// The caller's `/proc/PID/cgroup`.
    cgroup: Bytes,
}

#[derive(Debug, Clone)]
struct Known {
    init: Init,
    /// Its `/proc/PID/cgroup`.
    init_cgroup: Bytes,
    cgroups: Cgroups,
}

impl<S: Source> Resolver<S> {
    /// A resolver over the running kernel, whose hierarchies are these.
    ///
    /// ```
    /// use lxcfs_core::live::{self, Resolver};
    ///
    /// let host = live::Root::host();
    /// let resolver = Resolver::new(host.clone(), live::hierarchies(&host).unwrap());
    /// assert!(resolver.container_of(std::process::id()).is_ok());
    /// ```
    #[must_use]
    pub fn new(source: S, hierarchies: Hierarchies) -> Self {
        Self {
            source,
            hierarchies,
            known: Mutex::default(),
        }
    }

    /// Finds the container of a process or thread.
    ///
    /// # Errors
    ///
    /// As [`container_of`](super::container_of).
    ///
    /// ```
    /// use lxcfs_core::live::{self, ResolveError, Resolver};
    ///
    /// let host = live::Root::host();
    /// let resolver = Resolver::new(host.clone(), live::hierarchies(&host).unwrap());
    /// assert_eq!(resolver.container_of(std::process::id()).unwrap().caller, std::process::id());
    /// // No process has this number.
    /// assert_eq!(resolver.container_of(u32::MAX), Err(ResolveError::NoSuchProcess { pid: u32::MAX }));
    /// ```
    pub fn container_of(&self, pid: Pid) -> Result<Container, ResolveError> {
        let source = &self.source;
        let caller = Caller::look(source, pid)?;
        // Where the namespace may not be read, the long way finds out what can be.
        let namespace = source.read_link(&path(pid, "ns/pid")).ok();
        let key = namespace.map(|namespace| Key {
            namespace,
            cgroup: caller.cgroup.clone(),
        });
        if let Some(container) = key.as_ref().and_then(|key| self.remembered(key, pid)) {
            caller.still_asks(source)?;
            return Ok(container);
        }
        let found = resolve(source, &self.hierarchies, &caller, ns_ioctl::first_process)?;
        // A process of the host is found without its init, in no more reads than a memory would need.
        if let (Some(key), Some(init)) = (key, found.container.init) {
            let cgroups = found.container.cgroups.clone();
            let mut known = self.known();
            if known.len() >= MOST {
                known.clear();
            }
            known.insert(
                key,
                Known {
                    init,
                    init_cgroup: found.init_cgroup,
                    cgroups,
                },
            );
        }
        Ok(found.container)
    }

    /// Forgets what was found for callers of that init: it has ended.
    ///
    /// ```
    /// use lxcfs_core::live::{self, Resolver};
    ///
    /// let host = live::Root::host();
    /// let resolver = Resolver::new(host.clone(), live::hierarchies(&host).unwrap());
    /// let container = resolver.container_of(std::process::id()).unwrap();
    /// if let Some(init) = container.init {
    ///     resolver.forget(init);
    /// }
    /// assert_eq!(resolver.container_of(std::process::id()).unwrap(), container, "it is looked for again");
    /// ```
    pub fn forget(&self, init: Init) {
        self.known().retain(|_, known| known.init != init);
    }

    fn remembered(&self, key: &Key, caller: Pid) -> Option<Container> {
        let known = self.known().get(key).cloned()?;
        let same = read(&self.source, known.init.pid, "cgroup").ok()? == known.init_cgroup
            && still_running(&self.source, known.init);
        same.then_some(Container {
            caller,
            init: Some(known.init),
            cgroups: known.cgroups,
        })
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Key, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cgroup::Controller;
    use crate::source::{Entry, MemorySource, SourceError};
    use std::path::Path;

    /// A machine that can change, and that counts how often mounts were read.
    #[derive(Default)]
    struct Changing(Mutex<(MemorySource, u32)>);

    impl Changing {
        fn process(&self, pid: Pid, started: u32, numbers: &str, cgroup: &str) {
            let fields = "S 1 2 3 0 -1 1 5 6 7 8 9 10 11 12 20 0 1 0";
            let mut inner = self.0.lock().unwrap();
            inner.0 = std::mem::take(&mut inner.0)
                .with_link(format!("/proc/{pid}/ns/pid"), "pid:[2]")
                .with(format!("/proc/{pid}/stat"), format!("{pid} (x) {fields} {started} 9\n"))
                .with(
                    format!("/proc/{pid}/status"),
                    format!("PPid:\t900\nNStgid:\t{numbers}\n"),
                )
                .with(format!("/proc/{pid}/cgroup"), format!("0::{cgroup}\n"));
        }
        fn mountinfo_reads(&self) -> u32 {
            self.0.lock().unwrap().1
        }
    }

    impl Source for Changing {
        fn read(&self, path: &Path) -> Result<Bytes, SourceError> {
            let mut inner = self.0.lock().unwrap();
            inner.1 += u32::from(path.ends_with("mountinfo"));
            inner.0.read(path)
        }
        fn list(&self, dir: &Path) -> Result<Vec<Entry>, SourceError> {
            self.0.lock().unwrap().0.list(dir)
        }
        fn read_link(&self, path: &Path) -> Result<PathBuf, SourceError> {
            self.0.lock().unwrap().0.read_link(path)
        }
    }

    #[test]
    fn an_answer_is_given_again_until_something_of_it_changes() {
        let mounts = b"30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
        let resolver = Resolver::new(Changing::default(), Hierarchies::parse(mounts));
        let machine = &resolver.source;
        machine.process(900, 1, "900\t1", "/ct");
        machine.process(901, 2, "901\t2", "/ct");
        machine.process(902, 3, "902\t3", "/ct");
        machine.process(903, 4, "903\t4", "/other");
        let asked = |pid| {
            let container = resolver.container_of(pid).unwrap();
            assert_eq!(container.caller, pid);
            let memory = container.cgroups.get(Controller::Memory).unwrap().path();
            (
                container.init.unwrap().start_ticks,
                memory.display().to_string(),
                resolver.source.mountinfo_reads(),
            )
        };
        assert_eq!(asked(901), (1, "/ct".to_owned(), 1));
        assert_eq!(asked(901), (1, "/ct".to_owned(), 1));
        assert_eq!(asked(902), (1, "/ct".to_owned(), 1), "a mate");
        assert_eq!(asked(903), (1, "/other".to_owned(), 2), "a caller elsewhere");
        machine.process(901, 2, "901\t2", "/other");
        assert_eq!(asked(901), (1, "/other".to_owned(), 2), "a caller that moved");
        machine.process(900, 1, "900\t1", "/");
        assert_eq!(asked(902), (1, "/ct".to_owned(), 3), "an init that moved");
        machine.process(900, 7, "900\t1", "/");
        assert_eq!(
            asked(902),
            (7, "/ct".to_owned(), 4),
            "another init with the same number"
        );
        assert_eq!(resolver.container_of(77), Err(ResolveError::NoSuchProcess { pid: 77 }));
    }
}
