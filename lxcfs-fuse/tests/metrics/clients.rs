//! Clients that others have written.

use std::io::Write as _;
use std::process::{Command, Stdio};

use super::{can_mount, has, start};

/// What `curl` gets, with these words besides.
fn curl(words: &[&str]) -> String {
    let output = Command::new("curl")
        .args(["--silent", "--show-error", "--fail"])
        .args(words)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn curl_reads_the_unix_socket_and_promtool_finds_no_fault() {
    if !(can_mount() && has("curl") && has("promtool")) {
        return;
    }
    let daemon = start(&["--keep", "--metrics"]).unwrap();
    daemon.read("proc/meminfo");
    let socket = daemon.socket();
    let text = curl(&["--unix-socket", socket.to_str().unwrap(), "http://localhost/metrics"]);
    assert!(text.contains("\nlxcfs_reads_total 1\n"), "{text}");
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    promtool.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
}

#[test]
fn curl_gets_the_format_that_it_asks_for() {
    if !(can_mount() && has("curl")) {
        return;
    }
    let daemon = start(&["--metrics"]).unwrap();
    let socket = daemon.socket();
    let accept = "Accept: application/openmetrics-text; version=1.0.0";
    let text = curl(&[
        "--unix-socket",
        socket.to_str().unwrap(),
        "-i",
        "-H",
        accept,
        "http://localhost/metrics",
    ]);
    assert!(
        text.contains("\r\nContent-Type: application/openmetrics-text; version=1.0.0"),
        "{text}"
    );
    assert!(text.ends_with("# EOF\n"), "{text}");
}
