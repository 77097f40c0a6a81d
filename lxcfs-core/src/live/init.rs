//! The first process of a caller's pid namespace, and the ways to find it.
//!
//! Each way proposes; what it proposes is checked against `/proc` before it is believed.

use std::path::{Path, PathBuf};

use super::resolve::{path, read, start_ticks};
use super::resolve_error::ResolveError;
use super::task::Task;
use crate::cgroup::{Cgroups, Controller};
use crate::container::{Init, Pid};
use crate::parse;
use crate::source::{Source, SourceErrorKind};

/// More generations than any process has ancestors. The walk ends at pid 1 of this `/proc` anyway, but a record may
/// say anything.
const MOST_ANCESTORS: usize = 4096;

/// A caller and where it stands among the pid namespaces.
pub(super) struct Asker<'a> {
    source: &'a dyn Source,
    pid: Pid,
    task: Task,
    /// `pid:[4026531836]`; `None` where it may not be read.
    namespace: Option<PathBuf>,
}

impl<'a> Asker<'a> {
    /// Reads the caller's status and namespace.
    pub(super) fn look(source: &'a dyn Source, pid: Pid) -> Result<Self, ResolveError> {
        let task = task(source, pid)?;
        let namespace = match source.read_link(&path(pid, "ns/pid")) {
            Ok(link) => Some(link),
            // Of a task with more capabilities than ours, the link may not be read, even by root.
            Err(error) if error.kind == SourceErrorKind::PermissionDenied => None,
            // Linux without pid namespaces: all are in one. A process that has ended is noticed when its files are read.
            Err(error) if error.kind == SourceErrorKind::NotFound => None,
            Err(error) => return Err(ResolveError::of_process(error, pid)),
        };
        Ok(Self {
            source,
            pid,
            task,
            namespace,
        })
    }

    /// Whether the caller is in our own pid namespace.
    pub(super) fn is_of_the_host(&self) -> bool {
        // Our own link is missing where this `/proc` is of another namespace than ours. Then, as where the caller's may
        // not be read, depth tells: one number is the namespace of `/proc` itself.
        let ours = self.source.read_link(Path::new("/proc/self/ns/pid")).ok();
        match (&ours, &self.namespace) {
            (Some(ours), Some(theirs)) => ours == theirs,
            _ => self.task.depth() <= 1,
        }
    }

    /// The first process of the caller's namespace, checked.
    pub(super) fn init(&self, own: &Cgroups, ask_kernel: fn(Pid) -> Option<Pid>) -> Option<Init> {
        ask_kernel(self.pid)
            .and_then(|pid| self.check(pid))
            .or_else(|| self.itself())
            .or_else(|| self.among_ancestors())
            .or_else(|| self.among_cgroup_mates(own))
            .or_else(|| self.among_all())
    }

    /// Why there is no init to be found.
    pub(super) fn not_found(&self) -> ResolveError {
        match self.namespace {
            Some(_) => ResolveError::InitNotFound { pid: self.pid },
            None => ResolveError::PermissionDenied {
                pid: self.pid,
                path: path(self.pid, "ns/pid"),
            },
        }
    }

    /// Whether that process is the first one of the caller's namespace. When it started is read before the rest, so
    /// that a process which takes over the number afterwards is told from it.
    fn check(&self, pid: Pid) -> Option<Init> {
        let start_ticks = start_ticks(self.source, pid).ok()?;
        let task = task(self.source, pid).ok()?;
        let same = match &self.namespace {
            Some(namespace) => self.is_in(pid, namespace),
            // Not to be told by the link; the ways that come here without one have told it by descent.
            None => task.depth() == self.task.depth(),
        };
        (same && task.is_first()).then_some(Init { pid, start_ticks })
    }

    fn is_in(&self, pid: Pid, namespace: &Path) -> bool {
        self.source
            .read_link(&path(pid, "ns/pid"))
            .is_ok_and(|link| link == namespace)
    }

    fn itself(&self) -> Option<Init> {
        self.task
            .is_first()
            .then(|| self.task.leader())
            .flatten()
            .and_then(|pid| self.check(pid))
    }

    /// A parent is in the namespace of its child or in one above it, never in another one of the same depth. So depth
    /// alone tells where the way up leaves the namespace: at once for a process that entered it by `setns`.
    fn among_ancestors(&self) -> Option<Init> {
        let mut pid = self.task.parent;
        for _ in 0..MOST_ANCESTORS {
            let ancestor = task(self.source, pid).ok()?;
            if ancestor.depth() != self.task.depth() {
                return None;
            }
            if ancestor.is_first() {
                return self.check(pid);
            }
            pid = ancestor.parent;
        }
        None
    }

    /// Those in the caller's cgroup and in the ones above it: where `docker exec` puts its processes, for one.
    fn among_cgroup_mates(&self, own: &Cgroups) -> Option<Init> {
        let namespace = self.namespace.as_deref()?;
        own.get(Controller::Tasks)?.levels().find_map(|dir| {
            // A threaded cgroup does not list its processes; the ones above do.
            let pids = self.source.read_in(dir, "cgroup.procs").unwrap_or_default();
            parse::lines(&pids)
                .filter_map(|line| Pid::try_from(parse::number(line)?).ok())
                .filter(|pid| self.is_in(*pid, namespace))
                .find_map(|pid| self.check(pid))
        })
    }

    /// Everybody: thousands of links on a busy host, but no caller is left without an answer.
    fn among_all(&self) -> Option<Init> {
        let namespace = self.namespace.as_deref()?;
        let entries = self.source.list(Path::new("/proc")).unwrap_or_default();
        entries
            .iter()
            .filter_map(|entry| entry.name.parse::<Pid>().ok())
            .filter(|pid| self.is_in(*pid, namespace))
            .find_map(|pid| self.check(pid))
    }
}

fn task(source: &dyn Source, pid: Pid) -> Result<Task, ResolveError> {
    let status = read(source, pid, "status")?;
    Task::parse(&status).map_err(|source| ResolveError::Malformed { pid, source })
}
