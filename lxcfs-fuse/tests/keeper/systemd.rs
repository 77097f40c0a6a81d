//! The packaged unit, with a systemd of its own.

use std::path::Path;
use std::process::Command;

use lxcfs_testing::{Machine, machine_has, skipped};

#[test]
fn systemd_keeps_the_mount_when_the_daemon_is_killed_restarted_or_replaced() {
    if !machine_has(&[Machine::Root, Machine::Fuse]) {
        return;
    }
    if !Path::new("/lib/systemd/systemd").exists() {
        skipped("systemd");
        return;
    }
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = Command::new("timeout")
        .args([
            "-k",
            "5",
            "120",
            "unshare",
            "--mount",
            "--propagation",
            "private",
            "bash",
        ])
        .arg(here.join("tests/keeper/systemd.sh"))
        .arg(env!("CARGO_BIN_EXE_lxcfs"))
        .arg(here.join("../packaging/systemd/lxcfs.service"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    for line in [
        "start=0",
        "state=active",
        "kept=4",
        "filtered=2",
        "restarts=3",
        "restart=0",
        "reload=0",
        "reload_keeps_the_process=yes",
        "same_device=yes",
        "many_reads=yes",
        "failed=0",
        "stop=0",
        // An error, and at once: nobody waits for a daemon that was stopped.
        "after_stop=1",
        "start_again=0",
        "read_again=yes",
    ] {
        assert!(said.lines().any(|said| said == line), "{line}\n{said}");
    }
}
