//! Other daemons, and their containers.

use lxcfs_fuse::heal::State;
use lxcfs_testing::wait_until;

use super::cgroup;
use super::host::{Container, Host, OWN_MEM_TOTAL};

#[test]
fn the_files_of_another_daemon_that_lives_are_left_alone() {
    let Some(cgroup) = cgroup() else { return };
    let (host, other) = (Host::new(), Host::new());
    let first = host.start(&["--no-sweep"]);
    let _living = other.start(&["--no-sweep"]);
    let container = Container::new(&format!(
        "mount --bind {} /proc/meminfo; mount --bind {} /proc/uptime",
        host.file("proc/meminfo"),
        other.file("proc/uptime")
    ));
    let before = container.layers("/proc/uptime");
    first.kill();
    let _second = host.start(&["--no-sweep"]);
    let mut sweep = host.sweep(&[&container]);
    sweep.devices = None;
    let report = sweep.run().unwrap();
    assert!(report.is_whole(), "{report:?}");
    assert!(report.others.contains(&(other.device(), State::Served)), "{report:?}");
    assert_eq!(container.layers("/proc/uptime"), before);
    assert_eq!(container.mem_total(&cgroup).unwrap(), OWN_MEM_TOTAL);
}

#[test]
fn a_daemon_that_starts_heals_the_containers_of_those_before_it_and_not_those_of_another() {
    let Some(cgroup) = cgroup() else { return };
    let (host, other) = (Host::new(), Host::new());
    let first = host.start(&[]);
    let others_first = other.start(&[]);
    let mine = Container::new(&format!("mount --bind {} /proc/meminfo", host.file("proc/meminfo")));
    let theirs = Container::new(&format!("mount --bind {} /proc/meminfo", other.file("proc/meminfo")));
    first.kill();
    others_first.kill();
    let second = host.start(&[]);
    second.says(" healed ");
    assert_eq!(mine.mem_total(&cgroup).unwrap(), OWN_MEM_TOTAL);
    assert_eq!(theirs.mem_total(&cgroup), None);
    let _others_second = other.start(&[]);
    wait_until("the other is healed by its own daemon", || {
        theirs.mem_total(&cgroup).is_some()
    });
    assert_eq!(theirs.layers("/proc/meminfo")[0].device, other.device());
}
