//! From pid to container on the running kernel: real pid namespaces, real cgroups, and the search and the kernel's own
//! answer side by side.
#![cfg(feature = "live")]
#![expect(clippy::disallowed_methods, reason = "tests of the running machine")]
#![expect(clippy::unwrap_used, reason = "the helpers of a test fail as the test does")]

use std::fs;
use std::path::Path;
use std::time::Duration;

use lxcfs_core::cgroup::Controller;
use lxcfs_core::live::{
    Recorder, Recording, ResolveError, Resolver, Root, boot_time, container_of, container_of_live, hierarchies,
    still_running,
};
use lxcfs_core::{Container, Source as _, TICK_NSEC};
use lxcfs_testing::{Caller, Cgroup, Container as Shown, Limits, Machine, Running, machine_has, wait_until};

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

/// A cgroup of the test's own; none on a machine that cannot have one.
fn cgroup() -> Option<Cgroup> {
    machine_has(&[Machine::Root, Machine::Cgroups]).then(|| Cgroup::new(&Limits::default()))
}

/// Starts a process that waits. When this returns, it is where the caller is.
fn waiting<'a>(caller: Caller<'a>) -> Running<'a> {
    let process = caller.start(&["sleep", "600"]);
    wait_until("it sleeps", || name(process.pid()) == "sleep");
    process
}

fn name(pid: u32) -> String {
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    name.trim_end().to_owned()
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
    let Some(cgroup) = cgroup() else { return };
    let container = Shown::start(&cgroup);
    let app = cgroup.group("app");
    let child = waiting(container.caller().within(&app));
    for pid in [container.init(), child.pid()] {
        let found = resolved(pid);
        let init = found.init.unwrap();
        assert_eq!(init.pid, container.init());
        assert_eq!(memory(&found), cgroup.path());
        let age = boot_time()
            .checked_sub(Duration::from_nanos(init.start_ticks * TICK_NSEC))
            .unwrap();
        assert!(age.as_secs() < 60, "started {age:?} ago");
    }
    // Who is in the cgroup and not in the namespace is not of the container.
    let outside = waiting(Caller::host().within(&cgroup));
    assert_eq!(resolved(outside.pid()).init, None);

    let init = resolved(container.init()).init.unwrap();
    assert!(still_running(&Root::host(), init));
    drop((child, outside));
    drop(container);
    assert!(!still_running(&Root::host(), init));
}

#[test]
fn a_process_that_entered_finds_the_init_from_inside_and_outside_its_cgroup() {
    let Some(cgroup) = cgroup() else { return };
    let elsewhere = Cgroup::new(&Limits::default());
    let container = Shown::start(&cgroup);
    let mate = waiting(container.caller());
    let found = resolved(mate.pid());
    assert_eq!(found.init.unwrap().pid, container.init());
    assert_eq!(memory(&found), cgroup.path());
    let stranger = waiting(container.caller().within(&elsewhere));
    let found = resolved(stranger.pid());
    assert_eq!(found.init.unwrap().pid, container.init());
    assert_eq!(memory(&found), elsewhere.path(), "its own cgroup confines it");
}

#[test]
fn a_namespace_in_a_namespace_has_its_own_init() {
    let Some(cgroup) = cgroup() else { return };
    let outer = Shown::start(&cgroup);
    let below = cgroup.group("inner");
    let inner = outer.nested(&below);
    assert_eq!(resolved(outer.init()).init.unwrap().pid, outer.init());
    let found = resolved(inner.init());
    assert_eq!(found.init.unwrap().pid, inner.init());
    assert_eq!(memory(&found), below.path());
}

#[test]
fn systemds_own_scope_is_not_the_container() {
    let Some(cgroup) = cgroup() else { return };
    let scope = cgroup.child("init.scope", &Limits::default());
    let container = Shown::start(&scope);
    assert_eq!(memory(&resolved(container.init())), cgroup.path());
}

#[test]
fn what_an_init_has_mounted_says_where_it_was_put() {
    let Some(cgroup) = cgroup() else { return };
    let below = cgroup.child("init", &Limits::default());
    let binds: String = cgroup
        .dirs()
        .map(|dir| format!("mount --bind {0} {0} && ", dir.display()))
        .collect();
    // Seen by the init alone: unshare makes a mount namespace of its own.
    let unshare = ["unshare", "--fork", "--kill-child", "--pid", "--mount-proc"];
    let script = format!("{binds} exec sleep 600");
    let started = Caller::host()
        .within(&below)
        .start(&[&unshare[..], &["sh", "-c", &script]].concat());
    let pid = started.pid();
    let child = || fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    let init = || child().trim().parse::<u32>().ok();
    wait_until("it sleeps", || init().is_some_and(|init| name(init) == "sleep"));
    assert_eq!(memory(&resolved(init().unwrap())), cgroup.path());
}

#[test]
fn a_recording_of_a_container_has_its_links() {
    let Some(cgroup) = cgroup() else { return };
    let shown = Shown::start(&cgroup);
    let pid = shown.init();
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
