//! The containers of tests are what they say they are.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "this is test code")]

use std::fs;
use std::path::PathBuf;

use lxcfs_testing::{Caller, Cgroup, Container, Limits, Machine, act_if_told, machine_has};

#[test]
fn act() {
    act_if_told(&[
        ("say", |words| {
            fs::write("/dev/stdout", format!("said {}\n", words.join(" "))).unwrap();
        }),
        ("fail", |_| panic!("as it was told")),
    ]);
}

fn can_run() -> bool {
    machine_has(&[Machine::Root, Machine::Cgroups])
}

/// The cgroups of a process as the kernel lists them.
fn cgroups_of(pid: &str) -> String {
    fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap()
}

fn in_cgroup(listed: &str, cgroup: &Cgroup) -> bool {
    listed.contains(&format!("/{}\n", cgroup.path().display()))
}

fn link(pid: u32, namespace: &str) -> PathBuf {
    fs::read_link(format!("/proc/{pid}/ns/{namespace}")).unwrap()
}

#[test]
fn a_container_has_a_pid_namespace_and_a_cgroup() {
    if !can_run() {
        return;
    }
    let cgroup = Cgroup::new(&Limits::default().memory(64 << 20).cpu_percent(50));
    let container = Container::start(&cgroup);
    assert!(in_cgroup(&cgroups_of(&container.init().to_string()), &cgroup));
    assert_ne!(link(container.init(), "pid"), link(std::process::id(), "pid"));
    // A process inside: the second or a later one there, in the cgroup.
    assert!(in_cgroup(&container.caller().read("/proc/self/cgroup"), &cgroup));
    let pid: u32 = container
        .caller()
        .text(&["sh", "-c", "echo $$"])
        .trim()
        .parse()
        .unwrap();
    assert!((2..100).contains(&pid), "{pid}");
    // And so is one of this program's own acts.
    assert!(
        container
            .caller()
            .act("say", &["a", "b"])
            .finish()
            .well()
            .text()
            .contains("said a b\n")
    );
    let failed = container.caller().act("fail", &[]).finish();
    assert!(!failed.status.success());
    assert!(failed.stderr.contains("as it was told"), "{}", failed.stderr);
}

#[test]
fn nothing_is_left_of_it() {
    if !can_run() {
        return;
    }
    let cgroup = Cgroup::new(&Limits::default());
    let dirs: Vec<PathBuf> = cgroup.dirs().map(PathBuf::from).collect();
    let container = Container::start(&cgroup);
    let init = container.init();
    let left = container.caller().start(&["sleep", "600"]);
    let pid = left.pid();
    drop(left);
    drop(container);
    drop(cgroup);
    assert!(dirs.iter().all(|dir| !dir.exists()));
    assert!(
        [init, pid]
            .iter()
            .all(|pid| !fs::exists(format!("/proc/{pid}")).unwrap())
    );
}

#[test]
fn an_unprivileged_one_has_a_user_namespace() {
    if !can_run() {
        return;
    }
    let cgroup = Cgroup::new(&Limits::default());
    let container = Container::start_unprivileged(&cgroup);
    assert_ne!(link(container.init(), "user"), link(std::process::id(), "user"));
    let map = container.caller().read("/proc/self/uid_map");
    assert_eq!(map.split_whitespace().collect::<Vec<_>>(), ["0", "100000", "65536"]);
    assert_eq!(container.caller().text(&["id", "-u"]), "0\n");
    assert!(in_cgroup(&container.caller().read("/proc/self/cgroup"), &cgroup));
}

#[test]
fn one_may_be_in_another() {
    if !can_run() {
        return;
    }
    let cgroup = Cgroup::new(&Limits::default().memory(512 << 20));
    let outer_own = cgroup.child("init.scope", &Limits::default());
    let inner_own = cgroup.child("inner", &Limits::default().memory(64 << 20));
    let outer = Container::start(&outer_own);
    let inner = outer.nested(&inner_own);
    let status = inner.caller().read("/proc/self/status");
    let numbers = status.lines().find_map(|line| line.strip_prefix("NSpid:")).unwrap();
    assert_eq!(numbers.split_whitespace().count(), 3, "{numbers}");
    assert!(in_cgroup(&inner.caller().read("/proc/self/cgroup"), &inner_own));
}

#[test]
fn a_caller_may_be_in_another_cgroup_than_its_container_or_in_none() {
    if !can_run() {
        return;
    }
    let (cgroup, other) = (Cgroup::new(&Limits::default()), Cgroup::new(&Limits::default()));
    let container = Container::start(&cgroup);
    let caller = container.caller().within(&other);
    assert!(in_cgroup(&caller.read("/proc/self/cgroup"), &other));
    assert!(in_cgroup(
        &Caller::host().within(&other).read("/proc/self/cgroup"),
        &other
    ));
    assert_eq!(Caller::host().read("/proc/self/cgroup"), cgroups_of("self"));
}
