//! The hook of a runtime, and that it ends whatever happens.

use std::path::Path;
use std::time::{Duration, Instant};

use lxcfs_testing::runtime::{Contained, Runtime};
use lxcfs_testing::{Finished, Machine, machine_has};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::rig::{Rig, TOOL, WITHIN, mounts_at, sees_itself, sees_the_host};

/// Far more than its second, and far less than for ever.
const BOUND: Duration = Duration::from_secs(30);

fn hook(source: &Path, more: &[&str]) -> Value {
    let source = source.to_str().unwrap();
    let arguments = [&["lxcfs-cli", "hook", "create-container", "--source", source], more].concat();
    json!({ "path": TOOL, "args": arguments })
}

/// Runs a container with that hook.
fn run(runtime: Runtime, mut container: Contained<'_>, hook: Value) -> Finished {
    container.hooks = vec![hook];
    runtime.run(&container)
}

#[test]
fn a_hook_binds_pressure_for_runc_and_crun() {
    let Some(rig) = Rig::new(&[Runtime::Runc, Runtime::Crun]) else {
        return;
    };
    for runtime in [Runtime::Runc, Runtime::Crun] {
        let finished = run(
            runtime,
            rig.container(),
            hook(&rig.daemon.mount(), &["--strict", "--within", WITHIN]),
        );
        let said = sees_itself("a hook", finished);
        let pressure = usize::from(machine_has(&[Machine::Pressure]));
        assert_eq!(mounts_at(&said, "/proc/pressure/cpu"), pressure, "{said}");
        assert_eq!(mounts_at(&said, "/sys/devices/system/cpu"), 1, "{said}");
        assert!(!said.contains(" shared:"), "a peer of the host's mounts: {said}");
    }
}

#[test]
fn a_hook_works_in_a_user_namespace() {
    let Some(rig) = Rig::new(&[Runtime::Crun]) else { return };
    let mut container = rig.container();
    container.unprivileged = true;
    sees_itself(
        "a hook in a user namespace",
        run(
            Runtime::Crun,
            container,
            hook(&rig.daemon.mount(), &["--strict", "--within", WITHIN]),
        ),
    );
}

#[test]
fn a_hook_binds_only_what_it_is_told() {
    let Some(rig) = Rig::new(&[Runtime::Runc]) else { return };
    let told = ["--strict", "--within", WITHIN, "--files", "meminfo,uptime"];
    let said = sees_itself(
        "a hook",
        run(Runtime::Runc, rig.container(), hook(&rig.daemon.mount(), &told)),
    );
    assert_eq!(mounts_at(&said, "/proc/uptime"), 1, "{said}");
    assert_eq!(mounts_at(&said, "/proc/stat"), 0, "{said}");
}

#[test]
fn what_is_mounted_already_is_not_mounted_again_by_a_hook() {
    let Some(rig) = Rig::new(&[Runtime::Runc]) else { return };
    let mut container = rig.container();
    container.mounts = serde_json::from_str(&rig.inject(&["oci", "--runtime", "runc"])).unwrap();
    let said = sees_itself(
        "mounts and a hook",
        run(Runtime::Runc, container, hook(&rig.daemon.mount(), &[])),
    );
    assert_eq!(mounts_at(&said, "/proc/meminfo"), 1, "{said}");
}

#[test]
fn without_a_daemon_a_container_starts_unless_the_hook_is_strict() {
    let Some(rig) = Rig::new(&[Runtime::Runc]) else { return };
    let nowhere = Path::new("/nowhere/lxcfs");
    let script = "head -1 /proc/meminfo";
    sees_the_host(run(Runtime::Runc, rig.container_of(script), hook(nowhere, &[])));

    let finished = run(
        Runtime::Runc,
        rig.container_of(script),
        hook(nowhere, &["--strict", "--within", WITHIN]),
    );
    assert!(!finished.status.success(), "{}", finished.text());
    assert!(finished.stderr.contains("/nowhere/lxcfs"), "{}", finished.stderr);
}

#[test]
fn a_daemon_that_does_not_answer_holds_no_container_up() {
    let Some(rig) = Rig::new(&[Runtime::Runc]) else { return };
    let script = "echo started";
    // A name that was never looked up: the kernel has to ask the daemon for it.
    rig.daemon.signal(Signal::SIGSTOP);
    let start = Instant::now();
    let lenient = run(Runtime::Runc, rig.container_of(script), hook(&rig.daemon.mount(), &[]));
    let strict = run(
        Runtime::Runc,
        rig.container_of(script),
        hook(&rig.daemon.mount(), &["--strict"]),
    );
    let took = start.elapsed();
    rig.daemon.signal(Signal::SIGCONT);

    assert_eq!(lenient.well().text(), "started\n");
    assert!(!strict.status.success(), "{}", strict.text());
    assert!(strict.stderr.contains("does not answer"), "{}", strict.stderr);
    assert!(took < BOUND, "{took:?}");
}

#[test]
fn an_image_cannot_lead_the_hook_out_of_the_container() {
    let Some(rig) = Rig::new(&[]) else { return };
    // A root whose `proc` is a link to a directory of the host, or to one of its own.
    let bundle = rig.dir.path().join("bundle");
    let outside = rig.dir.path().join("outside");
    std::fs::create_dir_all(bundle.join("rootfs")).unwrap();
    std::fs::create_dir_all(&outside).unwrap();
    std::fs::write(outside.join("meminfo"), "the host's own\n").unwrap();
    std::os::unix::fs::symlink(&outside, bundle.join("rootfs/proc")).unwrap();
    std::fs::write(bundle.join("config.json"), r#"{"root": {"path": "rootfs"}}"#).unwrap();
    let state = json!({ "ociVersion": "1.0.2", "id": "c", "pid": 1, "bundle": bundle }).to_string();

    let script = format!(
        "printf %s '{state}' | {TOOL} hook create-container --strict --source {}; echo $?; cat {}",
        rig.daemon.mount().display(),
        outside.join("meminfo").display(),
    );
    let mut command = std::process::Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "sh", "-c", &script]);
    let finished = lxcfs_testing::Running::start(command).finish().well();
    assert_eq!(finished.text(), "1\nthe host's own\n", "{}", finished.stderr);
    assert!(finished.stderr.contains("rootfs/proc"), "{}", finished.stderr);
}
