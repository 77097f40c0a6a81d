//! Containers of every kind, and processes between them: each sees its own limits.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "this is test code"
)]

mod rig;

use lxcfs_testing::{Caller, Cgroup, Container, Daemon, Limits};
use rig::{meminfo, mounted};

fn mib(mib: u64) -> Limits {
    Limits::default().memory(mib << 20)
}

/// The memory that a caller is shown, in MiB.
fn shown(daemon: &Daemon, caller: Caller<'_>) -> u64 {
    // Twice: the second answer may come from what was remembered for the first.
    let [first, second] = [(), ()].map(|()| caller.read(&daemon.file("proc/meminfo")));
    let total = meminfo(&first, "MemTotal");
    assert_eq!(total, meminfo(&second, "MemTotal"));
    total >> 10
}

fn host(daemon: &Daemon) -> u64 {
    shown(daemon, Caller::host())
}

#[test]
fn containers_side_by_side_see_their_own() {
    let Some(daemon) = mounted() else { return };
    let cgroups = [64, 128, 256].map(|size| Cgroup::new(&mib(size)));
    let containers: Vec<_> = cgroups.iter().map(Container::start).collect();
    for _ in 0..2 {
        let sizes: Vec<_> = containers.iter().map(|one| shown(&daemon, one.caller())).collect();
        assert_eq!(sizes, [64, 128, 256]);
    }
}

#[test]
fn a_container_without_a_limit_sees_the_hosts_memory() {
    let Some(daemon) = mounted() else { return };
    let cgroup = Cgroup::new(&Limits::default());
    let container = Container::start(&cgroup);
    let total = std::fs::read_to_string("/proc/meminfo").unwrap();
    assert_eq!(shown(&daemon, container.caller()), meminfo(&total, "MemTotal") >> 10);
}

#[test]
fn a_limit_above_counts_too() {
    let Some(daemon) = mounted() else { return };
    let above = Cgroup::new(&mib(128));
    let below = above.child("container", &mib(512));
    let unlimited = above.child("other", &Limits::default());
    let (one, two) = (Container::start(&below), Container::start(&unlimited));
    assert_eq!(shown(&daemon, one.caller()), 128);
    assert_eq!(shown(&daemon, two.caller()), 128);
}

#[test]
fn a_container_in_a_container_sees_its_own_and_the_outer_one_its() {
    let Some(daemon) = mounted() else { return };
    let cgroup = Cgroup::new(&mib(512));
    // As systemd does it: what is in a cgroup that has others below it is in one of its own.
    let outer_init = cgroup.child("init.scope", &Limits::default());
    let inner_cgroup = cgroup.child("inner", &mib(96));
    let outer = Container::start(&outer_init);
    let inner = outer.nested(&inner_cgroup);
    assert_eq!(shown(&daemon, inner.caller()), 96);
    assert_eq!(shown(&daemon, outer.caller()), 512);
    // A process of the outer one in the cgroup of the inner one belongs to the outer.
    assert_eq!(shown(&daemon, outer.caller().within(&inner_cgroup)), 512);
}

#[test]
fn an_unprivileged_container_sees_its_own() {
    let Some(daemon) = mounted() else { return };
    let cgroup = Cgroup::new(&mib(80).cpu_percent(100));
    let container = Container::start_unprivileged(&cgroup);
    assert_eq!(shown(&daemon, container.caller()), 80);
    let bound = container.caller().with_files_of(&daemon);
    assert_eq!(meminfo(&bound.read("/proc/meminfo"), "MemTotal"), 80 << 10);
    assert_eq!(bound.text(&["getconf", "_NPROCESSORS_ONLN"]), "1\n");
    // Its root is nobody here.
    let refused = bound.run(&["sh", "-c", ": > /proc/meminfo"]);
    assert!(!refused.status.success());
}

#[test]
fn containers_of_a_pod_that_share_a_pid_namespace_see_their_own() {
    let Some(daemon) = mounted() else { return };
    let pod = Cgroup::new(&mib(256));
    let pause = pod.child("pause", &mib(32));
    let first = pod.child("first", &mib(64));
    let second = pod.child("second", &Limits::default());
    let container = Container::start(&pause);
    assert_eq!(shown(&daemon, container.caller()), 32);
    assert_eq!(shown(&daemon, container.caller().within(&first)), 64);
    assert_eq!(shown(&daemon, container.caller().within(&second)), 256);
}

#[test]
fn who_enters_a_container_from_another_cgroup_is_confined_by_that_one() {
    let Some(daemon) = mounted() else { return };
    let (cgroup, other) = (Cgroup::new(&mib(64)), Cgroup::new(&mib(200)));
    let container = Container::start(&cgroup);
    assert_eq!(shown(&daemon, container.caller().within(&other)), 200);
    assert_eq!(shown(&daemon, container.caller()), 64);
}

#[test]
fn a_process_in_a_cgroup_below_the_containers_is_the_containers() {
    let Some(daemon) = mounted() else { return };
    let cgroup = Cgroup::new(&mib(256));
    let init = cgroup.child("init.scope", &Limits::default());
    let service = cgroup.child("service", &mib(48));
    let container = Container::start(&init);
    assert_eq!(shown(&daemon, container.caller().within(&service)), 256);
}

#[test]
fn a_process_of_the_host_sees_what_confines_it() {
    let Some(daemon) = mounted() else { return };
    let before = host(&daemon);
    // A service, or a container with the host's pid namespace.
    let cgroup = Cgroup::new(&mib(64).cpu_percent(100));
    let caller = Caller::host().within(&cgroup);
    assert_eq!(shown(&daemon, caller), 64);
    let stat = caller.read(&daemon.file("proc/stat"));
    assert_eq!(stat.lines().filter(|line| line.starts_with("cpu")).count(), 2, "{stat}");
    // It has been up as long as the host.
    let uptime = |text: String| text.split('.').next().unwrap().parse::<u64>().unwrap();
    let hosts = uptime(std::fs::read_to_string("/proc/uptime").unwrap());
    assert!(uptime(caller.read(&daemon.file("proc/uptime"))) >= hosts);
    assert_eq!(host(&daemon), before);
}

#[test]
fn a_limit_that_is_changed_is_seen_at_once() {
    let Some(daemon) = mounted() else { return };
    let cgroup = Cgroup::new(&mib(64));
    let container = Container::start(&cgroup);
    assert_eq!(shown(&daemon, container.caller()), 64);
    let dir = cgroup.dir("memory").unwrap();
    let file = ["memory.max", "memory.limit_in_bytes"].map(|name| dir.join(name));
    let file = file.iter().find(|file| file.exists()).unwrap();
    std::fs::write(file, (96 << 20).to_string()).unwrap();
    // A rendering may be shown again for a few milliseconds.
    lxcfs_testing::wait_until("the new limit is shown", || {
        shown_once(&daemon, container.caller()) == 96
    });
}

fn shown_once(daemon: &Daemon, caller: Caller<'_>) -> u64 {
    meminfo(&caller.read(&daemon.file("proc/meminfo")), "MemTotal") >> 10
}
