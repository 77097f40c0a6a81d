//! Dead mounts are replaced in the namespaces where they are.

use lxcfs_fuse::heal::{HealError, Outcome, State};
use nix::sys::signal::Signal;

use super::cgroup;
use super::host::{Container, Host, OWN_MEM_TOTAL};
use super::watch::{Seen, Watcher};

const BINDS: [&str; 3] = ["proc/meminfo", "proc/uptime", "sys/devices/system/cpu"];

/// Binds the files of a host's daemon over those of the kernel, with these options.
fn bind(host: &Host) -> String {
    let one = |path: &&str| format!("mount --bind {} /{path}\n", host.file(path));
    BINDS.iter().map(one).collect()
}

/// Makes a copy of the root the root, so that nothing of the host's mounts is left in sight.
fn pivot(host: &Host) -> String {
    let root = host.path("root");
    std::fs::create_dir_all(&root).unwrap();
    let root = root.display();
    format!(
        "mount --rbind / {root}; mount --make-rprivate {root}; {}cd {root}; pivot_root . mnt; umount -l /mnt\n",
        bind(host)
            .replace(" /proc", &format!(" {root}/proc"))
            .replace(" /sys", &format!(" {root}/sys")),
    )
}

#[test]
fn all_containers_see_themselves_again_and_never_the_host_in_between() {
    let Some(cgroup) = cgroup() else { return };
    let host = Host::new();
    let first = host.start(&["--no-sweep"]);
    let plain = Container::new(&bind(&host));
    let no_host_path = Container::new(&format!("{}umount -l {}", bind(&host), host.mount_point().display()));
    let pivoted = Container::new(&pivot(&host));
    let users = Container::with_users(&bind(&host));
    let all = [&plain, &no_host_path, &pivoted, &users];
    let watchers = all.map(|container| Watcher::start(&host, container, &cgroup));
    first.kill();
    for round in 0..5 {
        for container in all {
            assert_eq!(container.mem_total(&cgroup), None, "round {round}");
        }
        let next = host.start(&["--no-sweep"]);
        let report = host.heal(&all);
        assert!(report.is_whole(), "{report:?}");
        assert_eq!(report.namespaces.len(), all.len());
        for container in all {
            assert_eq!(container.mem_total(&cgroup).unwrap(), OWN_MEM_TOTAL, "{report:?}");
            for path in BINDS {
                let point = format!("/{path}");
                assert_eq!(container.layers(&point).len(), 1, "{point}: {}", container.mountinfo());
            }
            assert!(
                std::fs::read_dir(container.path("/sys/devices/system/cpu"))
                    .unwrap()
                    .count()
                    > 0
            );
        }
        if round < 4 {
            next.kill();
        } else {
            for watcher in watchers {
                let seen = watcher.end();
                assert!(seen.own > 0 && seen.gone > 0, "{seen:?}");
                assert_eq!(
                    Seen {
                        own: 0,
                        gone: 0,
                        ..seen
                    },
                    Seen::default()
                );
            }
            break;
        }
    }
}

#[test]
fn a_mount_that_is_locked_is_covered_and_the_host_is_never_seen() {
    let Some(cgroup) = cgroup() else { return };
    let host = Host::new();
    let first = host.start(&["--no-sweep"]);
    // What comes from a namespace of more rights cannot be taken away.
    let outer = Container::new(&format!(
        "{}exec unshare --user --map-root-user --mount sh -c 'echo ready; exec sleep 1000'",
        bind(&host)
    ));
    let watcher = Watcher::start(&host, &outer, &cgroup);
    first.kill();
    let _second = host.start(&["--no-sweep"]);
    let report = host.heal(&[&outer]);
    assert!(report.is_whole(), "{report:?}");
    assert!(
        report.count(|outcome| *outcome == Outcome::Covered) >= BINDS.len(),
        "{report:?}"
    );
    assert_eq!(outer.mem_total(&cgroup).unwrap(), OWN_MEM_TOTAL);
    let seen = watcher.end();
    assert_eq!((seen.leaked, seen.other), (0, 0), "{seen:?}");
}

#[test]
fn the_new_mounts_have_the_flags_of_the_old_ones_and_are_nobodys_peers() {
    if cgroup().is_none() {
        return;
    }
    let host = Host::new();
    let first = host.start(&["--no-sweep"]);
    let container = Container::new(&format!("{}mount -o remount,bind,ro,noexec /proc/uptime", bind(&host)));
    first.kill();
    let _second = host.start(&["--no-sweep"]);
    assert!(host.heal(&[&container]).is_whole());
    let mounts = container.layers("/proc/uptime");
    for option in ["ro", "nosuid", "nodev", "noexec"] {
        assert!(mounts[0].has_option(option), "{option}: {mounts:?}");
    }
    assert!(!container.layers("/proc/meminfo")[0].has_option("noexec"));
    assert_eq!((mounts[0].shared, mounts[0].master), (None, None));
    assert_eq!(mounts[0].device, host.device());
}

#[test]
fn what_lies_in_a_dead_directory_comes_back_with_it() {
    let Some(cgroup) = cgroup() else { return };
    let host = Host::new();
    let first = host.start(&["--no-sweep"]);
    let cpu = "sys/devices/system/cpu";
    let container = Container::new(&format!(
        "mount --bind {} /{cpu}; mount --bind {} /{cpu}/online; mount --bind {} /{cpu}/possible",
        host.file(cpu),
        host.file(&format!("{cpu}/online")),
        host.file("proc/meminfo"),
    ));
    first.kill();
    let _second = host.start(&["--no-sweep"]);
    let report = host.heal(&[&container]);
    let outcome = |point: &str| {
        let mut mounts = report.namespaces[0].mounts.iter();
        mounts
            .find(|mount| mount.point == point)
            .map(|mount| mount.outcome.clone())
    };
    assert_eq!(outcome(&format!("/{cpu}")), Some(Outcome::Replaced), "{report:?}");
    assert_eq!(
        outcome(&format!("/{cpu}/online")),
        Some(Outcome::WithDirectory),
        "{report:?}"
    );
    assert_eq!(
        outcome(&format!("/{cpu}/possible")),
        Some(Outcome::Replaced),
        "{report:?}"
    );
    let online = container.first_line(&format!("/{cpu}/online"), &cgroup).unwrap();
    assert!(online.starts_with(|digit: char| digit.is_ascii_digit()), "{online}");
    let possible = container.first_line(&format!("/{cpu}/possible"), &cgroup);
    assert_eq!(possible.unwrap(), OWN_MEM_TOTAL);
}

#[test]
fn a_rehearsal_says_what_would_be_done_and_changes_nothing() {
    if cgroup().is_none() {
        return;
    }
    let host = Host::new();
    let first = host.start(&["--no-sweep"]);
    let container = Container::new(&bind(&host));
    first.kill();
    let _second = host.start(&["--no-sweep"]);
    let before = container.mountinfo();
    let mut sweep = host.sweep(&[&container]);
    sweep.rehearsal = true;
    let report = sweep.run().unwrap();
    assert!(
        report.count(|outcome| *outcome == Outcome::WouldReplace) >= BINDS.len(),
        "{report:?}"
    );
    assert!(!report.is_whole());
    assert_eq!(container.mountinfo(), before);
}

#[test]
fn healing_again_or_twice_at_once_adds_nothing() {
    if cgroup().is_none() {
        return;
    }
    let host = Host::new();
    let first = host.start(&["--no-sweep"]);
    let containers: Vec<Container> = (0..8).map(|_| Container::new(&bind(&host))).collect();
    let all: Vec<&Container> = containers.iter().collect();
    first.kill();
    let _second = host.start(&["--no-sweep"]);
    let sweep = host.sweep(&all);
    let reports = std::thread::scope(|scope| {
        let sweeps: Vec<_> = (0..3).map(|_| scope.spawn(|| sweep.run().unwrap())).collect();
        sweeps
            .into_iter()
            .map(|sweep| sweep.join().unwrap())
            .collect::<Vec<_>>()
    });
    assert!(reports.iter().all(lxcfs_fuse::heal::Report::is_whole), "{reports:?}");
    for container in &containers {
        assert_eq!(container.layers("/proc/meminfo").len(), 1, "{}", container.mountinfo());
    }
    let before = containers[0].mountinfo();
    assert_eq!(host.heal(&all).namespaces, []);
    assert_eq!(containers[0].mountinfo(), before);
}

#[test]
fn a_container_whose_processes_are_stopped_is_healed_like_any_other() {
    let Some(cgroup) = cgroup() else { return };
    let host = Host::new();
    let first = host.start(&["--no-sweep"]);
    let (stopped, other) = (Container::new(&bind(&host)), Container::new(&bind(&host)));
    stopped.signal(Signal::SIGSTOP);
    first.kill();
    let _second = host.start(&["--no-sweep"]);
    let report = host.heal(&[&stopped, &other]);
    assert!(report.is_whole(), "{report:?}");
    for container in [&stopped, &other] {
        assert_eq!(container.mem_total(&cgroup).unwrap(), OWN_MEM_TOTAL);
    }
}

#[test]
fn without_a_live_daemon_nothing_is_touched() {
    if cgroup().is_none() {
        return;
    }
    let host = Host::new();
    let first = host.start(&["--no-sweep"]);
    let container = Container::new(&bind(&host));
    let sweep = host.sweep(&[&container]);
    first.kill();
    let before = container.mountinfo();
    assert!(matches!(sweep.run(), Err(HealError::NotServed { .. })));
    host.unmount();
    assert!(matches!(sweep.run(), Err(HealError::NotMounted(_))));
    assert_eq!(container.mountinfo(), before);
}

#[test]
fn a_daemon_that_hangs_is_not_taken_for_a_dead_one() {
    let Some(cgroup) = cgroup() else { return };
    let (host, hung) = (Host::new(), Host::new());
    let first = host.start(&["--no-sweep"]);
    let slow = hung.start(&["--no-sweep"]);
    let both = Container::new(&format!(
        "{}mount --bind {} /proc/stat",
        bind(&host),
        hung.file("proc/stat")
    ));
    slow.send(Signal::SIGSTOP);
    first.kill();
    let _second = host.start(&["--no-sweep"]);
    let mut sweep = host.sweep(&[&both]);
    sweep.devices = None;
    let report = sweep.run().unwrap();
    assert!(report.others.contains(&(hung.device(), State::Held)), "{report:?}");
    assert!(report.is_whole(), "{report:?}");
    assert_eq!(both.mem_total(&cgroup).unwrap(), OWN_MEM_TOTAL);
    slow.send(Signal::SIGCONT);
    assert_eq!(both.layers("/proc/stat")[0].device, hung.device());
    assert!(both.first_line("/proc/stat", &cgroup).unwrap().starts_with("cpu "));
}
