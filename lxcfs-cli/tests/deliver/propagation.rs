//! That what the host mounts later over a file comes into containers that run: how a file that was lost comes back.

use std::path::Path;

use lxcfs_testing::runtime::{Contained, Runtime};
use lxcfs_testing::wait_until;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use serde_json::json;

use crate::rig::{Rig, TOOL, WITHIN};

const NONE: Option<&str> = None;

/// What a container says that sees the other file, and one that never does.
const SCRIPT: &str = "touch /srv/started
for second in $(seq 60); do
	grep -q healed /proc/uptime && grep -h ' /proc/uptime ' /proc/self/mountinfo && exit
	sleep 1
done
echo never";

/// Runs that container, mounts another file over the daemon's when it has started, and returns what it has said.
fn healed(rig: &Rig, runtime: Runtime, give: impl FnOnce(&mut Contained<'_>)) -> String {
    let shared = rig.dir.path().join("srv");
    std::fs::create_dir_all(&shared).unwrap();
    let _ = std::fs::remove_file(shared.join("started"));
    let other = rig.dir.path().join("other");
    std::fs::write(&other, "healed\n").unwrap();

    let mut container = rig.container_of(SCRIPT);
    container
        .mounts
        .push(json!({"destination": "/srv", "source": shared, "type": "bind", "options": ["bind"]}));
    give(&mut container);
    let place = rig.daemon.file("proc/uptime");
    std::thread::scope(|scope| {
        let finished = scope.spawn(|| runtime.run(&container));
        wait_until("the container has started", || {
            shared.join("started").exists() || finished.is_finished()
        });
        mount(Some(&other), Path::new(&place), NONE, MsFlags::MS_BIND, NONE).unwrap();
        let said = finished.join();
        umount2(Path::new(&place), MntFlags::MNT_DETACH).unwrap();
        said.unwrap().well().text()
    })
}

/// A daemon whose mount is shared, as all are under systemd.
fn rig() -> Option<Rig> {
    let rig = Rig::new(&[Runtime::Runc, Runtime::Crun])?;
    mount(NONE, &rig.daemon.mount(), NONE, MsFlags::MS_SHARED, NONE).unwrap();
    Some(rig)
}

fn check(said: &str) {
    assert!(said.contains(" master:"), "it follows the host: {said}");
    assert!(!said.contains(" shared:"), "and the host does not follow it: {said}");
}

#[test]
fn what_the_host_mounts_over_a_file_later_comes_into_containers_with_mounts() {
    let Some(rig) = rig() else { return };
    for runtime in [Runtime::Runc, Runtime::Crun] {
        let mounts = rig.inject(&["oci", "--runtime", "runc"]);
        let mounts: Vec<serde_json::Value> = serde_json::from_str(&mounts).unwrap();
        let said = healed(&rig, runtime, |container| {
            container.mounts.extend(mounts);
            // By default crun parts a container's mounts from the host's before it binds anything.
            container.root_propagation = Some("rslave");
        });
        check(&said);
    }
}

#[test]
fn what_the_host_mounts_over_a_file_later_comes_into_containers_with_a_hook() {
    let Some(rig) = rig() else { return };
    let source = rig.daemon.mount();
    let source = source.to_str().unwrap();
    let arguments = [
        "lxcfs-cli",
        "hook",
        "create-container",
        "--strict",
        "--within",
        WITHIN,
        "--source",
        source,
    ];
    for runtime in [Runtime::Runc, Runtime::Crun] {
        let said = healed(&rig, runtime, |container| {
            container.hooks.push(json!({ "path": TOOL, "args": arguments }));
            container.root_propagation = Some("rslave");
        });
        check(&said);
    }
}
