//! Slots: what containers are bound from, so that one mount on the host heals them.

use std::path::Path;

use super::cgroup;
use super::host::{Container, Host, OWN_MEM_TOTAL, mounts_of};
use super::watch::Watcher;

fn from_slot(host: &Host) -> Container {
    Container::that_follows(&format!(
        "mount --bind {} /proc/meminfo; mount --make-slave /proc/meminfo
         mount --bind {} /sys/devices/system/cpu; mount --make-slave /sys/devices/system/cpu",
        host.path("slots/proc/meminfo").display(),
        host.path("slots/sys/devices/system/cpu").display(),
    ))
}

fn pile(host: &Host) -> usize {
    let slot = host.path("slots/proc/meminfo");
    mounts_of("self").iter().filter(|mount| mount.point == slot).count()
}

#[test]
fn a_restart_heals_all_containers_that_were_bound_from_slots_and_nobody_enters_them() {
    let Some(cgroup) = cgroup() else { return };
    let host = Host::new();
    let slots = host.path("slots").display().to_string();
    let arguments = ["--no-sweep", "--slots", &slots];
    let start = || {
        let daemon = host.start(&arguments);
        daemon.says("slots show the live files");
        daemon
    };
    let first = start();
    let containers = [from_slot(&host), from_slot(&host), from_slot(&host)];
    let private = Container::new(&format!(
        "mount --bind {slots}/proc/meminfo /proc/meminfo; mount --make-private /proc/meminfo"
    ));
    let watcher = Watcher::start(&host, &containers[0], &cgroup);
    first.kill();
    let second = start();
    for container in &containers {
        assert_eq!(container.mem_total(&cgroup).unwrap(), OWN_MEM_TOTAL);
        assert!(
            std::fs::read_dir(container.path("/sys/devices/system/cpu"))
                .unwrap()
                .count()
                > 0
        );
        let top = container.layers("/proc/meminfo").pop().unwrap();
        for option in ["ro", "nosuid", "nodev", "noexec"] {
            assert!(top.has_option(option), "{option}: {top:?}");
        }
    }
    assert_eq!(private.mem_total(&cgroup), None, "{}", private.mountinfo());
    let seen = watcher.end();
    assert_eq!((seen.leaked, seen.other), (0, 0), "{seen:?}");

    // A sweep heals the rest, and leaves alone what the slots have healed.
    let before = containers[0].layers("/proc/meminfo");
    let mut sweep = host.sweep(&[&containers[0], &private]);
    sweep.slots = Some(host.path("slots"));
    assert!(sweep.run().unwrap().is_whole());
    assert_eq!(containers[0].layers("/proc/meminfo"), before);
    assert_eq!(private.mem_total(&cgroup).unwrap(), OWN_MEM_TOTAL);

    // It has become a slave of the slot, so that the next time nobody has to enter it either.
    second.kill();
    let _third = start();
    assert_eq!(
        private.mem_total(&cgroup).as_deref(),
        Some(OWN_MEM_TOTAL),
        "{:#?} {:#?} {}",
        private.layers("/proc/meminfo"),
        mounts_of("self")
            .into_iter()
            .filter(|m| m.point == host.path("slots/proc/meminfo"))
            .collect::<Vec<_>>(),
        host.log()
    );
}

#[test]
fn layers_do_not_pile_up_where_no_container_needs_them() {
    let Some(cgroup) = cgroup() else { return };
    let host = Host::new();
    let slots = host.path("slots").display().to_string();
    let start = || {
        let daemon = host.start(&["--no-sweep", "--slots", &slots]);
        daemon.says("slots show the live files");
        daemon
    };
    let mut daemon = start();
    let oldest = from_slot(&host);
    for _ in 0..4 {
        daemon.kill();
        daemon = start();
        assert_eq!(oldest.mem_total(&cgroup).unwrap(), OWN_MEM_TOTAL);
        assert!(oldest.layers("/proc/meminfo").len() <= 2, "{}", oldest.mountinfo());
        assert_eq!(pile(&host), 2);
    }
    // One that was started since then needs the layer of its day.
    let newer = from_slot(&host);
    for _ in 0..3 {
        daemon.kill();
        daemon = start();
        for container in [&oldest, &newer] {
            assert_eq!(container.mem_total(&cgroup).unwrap(), OWN_MEM_TOTAL);
        }
        assert_eq!(pile(&host), 3);
    }
    drop((oldest, newer));
    daemon.kill();
    let _last = start();
    assert_eq!(pile(&host), 1);
}

#[test]
fn a_slot_is_made_anew_where_an_engine_has_made_a_directory_of_a_file() {
    if cgroup().is_none() {
        return;
    }
    let host = Host::new();
    std::fs::create_dir_all(host.path("slots/proc/meminfo")).unwrap();
    let slots = host.path("slots").display().to_string();
    let daemon = host.start(&["--no-sweep", "--slots", &slots]);
    daemon.says("slots show the live files");
    let slot = std::fs::read_to_string(host.path("slots/proc/meminfo")).unwrap();
    assert!(slot.starts_with("MemTotal:"), "{slot}");
    let of_the_daemon = std::fs::metadata(host.path("slots/proc/uptime")).unwrap();
    assert_eq!(std::os::unix::fs::MetadataExt::uid(&of_the_daemon), 0);
}

#[test]
fn slots_within_the_mount_point_are_refused_and_the_daemon_serves_anyway() {
    if cgroup().is_none() {
        return;
    }
    let host = Host::new();
    let within = host.path("mount/slots").display().to_string();
    let daemon = host.start(&["--no-sweep", "--slots", &within]);
    daemon.says("slots can be neither in nor above the mount point");
    assert!(Path::new(&host.file("proc/meminfo")).exists());
}
