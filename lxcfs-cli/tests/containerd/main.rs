//! The plugin with real containerd: that of Debian's trixie, which tells of events in the old way, and that of sid.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]
#![allow(clippy::disallowed_methods, reason = "tests of running programs")]

mod cri;
mod node;

use std::path::Path;

use lxcfs_testing::wait_until;
use nix::sys::signal::Signal;
use node::{Node, Pod};

const SUITES: [&str; 2] = ["sid", "trixie"];

/// The memory of a container in MiB, and the annotation that asks for files.
const LIMIT: u64 = 256;
const ASKS: (&str, &str) = ("lxcfs.io/inject", "true");

/// Does that with each containerd, on a node where it runs.
fn on_each_node(test: impl Fn(&Node, node::Inside)) {
    for suite in SUITES {
        let Some(node) = Node::start(suite) else { return };
        let containerd = node.containerd();
        node.import();
        test(&node, containerd);
    }
}

/// Waits until a container that runs sees its own limit.
fn sees_its_limit(container: &Pod<'_>) {
    wait_until("a running container sees its own limit", || container.memory() == LIMIT);
}

/// Waits until its dead mounts have gone: they are not only hidden.
fn has_live_mounts_only(container: &Pod<'_>) {
    wait_until("all of it is healed", || {
        let mounts = container.says("cat /proc/self/mountinfo");
        let devices: std::collections::BTreeSet<_> = mounts
            .lines()
            .filter(|line| line.contains("fuse.lxcfs"))
            .map(|line| line.split(' ').nth(2).unwrap().to_owned())
            .collect();
        devices.len() == 1
    });
}

#[test]
fn a_container_that_asks_sees_its_own_limits_from_its_first_moment() {
    on_each_node(|node, _containerd| {
        let _lxcfs = node.lxcfs();
        let mut plugin = node.plugin(&[]);
        let asks = node.container("asks", &[ASKS]);
        assert_eq!(asks.memory(), LIMIT, "{}", plugin.said());
        plugin.says("is created with files");
        // The quota is that of one CPU.
        assert_eq!(asks.says("cat /sys/devices/system/cpu/online"), "0\n");
        let mounts = asks.says("cat /proc/self/mountinfo");
        for line in mounts.lines().filter(|line| line.contains("fuse.lxcfs")) {
            assert!(line.contains(" ro,nosuid,nodev,noexec"), "{line}");
            assert!(line.contains(" master:") && !line.contains(" shared:"), "{line}");
        }
        let silent = node.container("silent", &[]);
        assert!(silent.memory() > LIMIT);
        assert!(!silent.says("cat /proc/self/mountinfo").contains("fuse.lxcfs"));
        assert!(plugin.end().status.success());
    });
}

#[test]
fn pressure_comes_once_the_container_runs_as_runc_refuses_it_as_a_mount() {
    if !Path::new("/proc/pressure/cpu").exists() {
        return lxcfs_testing::skipped("a kernel that tells pressure");
    }
    on_each_node(|node, _containerd| {
        let _lxcfs = node.lxcfs();
        let _plugin = node.plugin(&[]);
        let asks = node.container("asks", &[ASKS]);
        let mounted = || asks.says("grep -c ' /proc/pressure/.*fuse.lxcfs' /proc/self/mountinfo || true");
        wait_until("pressure is given", || mounted() == "3\n");
    });
}

#[test]
fn the_node_and_each_pod_say_who_gets_what() {
    on_each_node(|node, _containerd| {
        let _lxcfs = node.lxcfs();
        let _plugin = node.plugin(&["--default=inject", "--without=pressure,sys-cpu"]);
        let lxcfs = |container: &Pod<'_>| -> Vec<String> {
            let mounts = container.says("cat /proc/self/mountinfo");
            let of_lxcfs = mounts.lines().filter(|line| line.contains("fuse.lxcfs"));
            of_lxcfs
                .map(|line| line.split(' ').nth(4).unwrap().to_owned())
                .collect()
        };
        let silent = node.container("silent", &[]);
        let seen = lxcfs(&silent);
        assert!(seen.contains(&"/proc/meminfo".to_owned()), "{seen:?}");
        assert!(
            !seen
                .iter()
                .any(|path| path.contains("pressure") || path.contains("/sys/")),
            "{seen:?}"
        );
        let refuses = node.container("refuses", &[("lxcfs.io/inject", "false")]);
        assert_eq!(lxcfs(&refuses), [""; 0]);
        let chooses = node.container("chooses", &[("lxcfs.io/files.container.web", "uptime, meminfo")]);
        assert_eq!(lxcfs(&chooses), ["/proc/meminfo", "/proc/uptime"]);
        let legacy = node.container(
            "legacy",
            &[("initializer.kubernetes.io/lxcfs", "true"), ("lxcfs.io/files", "stat")],
        );
        assert_eq!(lxcfs(&legacy), ["/proc/stat"]);
    });
}

#[test]
fn without_the_plugin_containers_start_and_are_adopted_when_it_comes() {
    on_each_node(|node, _containerd| {
        let _lxcfs = node.lxcfs();
        let before = node.container("before", &[ASKS]);
        let other = node.container("other", &[]);
        assert!(before.memory() > LIMIT);
        let _plugin = node.plugin(&[]);
        sees_its_limit(&before);
        assert_eq!(before.says("cat /sys/devices/system/cpu/online"), "0\n");
        let mounts = before.says("cat /proc/self/mountinfo");
        for line in mounts.lines().filter(|line| line.contains("fuse.lxcfs")) {
            assert!(line.contains(" ro,nosuid,nodev,noexec"), "{line}");
            // What the host mounts over it comes here, and nothing goes from here to the host.
            assert!(line.contains(" master:") && !line.contains(" shared:"), "{line}");
        }
        assert!(other.memory() > LIMIT);
    });
}

#[test]
fn what_a_dead_daemon_has_left_is_replaced_and_the_host_is_never_seen() {
    on_each_node(|node, _containerd| {
        let lxcfs = node.lxcfs();
        let plugin = node.plugin(&[]);
        let container = node.container("asks", &[ASKS]);
        assert_eq!(container.memory(), LIMIT);
        std::thread::scope(|scope| {
            let look = || {
                container.says(
                    "while [ ! -e /tmp/stop ]; do grep MemTotal /proc/meminfo 2>&1; done | sort | uniq -c; rm /tmp/stop",
                )
            };
            let reader = scope.spawn(look);
            lxcfs.kill();
            wait_until("nothing can be read", || {
                container.says("cat /proc/meminfo 2>&1 || true").contains("endpoint")
            });
            assert!(plugin.end().status.success());
            node.run(&["/usr/bin/busybox", "umount", "-l", node.path("lxcfs").to_str().unwrap()]);
            let _lxcfs = node.lxcfs();
            let _plugin = node.plugin(&[]);
            wait_until("the container is healed", || {
                container
                    .says("/bin/free -m 2>&1 || true")
                    .contains(&format!(" {LIMIT} "))
            });
            container.says("touch /tmp/stop");
            let seen = reader.join().unwrap();
            // Errors and its own memory, and not once the host's.
            let own = format!("MemTotal: {:>14} kB", LIMIT << 10);
            assert!(seen.contains(&own), "{seen}");
            assert!(seen.contains("endpoint"), "{seen}");
            for line in seen.lines() {
                assert!(line.contains(&own) || line.contains("endpoint"), "{seen}");
            }
        });
        has_live_mounts_only(&container);
    });
}

#[test]
fn a_daemon_that_comes_back_heals_what_a_plugin_gave_that_stays_connected() {
    on_each_node(|node, _containerd| {
        let lxcfs = node.lxcfs();
        let plugin = node.plugin(&[]);
        let container = node.container("asks", &[ASKS]);
        assert_eq!(container.memory(), LIMIT);
        lxcfs.kill();
        wait_until("nothing can be read", || {
            container.says("cat /proc/meminfo 2>&1 || true").contains("endpoint")
        });
        let _lxcfs = node.lxcfs();
        wait_until("the container is healed", || {
            let said = container.says("grep MemTotal /proc/meminfo 2>&1 || true");
            let own = said.contains(&format!(" {} kB", LIMIT << 10));
            assert!(own || said.contains("endpoint"), "{said}");
            own
        });
        has_live_mounts_only(&container);
        // It was not the plugin's work: that has looked at what runs once, when it came.
        assert_eq!(plugin.said().matches("what runs already").count(), 1);
        assert!(plugin.end().status.success());
    });
}

#[test]
fn with_two_plugins_at_once_as_in_a_rolling_update_a_container_starts_and_has_each_file_once() {
    on_each_node(|node, _containerd| {
        let _lxcfs = node.lxcfs();
        let _old = node.plugin(&[]);
        let _new = node.plugin(&[]);
        let container = node.container("asks", &[ASKS]);
        assert_eq!(container.memory(), LIMIT);
        let mounts = container.says("cat /proc/self/mountinfo");
        let places = mounts.lines().filter_map(|line| line.split(' ').nth(4));
        assert_eq!(places.filter(|place| *place == "/proc/meminfo").count(), 1, "{mounts}");
    });
}

#[test]
fn a_containerd_that_restarts_finds_its_plugin_again() {
    on_each_node(|node, containerd| {
        let _lxcfs = node.lxcfs();
        let mut plugin = node.plugin(&[]);
        let before = node.container("before", &[ASKS]);
        let _ = containerd.end();
        plugin.says("no runtime");
        let _containerd = node.containerd();
        wait_until("the plugin is back", || {
            plugin.said().matches("what runs already").count() == 2
        });
        assert_eq!(before.memory(), LIMIT);
        let after = node.container("after", &[ASKS]);
        assert_eq!(after.memory(), LIMIT, "{}", plugin.said());
    });
}

#[test]
fn without_the_daemon_containers_start_and_are_given_their_files_when_it_comes() {
    on_each_node(|node, _containerd| {
        let mut plugin = node.plugin(&[]);
        let container = node.container("asks", &[ASKS]);
        assert!(container.memory() > LIMIT);
        plugin.says("is created without files");
        plugin.says("will be given files later");
        let _lxcfs = node.lxcfs();
        sees_its_limit(&container);
    });
}

#[test]
fn with_a_daemon_that_hangs_containers_start_all_the_same() {
    on_each_node(|node, _containerd| {
        let lxcfs = node.lxcfs();
        let _plugin = node.plugin(&[]);
        lxcfs.signal(Signal::SIGSTOP);
        // With whatever the kernel still knows of the files, or without them.
        let container = node.container("asks", &[ASKS]);
        assert_eq!(container.says("echo started"), "started\n");
        lxcfs.signal(Signal::SIGCONT);
        sees_its_limit(&container);
    });
}
