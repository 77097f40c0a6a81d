//! A container: a pid namespace, whose first process only waits, in a cgroup.

use std::fs::{self, File};
use std::process::{Child, Command, Stdio};

use crate::caller::Caller;
use crate::cgroup::Cgroup;
use crate::patience::{PATIENCE, becomes_true, wait_until};
use crate::pid_namespace::{Birth, spawn};

/// The first of the ids that root and the others of an unprivileged container are outside of it.
const FIRST_ID: u32 = 100_000;

/// A container, there until it is dropped.
#[derive(Debug)]
pub struct Container<'c> {
    cgroup: &'c Cgroup,
    /// What we started: the first process, or what has started that.
    started: Child,
    init: u32,
    namespace: File,
    unprivileged: bool,
}

impl<'c> Container<'c> {
    /// Starts one.
    #[must_use]
    pub fn start(cgroup: &'c Cgroup) -> Self {
        let started = wait_for_the_end(Birth::New, &[]);
        let init = started.id();
        Self::of(cgroup, started, init, false)
    }

    /// Starts one in a user namespace of its own, whose root is nobody outside.
    #[must_use]
    pub fn start_unprivileged(cgroup: &'c Cgroup) -> Self {
        let started = wait_for_the_end(
            Birth::Here,
            &["unshare", "--user", "--pid", "--fork", "--kill-child=KILL"],
        );
        let init = only_child(started.id());
        for map in ["uid_map", "gid_map"] {
            fs::write(format!("/proc/{init}/{map}"), format!("0 {FIRST_ID} 65536")).unwrap();
        }
        Self::of(cgroup, started, init, true)
    }

    /// Starts one inside this one.
    #[must_use]
    pub fn nested(&self, cgroup: &'c Cgroup) -> Self {
        let started = wait_for_the_end(
            Birth::In(&self.namespace),
            &["unshare", "--pid", "--fork", "--kill-child=KILL"],
        );
        let init = only_child(started.id());
        self.cgroup.attach(started.id());
        Self::of(cgroup, started, init, false)
    }

    fn of(cgroup: &'c Cgroup, started: Child, init: u32, unprivileged: bool) -> Self {
        // It is dropped, and the processes with it, whatever happens from here on.
        let container = Self {
            cgroup,
            started,
            init,
            namespace: File::open(format!("/proc/{init}/ns/pid")).unwrap(),
            unprivileged,
        };
        cgroup.attach(init);
        container
    }

    /// Its first process, as the host numbers it.
    #[must_use]
    pub fn init(&self) -> u32 {
        self.init
    }

    /// Its cgroup.
    #[must_use]
    pub fn cgroup(&self) -> &'c Cgroup {
        self.cgroup
    }

    /// Where its commands run: in its namespaces and in its cgroup.
    #[must_use]
    pub fn caller(&self) -> Caller<'_> {
        Caller::of(self).within(self.cgroup)
    }

    pub(crate) fn namespace(&self) -> &File {
        &self.namespace
    }

    pub(crate) fn is_unprivileged(&self) -> bool {
        self.unprivileged
    }
}

impl Drop for Container<'_> {
    fn drop(&mut self) {
        // The kernel kills all others with the first; who started it kills it as it dies.
        let _ = self.started.kill();
        let _ = becomes_true(PATIENCE, || !matches!(self.started.try_wait(), Ok(None)));
    }
}

/// A process that waits until we are gone, started by those words.
fn wait_for_the_end(birth: Birth<'_>, words: &[&str]) -> Child {
    let mut words = words.iter().chain(&["cat"]);
    let mut command = Command::new(words.next().unwrap_or(&"cat"));
    command
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    spawn(birth, &mut command).expect("a container can be started")
}

fn only_child(pid: u32) -> u32 {
    let mut child = None;
    wait_until("the first process of a container is there", || {
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
        child = children.trim().parse().ok();
        child.is_some()
    });
    child.unwrap()
}
