//! What `inject` prints and writes.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "this is test code"
)]

mod tool;

use serde_json::Value;
use tool::{output, stderr, text};

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples");

fn example(path: &str) -> String {
    std::fs::read_to_string(format!("{EXAMPLES}/{path}")).unwrap()
}

#[test]
fn the_examples_are_what_it_prints() {
    assert_eq!(
        text(&["inject", "kubernetes", "--source", "/run/lxcfs/slots"]),
        example("kubernetes/policy.yaml")
    );
    // What is left of the command line is what every kernel has.
    let files = "cpuinfo,diskstats,loadavg,meminfo,stat,swaps,uptime,sys-cpu";
    let told = ["--runtime", "runc", "--files", files];
    assert_eq!(
        text(&[&["inject", "compose"], &told[..]].concat()),
        example("compose/lxcfs.yaml")
    );
    assert_eq!(
        text(&[&["inject", "containers-conf"], &told[..]].concat()),
        example("podman/50-lxcfs.conf")
    );
}

#[test]
fn a_cdi_file_can_be_read_by_podman_4() {
    let file: Value = serde_json::from_str(&text(&[
        "inject",
        "cdi",
        "--runtime",
        "runc",
        "--program",
        "/usr/bin/lxcfs-cli",
    ]))
    .unwrap();
    assert_eq!(file["cdiVersion"], "0.4.0");
    assert_eq!(file["kind"], "lxcfs.io/view");
    let arguments = &file["devices"][1]["containerEdits"]["hooks"][0]["args"];
    assert_eq!(arguments[5], "--psi", "{arguments}");
}

#[test]
fn runtimes_that_are_told_decide_which_files() {
    let flags = |runtimes: &[&str]| text(&[&["inject", "docker"], runtimes].concat());
    assert!(!flags(&["--runtime", "runc@1.0.0-rc5"]).contains("/proc/loadavg"));
    assert!(flags(&["--runtime", "runc@1.0.0-rc6"]).contains("/proc/loadavg"));
    if std::path::Path::new("/proc/pressure/cpu").exists() {
        assert!(flags(&["--runtime", "crun"]).contains("/proc/pressure/cpu"));
    }
    let both = flags(&["--runtime", "crun", "--runtime", "runc@1.1.5"]);
    assert!(
        both.contains("/proc/meminfo") && !both.contains("/proc/pressure"),
        "{both}"
    );
}

#[test]
fn without_an_argument_nothing_that_an_installed_runtime_refuses_is_mounted() {
    let found = text(&["inject", "docker"]);
    assert!(found.contains("/proc/meminfo"), "{found}");
    let has_runc = std::process::Command::new("runc").arg("--version").output().is_ok();
    assert!(!(has_runc && found.contains("/proc/pressure")), "{found}");
}

#[test]
fn sources_and_propagation_are_as_told() {
    let flags = text(&[
        "inject",
        "podman",
        "--source",
        "/s",
        "--propagation",
        "private",
        "--files",
        "uptime",
    ]);
    assert_eq!(
        flags,
        "--volume=/s/proc/uptime:/proc/uptime:ro,nosuid,nodev,noexec,rprivate\n"
    );
    let fragment = text(&["inject", "kubernetes", "--fragment", "--files", "uptime"]);
    assert!(fragment.contains("mountPath: \"/proc/uptime\""), "{fragment}");
}

#[test]
fn what_is_installed_is_told_with_what_to_do_then() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().to_str().unwrap();
    let told = text(&["inject", "cdi", "--install", "--dir", dir, "--source", "/nowhere/lxcfs"]);
    assert!(told.starts_with(&format!("{dir}/lxcfs.json: written; ")), "{told}");
    assert!(told.contains("/nowhere/lxcfs: nothing is mounted there yet"), "{told}");

    std::fs::write(format!("{dir}/50-lxcfs.json"), "{}").unwrap();
    let refused = output(&["inject", "hook", "--install", "--dir", dir]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        stderr(&refused).contains("somebody else has written it"),
        "{}",
        stderr(&refused)
    );
}

#[test]
fn mistakes_are_told_with_what_to_do() {
    for (arguments, status, words) in [
        (&["inject", "docker", "--files", "vmstat"][..], 1, "known are meminfo"),
        (&["inject", "docker", "--install"], 1, "install cdi"),
        (&["inject", "docker", "--runtime", "docker"], 2, "known are runc"),
        (&["inject", "cdi", "--dir", "/tmp"], 2, "--install"),
        (&["inject", "swarm"], 2, "kubernetes"),
    ] {
        let said = output(arguments);
        assert_eq!(said.status.code(), Some(status), "{arguments:?}: {}", stderr(&said));
        assert!(stderr(&said).contains(words), "{arguments:?}: {}", stderr(&said));
    }
}
