//! What a daemon does for the containers of the one before, by itself.

use lxcfs_testing::wait_until;
use nix::sys::signal::Signal;

use super::cgroup;
use super::host::{Container, Host, OWN_MEM_TOTAL};
use super::watch::Watcher;

#[test]
fn a_restart_heals_and_nobody_sees_the_host() {
    let Some(cgroup) = cgroup() else { return };
    let host = Host::new();
    let first = host.start(&[]);
    let container = Container::new(&format!("mount --bind {} /proc/meminfo", host.file("proc/meminfo")));
    let watcher = Watcher::start(&host, &container, &cgroup);
    first.kill();
    let _second = host.start(&[]);
    wait_until("it is healed", || container.mem_total(&cgroup).is_some());
    let seen = watcher.end();
    assert_eq!((seen.leaked, seen.other), (0, 0), "{seen:?}");
}

#[test]
fn a_restart_heals_although_the_host_has_unmounted_meanwhile() {
    let Some(cgroup) = cgroup() else { return };
    let host = Host::new();
    let mut daemon = host.start(&[]);
    let container = Container::new(&format!(
        "mount --bind {} /proc/meminfo; umount -l {}",
        host.file("proc/meminfo"),
        host.mount_point().display()
    ));
    // By hand after a crash, and as it is told to end.
    for by_hand in [true, false] {
        if by_hand {
            daemon.kill();
            host.unmount();
        } else {
            daemon.send(Signal::SIGTERM);
            daemon.says(" ended");
            drop(daemon);
        }
        assert_eq!(container.mem_total(&cgroup), None);
        daemon = host.start(&[]);
        wait_until("it is healed", || container.mem_total(&cgroup).is_some());
        assert_eq!(container.mem_total(&cgroup).unwrap(), OWN_MEM_TOTAL);
        daemon.says(" healed ");
    }
}
