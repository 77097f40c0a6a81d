//! From a process id to its container.

use std::path::PathBuf;

use bytes::Bytes;

use super::init::Asker;
use super::resolve_error::ResolveError;
use super::{membership, ns_ioctl, task};
use crate::cgroup::Hierarchies;
use crate::container::{Container, Init, Pid};
use crate::source::Source;

/// Finds the container of a process (or thread, as FUSE names its callers) from what a source says about it.
///
/// The same source and pid give the same answer whether the source is the running kernel or a record of it. On the
/// running kernel [`container_of_live`] is faster.
///
/// # Errors
///
/// [`ResolveError::NoSuchProcess`] and [`ResolveError::Gone`] where the caller or its container has ended,
/// [`ResolveError::PermissionDenied`] and [`ResolveError::InitNotFound`] where the kernel does not show enough.
///
/// ```
/// use lxcfs_core::{Container, live};
///
/// let host = live::Root::host();
/// let hierarchies = live::hierarchies(&host).unwrap();
/// let Container { caller, .. } = live::container_of(&host, &hierarchies, std::process::id()).unwrap();
/// assert_eq!(caller, std::process::id());
/// ```
pub fn container_of(
    source: &(impl Source + ?Sized),
    hierarchies: &Hierarchies,
    pid: Pid,
) -> Result<Container, ResolveError> {
    let caller = Caller::look(&source, pid)?;
    Ok(resolve(&source, hierarchies, &caller, |_| None)?.container)
}

/// [`container_of`] on the running kernel: asks the kernel itself for the first process of the caller's pid namespace,
/// and searches only where the kernel is older than 6.11 and does not say. Who asks again and again has a
/// [`Resolver`](super::Resolver).
///
/// `source` must be of the running kernel. What the kernel answers is checked with it like everything else.
///
/// # Errors
///
/// As [`container_of`].
///
/// ```
/// use lxcfs_core::live;
///
/// let host = live::Root::host();
/// let hierarchies = live::hierarchies(&host).unwrap();
/// let pid = std::process::id();
/// let container = live::container_of_live(&host, &hierarchies, pid).unwrap();
/// assert_eq!(container, live::container_of(&host, &hierarchies, pid).unwrap());
/// ```
pub fn container_of_live(
    source: &(impl Source + ?Sized),
    hierarchies: &Hierarchies,
    pid: Pid,
) -> Result<Container, ResolveError> {
    let caller = Caller::look(&source, pid)?;
    Ok(resolve(&source, hierarchies, &caller, ns_ioctl::first_process)?.container)
}

/// Whether that init is still the process that it was, and not another one with its number. One small file is read
/// for it, so it can be asked each time something is remembered for a container.
///
/// A process that has ended and was not waited for yet counts: its state looks the same while other threads of it go
/// on.
///
/// ```
/// use lxcfs_core::live::still_running;
/// use lxcfs_core::{Init, MemorySource};
///
/// // Fields 1 to 22: the last one is when it started.
/// let stat = "4700 (init) S 1 4700 4700 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 6000 0\n";
/// let machine = MemorySource::new().with("/proc/4700/stat", stat);
/// assert!(still_running(&machine, Init { pid: 4700, start_ticks: 6000 }));
/// assert!(!still_running(&machine, Init { pid: 4700, start_ticks: 5999 }), "another one with its number");
/// ```
#[must_use]
pub fn still_running(source: &(impl Source + ?Sized), init: Init) -> bool {
    start_ticks(&source, init.pid) == Ok(init.start_ticks)
}

/// What is read of every caller.
pub(super) struct Caller {
    pub(super) pid: Pid,
    /// Read first and once more at the end: what was read between is all of one process.
    started: u64,
    /// Its `/proc/PID/cgroup`.
    pub(super) cgroup: Bytes,
}

impl Caller {
    pub(super) fn look(source: &dyn Source, pid: Pid) -> Result<Self, ResolveError> {
        let started = start_ticks(source, pid)?;
        Ok(Self {
            pid,
            started,
            cgroup: read(source, pid, "cgroup")?,
        })
    }

    /// Fails if the caller has ended meanwhile.
    pub(super) fn still_asks(&self, source: &dyn Source) -> Result<(), ResolveError> {
        let same = start_ticks(source, self.pid) == Ok(self.started);
        if same {
            Ok(())
        } else {
            Err(ResolveError::Gone { pid: self.pid })
        }
    }
}

/// A container, and what its init's `/proc/PID/cgroup` was when it was found.
pub(super) struct Found {
    pub(super) container: Container,
    pub(super) init_cgroup: Bytes,
}

pub(super) fn resolve(
    source: &dyn Source,
    hierarchies: &Hierarchies,
    caller: &Caller,
    ask_kernel: fn(Pid) -> Option<Pid>,
) -> Result<Found, ResolveError> {
    let pid = caller.pid;
    let asker = Asker::look(source, pid)?;
    let own = hierarchies.cgroups(&caller.cgroup);
    let found = if asker.is_of_the_host() {
        let container = Container {
            caller: pid,
            init: None,
            cgroups: own,
        };
        Found {
            container,
            init_cgroup: Bytes::new(),
        }
    } else {
        let Some(init) = asker.init(&own, ask_kernel) else {
            caller.still_asks(source)?;
            return Err(asker.not_found());
        };
        let init_cgroup = read(source, init.pid, "cgroup").map_err(|error| error.of_init(pid))?;
        // Without it two rules are left; whether the init has ended is seen below.
        let mountinfo = read(source, init.pid, "mountinfo").unwrap_or_default();
        let cgroups = membership::container_cgroups(hierarchies, &init_cgroup, &mountinfo, &own);
        if !still_running(&source, init) {
            return Err(ResolveError::Gone { pid });
        }
        let container = Container {
            caller: pid,
            init: Some(init),
            cgroups,
        };
        Found { container, init_cgroup }
    };
    caller.still_asks(source)?;
    Ok(found)
}

/// When a process started, in ticks since boot.
pub(super) fn start_ticks(source: &dyn Source, pid: Pid) -> Result<u64, ResolveError> {
    let stat = read(source, pid, "stat")?;
    task::start_ticks(&stat).map_err(|source| ResolveError::Malformed { pid, source })
}

/// One of the files of a process.
pub(super) fn read(source: &dyn Source, pid: Pid, name: &str) -> Result<Bytes, ResolveError> {
    source
        .read(&path(pid, name))
        .map_err(|error| ResolveError::of_process(error, pid))
}

/// `/proc/PID/name`.
pub(super) fn path(pid: Pid, name: &str) -> PathBuf {
    PathBuf::from(format!("/proc/{pid}/{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cgroup::Controller;
    use crate::source::{MemorySource, SourceError, SourceErrorKind};

    const HOST: &str = "pid:[4026531836]";
    const CT: &str = "pid:[4026532001]";
    const NESTED: &str = "pid:[4026532002]";

    /// A host with cgroup v2 whose own processes are 1 and 500.
    fn machine() -> MemorySource {
        let machine = MemorySource::new()
            .with(
                "/proc/self/mountinfo",
                "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
            )
            .with_link("/proc/self/ns/pid", HOST);
        let machine = process(machine, 1, HOST, 0, "1", "/init.scope");
        process(machine, 500, HOST, 1, "500", "/system.slice/shim")
    }

    /// Adds a process; `numbers` as in NSpid, the first one the pid itself.
    fn process(machine: MemorySource, pid: Pid, ns: &str, parent: Pid, numbers: &str, cgroup: &str) -> MemorySource {
        let dir = PathBuf::from(format!("/proc/{pid}"));
        machine
            .with_link(dir.join("ns/pid"), ns)
            .with(
                dir.join("status"),
                format!("Name:\tx\nPPid:\t{parent}\nNStgid:\t{numbers}\nNSpid:\t{numbers}\n"),
            )
            .with(
                dir.join("stat"),
                format!("{pid} (a) b) S 1 2 3 0 -1 1 5 6 7 8 9 10 11 12 20 0 1 0 {pid}00 9 1\n"),
            )
            .with(dir.join("cgroup"), format!("0::{cgroup}\n"))
    }

    fn asked(machine: &MemorySource, pid: Pid) -> Result<Container, ResolveError> {
        let hierarchies = crate::live::hierarchies(machine).unwrap();
        container_of(machine, &hierarchies, pid)
    }

    /// The init that was found, and the cgroup.
    fn found(machine: &MemorySource, pid: Pid) -> (Option<Pid>, String) {
        let container = asked(machine, pid).unwrap();
        assert_eq!(container.caller, pid);
        if let Some(init) = container.init {
            assert_eq!(init.start_ticks, u64::from(init.pid) * 100);
        }
        let memory = container.cgroups.get(Controller::Memory).unwrap().path();
        (container.init.map(|init| init.pid), memory.display().to_string())
    }

    #[test]
    fn a_process_of_the_host_is_in_its_own_cgroup_and_has_no_init() {
        assert_eq!(found(&machine(), 500), (None, "/system.slice/shim".to_owned()));
    }

    #[test]
    fn a_host_process_whose_namespace_may_not_be_read_is_told_by_its_one_number() {
        let machine = machine().with_error("/proc/1/ns/pid", SourceErrorKind::PermissionDenied);
        assert_eq!(found(&machine, 1), (None, "/init.scope".to_owned()));
    }

    #[test]
    fn an_init_finds_itself() {
        let machine = process(machine(), 900, CT, 500, "900\t1", "/ct");
        assert_eq!(found(&machine, 900), (Some(900), "/ct".to_owned()));
    }

    #[test]
    fn a_thread_of_an_init_finds_its_process() {
        let machine = process(machine(), 900, CT, 500, "900\t1", "/ct");
        // FUSE names the thread. `/proc/TID` exists, although it is not listed.
        let machine = process(machine, 907, CT, 500, "900\t1", "/ct");
        assert_eq!(found(&machine, 907), (Some(900), "/ct".to_owned()));
    }

    #[test]
    fn a_descendant_finds_the_init_by_its_ancestors_even_without_reading_namespaces() {
        let machine = process(machine(), 900, CT, 500, "900\t1", "/ct/init.scope");
        let machine = process(machine, 901, CT, 900, "901\t2", "/ct/system.slice/a");
        let machine = process(machine, 902, CT, 901, "902\t3", "/ct/system.slice/a");
        assert_eq!(found(&machine, 902), (Some(900), "/ct".to_owned()));
        let secret = [900, 901, 902].into_iter().fold(machine, |machine, pid| {
            machine.with_error(path(pid, "ns/pid"), SourceErrorKind::PermissionDenied)
        });
        assert_eq!(found(&secret, 902), (Some(900), "/ct".to_owned()));
    }

    #[test]
    fn a_process_that_entered_finds_the_init_in_its_cgroup_or_above() {
        let machine = process(machine(), 900, CT, 500, "900\t1", "/ct");
        let machine = process(machine, 950, CT, 500, "950\t40", "/ct/exec")
            .with("/sys/fs/cgroup/ct/exec/cgroup.procs", "950\n")
            .with("/sys/fs/cgroup/ct/cgroup.procs", "900\n")
            .with_error("/proc", SourceErrorKind::PermissionDenied);
        assert_eq!(found(&machine, 950), (Some(900), "/ct".to_owned()));
    }

    #[test]
    fn a_process_that_entered_from_elsewhere_finds_the_init_among_all_and_keeps_its_cgroup() {
        let machine = process(machine(), 900, CT, 500, "900\t1", "/ct");
        let machine = process(machine, 899, NESTED, 500, "899\t1", "/other");
        let machine = process(machine, 950, CT, 500, "950\t40", "/user.slice");
        assert_eq!(found(&machine, 950), (Some(900), "/user.slice".to_owned()));
    }

    #[test]
    fn a_pod_with_one_pid_namespace_is_many_containers() {
        let machine = process(machine(), 900, CT, 500, "900\t1", "/pod/pause");
        let machine = process(machine, 960, CT, 900, "960\t7", "/pod/app");
        assert_eq!(found(&machine, 960), (Some(900), "/pod/app".to_owned()));
    }

    #[test]
    fn a_container_in_a_container_has_its_own_init() {
        let machine = process(machine(), 900, CT, 500, "900\t1", "/ct");
        let machine = process(machine, 910, CT, 900, "910\t5", "/ct/shim");
        let machine = process(machine, 920, NESTED, 910, "920\t6\t1", "/ct/inner");
        let machine = process(machine, 921, NESTED, 920, "921\t7\t2", "/ct/inner");
        // Entered: its parent is of the outer container.
        let machine = process(machine, 922, NESTED, 910, "922\t8\t3", "/ct/inner");
        assert_eq!(found(&machine, 921), (Some(920), "/ct/inner".to_owned()));
        assert_eq!(found(&machine, 922), (Some(920), "/ct/inner".to_owned()));
        assert_eq!(found(&machine, 910), (Some(900), "/ct".to_owned()));
    }

    #[test]
    fn what_the_init_has_mounted_says_where_it_was_put() {
        let machine = process(machine(), 900, CT, 500, "900\t1", "/docker/a/init").with(
            "/proc/900/mountinfo",
            "9 8 0:26 /docker/a /sys/fs/cgroup ro - cgroup2 cgroup rw\n",
        );
        assert_eq!(found(&machine, 900), (Some(900), "/docker/a".to_owned()));
    }

    #[test]
    fn a_false_answer_of_the_kernel_is_not_believed() {
        let machine = process(machine(), 900, CT, 500, "900\t1", "/ct");
        let machine = process(machine, 901, CT, 900, "901\t2", "/ct");
        let hierarchies = crate::live::hierarchies(&machine).unwrap();
        for answer in [|_| Some(500), |_| Some(901), |_| Some(77)] {
            let caller = Caller::look(&machine, 901).unwrap();
            let found = resolve(&machine, &hierarchies, &caller, answer).unwrap();
            assert_eq!(found.container.init.unwrap().pid, 900);
        }
    }

    #[test]
    fn errors_say_what_to_do() {
        let error = asked(&machine(), 77).unwrap_err();
        assert_eq!(error, ResolveError::NoSuchProcess { pid: 77 });
        let lone = process(machine(), 950, CT, 500, "950\t40", "/");
        assert_eq!(asked(&lone, 950).unwrap_err(), ResolveError::InitNotFound { pid: 950 });
        let secret = lone.with_error("/proc/950/ns/pid", SourceErrorKind::PermissionDenied);
        assert_eq!(
            asked(&secret, 950).unwrap_err().to_string(),
            "process 950: /proc/950/ns/pid: permission denied; run as root of the host with CAP_SYS_PTRACE"
        );
        let odd = machine().with("/proc/500/stat", "500 x");
        assert!(matches!(
            asked(&odd, 500).unwrap_err(),
            ResolveError::Malformed { pid: 500, .. }
        ));
    }

    #[test]
    fn an_init_is_told_from_the_next_process_with_its_number() {
        let machine = process(machine(), 900, CT, 500, "900\t1", "/ct");
        assert!(still_running(
            &machine,
            Init {
                pid: 900,
                start_ticks: 90_000
            }
        ));
        assert!(!still_running(
            &machine,
            Init {
                pid: 900,
                start_ticks: 1
            }
        ));
        assert!(!still_running(
            &machine,
            Init {
                pid: 901,
                start_ticks: 1
            }
        ));
    }

    /// A source in which a process is another one from the second look on.
    struct Reused(MemorySource, Pid, std::cell::Cell<u32>);

    impl Source for Reused {
        fn read(&self, asked: &std::path::Path) -> Result<Bytes, SourceError> {
            if asked == path(self.1, "stat") {
                self.2.set(self.2.get() + 1);
                if self.2.get() > 1 {
                    return Ok("900 (new) S 1 2 3 0 -1 1 5 6 7 8 9 10 11 12 20 0 1 0 99999 9 1\n".into());
                }
            }
            self.0.read(asked)
        }
        fn list(&self, dir: &std::path::Path) -> Result<Vec<crate::source::Entry>, SourceError> {
            self.0.list(dir)
        }
        fn read_link(&self, path: &std::path::Path) -> Result<PathBuf, SourceError> {
            self.0.read_link(path)
        }
    }

    #[test]
    fn a_number_that_is_given_to_another_process_meanwhile_is_an_error() {
        let machine = process(machine(), 900, CT, 500, "900\t1", "/ct");
        let machine = process(machine, 901, CT, 900, "901\t2", "/ct");
        let hierarchies = crate::live::hierarchies(&machine).unwrap();
        for pid in [900, 901] {
            let reused = Reused(machine.clone(), pid, std::cell::Cell::new(0));
            assert_eq!(
                container_of(&reused, &hierarchies, 901),
                Err(ResolveError::Gone { pid: 901 })
            );
        }
    }
}
