//! From pid to container on the running kernel: real pid namespaces, real cgroups, and the search and the kernel's own
//! answer side by side.
#![cfg(feature = "live")]
#![expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "tests of the running machine"
)]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "the helpers of a test fail as the test does"
)]

mod live_support;

use std::path::Path;
use std::time::Duration;

use live_support::{Shell, TestCgroup, require_root, skipped};
use lxcfs_core::cgroup::Controller;
use lxcfs_core::live::{
    Recorder, Recording, ResolveError, Resolver, Root, boot_time, container_of, container_of_live, hierarchies,
    still_running,
};
use lxcfs_core::{Container, Source as _, TICK_NSEC};

/// Starts a pid namespace that ends with its shell.
const UNSHARE: &str = "exec unshare --fork --kill-child --pid --mount-proc";

/// What is found in both ways and from a record of it.
fn resolved(pid: u32) -> Container {
    let host = Root::host();
    let hierarchies = hierarchies(&host).unwrap();
    let searched = container_of(&host, &hierarchies, pid).unwrap();
    let asked = container_of_live(&host, &hierarchies, pid).unwrap();
    assert_eq!(searched, asked, "the search and the kernel agree");

    let resolver = Resolver::new(&host, hierarchies.clone());
    for _ in 0..2 {
        assert_eq!(resolver.container_of(pid).unwrap(), asked, "a memory changes nothing");
    }

    let recorder = Recorder::new(&host);
    let mounted = lxcfs_core::live::hierarchies(&recorder).unwrap();
    let recorded = container_of(&recorder, &mounted, pid).unwrap();
    assert_eq!(recorded, asked, "a recorder changes nothing");
    let dir = tempfile::tempdir().unwrap();
    recorder.write_to(dir.path(), &recorded, boot_time(), false).unwrap();
    let recording = Recording::open(dir.path()).unwrap();
    let mounted = lxcfs_core::live::hierarchies(recording.source()).unwrap();
    let replayed = container_of(recording.source(), &mounted, pid).unwrap();
    assert_eq!(replayed, asked, "the record gives the same answer");
    assert_eq!(recording.container(), asked);
    asked
}

fn memory(container: &Container) -> &Path {
    let path = container.cgroups.get(Controller::Memory).unwrap();
    path.dir().strip_prefix(path.mount()).unwrap()
}

fn cgroup(test_name: &str) -> Option<TestCgroup> {
    if !require_root(test_name) {
        return None;
    }
    let cgroup = TestCgroup::new();
    if cgroup.is_none() {
        skipped(test_name, "needs a cgroup hierarchy that it can write to");
    }
    cgroup
}

fn below_root(path: &Path) -> &Path {
    path.strip_prefix("/").unwrap()
}

#[test]
fn this_process_is_of_its_own_namespace_and_has_no_init() {
    let container = resolved(std::process::id());
    assert_eq!((container.caller, container.init), (std::process::id(), None));
}

#[test]
fn the_hosts_first_process_is_of_the_host_even_if_its_namespace_may_not_be_read() {
    assert_eq!(resolved(1).init, None);
}

#[test]
fn a_pid_that_nobody_has_is_an_error() {
    let host = Root::host();
    let hierarchies = hierarchies(&host).unwrap();
    for pid in [0, u32::MAX] {
        assert_eq!(
            container_of_live(&host, &hierarchies, pid),
            Err(ResolveError::NoSuchProcess { pid })
        );
    }
}

#[test]
fn an_init_and_its_children_are_in_the_cgroup_that_it_was_put_into() {
    let Some(cgroup) = cgroup("an_init_and_its_children") else {
        return;
    };
    cgroup.make_child("app");
    let shell = Shell::run(&format!(
        "{}{UNSHARE} sh -c '(for d in {dirs}; do echo 0 > $d/app/cgroup.procs; done; exec sleep 1001) & exec sleep 1000'",
        cgroup.enter(""),
        dirs = cgroup
            .dirs()
            .iter()
            .map(|dir| dir.display().to_string())
            .collect::<Vec<_>>()
            .join(" "),
    ));
    let init = shell.descendant("sleep 1000");
    let child = shell.descendant("sleep 1001");
    for pid in [init, child] {
        let container = resolved(pid);
        let found = container.init.unwrap();
        assert_eq!(found.pid, init);
        assert_eq!(memory(&container), below_root(&cgroup.path()));
        let age = boot_time()
            .checked_sub(Duration::from_nanos(found.start_ticks * TICK_NSEC))
            .unwrap();
        assert!(age.as_secs() < 60, "started {age:?} ago");
    }
    // Those outside: unshare itself is in the cgroup and not in the namespace.
    assert_eq!(resolved(shell.pid()).init, None);
    let init = resolved(init).init.unwrap();
    assert!(still_running(&Root::host(), init));
    drop(shell);
    // It is killed with its parent and stays a zombie until somebody has waited for it.
    let ended = (0..500).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        !still_running(&Root::host(), init)
    });
    assert!(ended);
}

#[test]
fn a_process_that_entered_finds_the_init_from_inside_and_outside_its_cgroup() {
    let Some(cgroup) = cgroup("a_process_that_entered") else {
        return;
    };
    let Some(elsewhere) = TestCgroup::new() else { return };
    let shell = Shell::run(&format!("{}{UNSHARE} sleep 1010", cgroup.enter("")));
    let init = shell.descendant("sleep 1010");
    let enter = |cgroup: &TestCgroup, seconds: u32| {
        let text = format!("{}exec nsenter --target {init} --pid sleep {seconds}", cgroup.enter(""));
        let shell = Shell::run(&text);
        let pid = shell.descendant(&format!("sleep {seconds}"));
        (shell, pid)
    };
    let (_mate, pid) = enter(&cgroup, 1011);
    let container = resolved(pid);
    assert_eq!(container.init.unwrap().pid, init);
    assert_eq!(memory(&container), below_root(&cgroup.path()));
    let (_stranger, pid) = enter(&elsewhere, 1012);
    let container = resolved(pid);
    assert_eq!(container.init.unwrap().pid, init);
    assert_eq!(
        memory(&container),
        below_root(&elsewhere.path()),
        "its own cgroup confines it"
    );
}

#[test]
fn a_namespace_in_a_namespace_has_its_own_init() {
    let Some(cgroup) = cgroup("a_namespace_in_a_namespace") else {
        return;
    };
    cgroup.make_child("inner");
    let inner: String = cgroup
        .dirs()
        .iter()
        .map(|dir| format!("echo 0 > {}/inner/cgroup.procs; ", dir.display()))
        .collect();
    let shell = Shell::run(&format!(
        "{}{UNSHARE} sh -c '({inner} {UNSHARE} sleep 1021) & exec sleep 1020'",
        cgroup.enter("")
    ));
    let outer = shell.descendant("sleep 1020");
    let inner = shell.descendant("sleep 1021");
    assert_eq!(resolved(outer).init.unwrap().pid, outer);
    let container = resolved(inner);
    assert_eq!(container.init.unwrap().pid, inner);
    assert_eq!(memory(&container), below_root(&cgroup.path().join("inner")));
}

#[test]
fn systemds_own_scope_is_not_the_container() {
    let Some(cgroup) = cgroup("systemds_own_scope") else {
        return;
    };
    cgroup.make_child("init.scope");
    let shell = Shell::run(&format!("{}{UNSHARE} sleep 1030", cgroup.enter("init.scope")));
    let container = resolved(shell.descendant("sleep 1030"));
    assert_eq!(memory(&container), below_root(&cgroup.path()));
}

#[test]
fn what_an_init_has_mounted_says_where_it_was_put() {
    let Some(cgroup) = cgroup("what_an_init_has_mounted") else {
        return;
    };
    cgroup.make_child("init");
    let binds: String = cgroup
        .dirs()
        .iter()
        .map(|dir| format!("mount --bind {0} {0} && ", dir.display()))
        .collect();
    // Seen by the init alone: unshare makes a mount namespace of its own.
    let shell = Shell::run(&format!(
        "{}{UNSHARE} sh -c '{binds} exec sleep 1040'",
        cgroup.enter("init")
    ));
    let container = resolved(shell.descendant("sleep 1040"));
    assert_eq!(memory(&container), below_root(&cgroup.path()));
}

#[test]
fn a_recording_of_a_container_has_its_links() {
    let Some(cgroup) = cgroup("a_recording_of_a_container") else {
        return;
    };
    let shell = Shell::run(&format!("{}{UNSHARE} sleep 1050", cgroup.enter("")));
    let pid = shell.descendant("sleep 1050");
    let recorder = Recorder::new(Root::host());
    let hierarchies = hierarchies(&recorder).unwrap();
    let container = container_of(&recorder, &hierarchies, pid).unwrap();
    let dir = tempfile::tempdir().unwrap();
    recorder.write_to(dir.path(), &container, boot_time(), true).unwrap();
    let link = Root::at(dir.path())
        .read_link(Path::new(&format!("/proc/{pid}/ns/pid")))
        .unwrap();
    assert!(link.to_str().unwrap().starts_with("pid:["));
    let status = Root::at(dir.path())
        .read(Path::new(&format!("/proc/{pid}/status")))
        .unwrap();
    assert!(status.starts_with(b"Name:\tx\n"), "scrubbed");
}
