//! `lxcfs-cli doctor` and `lxcfs-cli remount` as their users have them. Need root and /dev/fuse.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "this is test code"
)]

mod tool;

use std::fs::{self, File};
use std::os::fd::AsRawFd as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use lxcfs_testing::{Machine, Running, becomes_true, machine_has, wait_until};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use serde_json::Value;
use tempfile::TempDir;
use tool::{output, stderr, text, tool};

/// A mount point, unmounted in the end.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("mount")).unwrap();
        Self(dir)
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("mount")
    }

    fn text(&self) -> String {
        self.path().display().to_string()
    }

    fn daemon(&self) -> Daemon {
        let pid_file = self.0.path().join("pid").display().to_string();
        let child = tool(&["mount", "--no-sweep", "-p", &pid_file, &self.text()])
            .stdin(Stdio::null())
            .stderr(File::create(self.0.path().join("log")).unwrap())
            .spawn()
            .unwrap();
        let log = self.0.path().join("log");
        wait_until("it is mounted", || {
            fs::read_to_string(&log).is_ok_and(|text| text.contains(" settings "))
        });
        Daemon(child)
    }

    /// A mount namespace with its meminfo.
    fn container(&self) -> Running<'static> {
        let mut command = Command::new("unshare");
        let script = format!(
            "mount --bind {}/proc/meminfo /proc/meminfo; echo ready; exec sleep 1000",
            self.text()
        );
        command.args(["--mount", "--propagation", "private", "sh", "-ec", &script]);
        let process = Running::start(command);
        wait_until("the container is there", || process.said().contains("ready"));
        process
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = umount2(&self.path(), MntFlags::MNT_DETACH);
    }
}

struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn can_mount() -> bool {
    machine_has(&[Machine::Root, Machine::Fuse])
}

/// What the doctor finds there, and its exit status.
fn mounts_at(place: &Place) -> (Value, Option<i32>) {
    let output = output(&["doctor", "--json", "--only", "mounts", "--mountpoint", &place.text()]);
    (serde_json::from_slice(&output.stdout).unwrap(), output.status.code())
}

#[test]
fn a_node_whose_daemon_serves_is_healthy() {
    if !can_mount() {
        return;
    }
    let place = Place::new();
    let _daemon = place.daemon();
    let (found, status) = mounts_at(&place);
    assert_eq!(status, Some(0), "{found}");
    assert_eq!(found["healthy"], true);
    let finding = &found["findings"][0];
    assert_eq!(
        (finding["group"].as_str(), finding["state"].as_str()),
        (Some("mounts"), Some("ok"))
    );
    assert!(finding["what"].as_str().unwrap().contains(&place.text()));
    assert_eq!(finding["mend"], Value::Null);
    let words = text(&["doctor", "--only", "mounts,fuse", "--mountpoint", &place.text()]);
    assert!(
        words.starts_with("GROUP") && words.contains("is served") && words.contains("/dev/fuse"),
        "{words}"
    );
}

#[test]
fn a_dead_mount_is_bad_and_the_command_that_mends_it_does() {
    if !can_mount() {
        return;
    }
    let place = Place::new();
    let daemon = place.daemon();
    let container = place.container();
    let pid = container.pid().to_string();
    drop(daemon);
    let (found, status) = mounts_at(&place);
    assert_eq!(
        (status, &found["findings"][0]["state"]),
        (Some(1), &"bad".into()),
        "{found}"
    );
    assert!(
        found["findings"][0]["mend"]
            .as_str()
            .unwrap()
            .contains("systemctl restart lxcfs")
    );

    let of_container = || {
        let output = output(&["doctor", "--json", "--only", "containers"]);
        let found: Value = serde_json::from_slice(&output.stdout).unwrap();
        let findings = found["findings"].as_array().unwrap().clone();
        let about = |finding: &&Value| finding["pid"].as_u64() == Some(u64::from(container.pid()));
        findings.iter().find(about).unwrap_or_else(|| panic!("{found}")).clone()
    };
    let dead = of_container();
    assert_eq!(dead["state"], "bad", "{dead}");
    assert_eq!(dead["mend"], format!("lxcfs-cli remount --pid {pid}"));

    let _second = place.daemon();
    let at = ["--pid", &pid, "--mountpoint", &place.text()];
    let remount = |more: &[&str]| output(&[&["remount"], &at[..], more].concat());
    let rehearsed = remount(&["--dry-run"]);
    assert_eq!(rehearsed.status.code(), Some(1), "{}", stderr(&rehearsed));
    assert!(String::from_utf8_lossy(&rehearsed.stdout).contains("would-replace"));
    let done = remount(&["--json"]);
    assert_eq!(done.status.code(), Some(0), "{}", stderr(&done));
    let report: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(report["whole"], true);
    let mounts = report["namespaces"][0]["mounts"].as_array().unwrap();
    let meminfo = mounts.iter().find(|mount| mount["point"] == "/proc/meminfo").unwrap();
    assert_eq!(
        (&meminfo["file"], &meminfo["outcome"]),
        (&"/proc/meminfo".into(), &"replaced".into())
    );
    let again = remount(&[]);
    assert!(String::from_utf8_lossy(&again.stdout).contains("nothing is dead"));
    assert_eq!(of_container()["state"], "ok");
}

#[test]
fn a_connection_that_nobody_serves_does_not_hang_the_doctor() {
    if !can_mount() {
        return;
    }
    let place = Place::new();
    let held = File::options().read(true).write(true).open("/dev/fuse").unwrap();
    let data = format!(
        "fd={},rootmode=40000,user_id=0,group_id=0,allow_other",
        held.as_raw_fd()
    );
    mount(
        Some("lxcfs"),
        &place.path(),
        Some("fuse.lxcfs"),
        MsFlags::empty(),
        Some(data.as_str()),
    )
    .unwrap();
    let mut process = tool(&["doctor", "--json", "--only", "mounts", "--mountpoint", &place.text()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let ended = becomes_true(Duration::from_secs(60), || process.try_wait().unwrap().is_some());
    // What is held would hold whoever looks, for ever.
    drop(held);
    assert!(ended);
    let output = process.wait_with_output().unwrap();
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    let finding = &found["findings"][0];
    assert_eq!(
        (output.status.code(), &finding["state"]),
        (Some(1), &"bad".into()),
        "{found}"
    );
    assert!(finding["what"].as_str().unwrap().contains("does not answer"), "{found}");
    assert!(finding["mend"].as_str().unwrap().contains("/abort"), "{found}");
}

#[test]
fn a_container_asks_for_its_own_view_only() {
    let found: Value = serde_json::from_slice(&output(&["doctor", "--here", "--json"]).stdout).unwrap();
    let findings = found["findings"].as_array().unwrap();
    assert!(
        !findings.is_empty() && findings.iter().all(|finding| finding["group"] == "here"),
        "{found}"
    );
    if !can_mount() {
        return;
    }
    let place = Place::new();
    let _daemon = place.daemon();
    let container = place.container();
    let mut inside = Command::new("nsenter");
    inside.args([
        "--mount",
        &format!("--target={}", container.pid()),
        env!("CARGO_BIN_EXE_lxcfs-cli"),
    ]);
    let finished = Running::start({
        inside.args(["doctor", "--here"]);
        inside
    })
    .finish();
    let said = finished.text();
    assert!(said.contains("/proc/meminfo: this container's own"), "{said}");
    assert!(said.contains("/proc/uptime: the host's"), "{said}");
    assert_eq!(finished.status.code(), Some(0), "{said}");
}

#[test]
fn a_wrong_command_line_has_another_status() {
    for words in [
        &["doctor", "--only", "weather"][..],
        &["doctor", "--here", "--only", "fuse"],
        &["remount", "--all", "--pid", "1"],
        &["remount", "--pid", "0"],
        &["remount", "--device", "fuse"],
    ] {
        assert_eq!(output(words).status.code(), Some(2), "{words:?}");
    }
}

#[test]
fn there_is_nothing_to_remount_from_where_nothing_is_mounted() {
    let dir = tempfile::tempdir().unwrap();
    let none = output(&[
        "remount",
        "--dry-run",
        "--mountpoint",
        &dir.path().display().to_string(),
    ]);
    assert_eq!(none.status.code(), Some(1));
    assert!(
        stderr(&none).contains("start the daemon lxcfs first"),
        "{}",
        stderr(&none)
    );
}
