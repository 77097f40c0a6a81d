//! The tool as its users have it: a binary, arguments, output, an exit status.

#![allow(dead_code, unreachable_pub, reason = "each test file uses a part of this")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "this is test code"
)]
#![allow(clippy::disallowed_methods, reason = "tests read files and clocks")]

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// The tool with these arguments.
pub fn tool(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lxcfs-cli"));
    command.args(arguments);
    command
}

/// Runs the tool to its end.
pub fn output(arguments: &[&str]) -> Output {
    tool(arguments).output().expect("the tool can be started")
}

/// What the tool prints; it is to succeed.
pub fn text(arguments: &[&str]) -> String {
    let output = output(arguments);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", stderr(&output));
    assert!(output.stderr.is_empty(), "{arguments:?}: {}", stderr(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// What the tool says on its standard error.
pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Whether this is root, who may make cgroups and namespaces. Says that the test is skipped if not.
pub fn require_root(name: &str) -> bool {
    if nix::unistd::geteuid().is_root() {
        return true;
    }
    skip(name, "root")
}

/// Says that a test is skipped; fails where none may be.
pub fn skip(name: &str, needs: &str) -> bool {
    assert!(
        std::env::var_os("LXCFS_TESTS_MUST_RUN").is_none(),
        "{name} needs {needs}"
    );
    // Not `eprintln!`: the test harness would keep that to itself.
    std::io::stderr()
        .write_all(format!("SKIPPED {name}: needs {needs}\n").as_bytes())
        .unwrap();
    false
}

/// The cgroups of the `run` with that process number.
pub fn cgroups_of(pid: u32) -> Vec<PathBuf> {
    let prefix = format!("lxcfs-run-{pid}-");
    let is_ours = |path: &PathBuf| {
        path.file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with(&prefix))
    };
    let below = |dir: &Path| -> Vec<PathBuf> {
        fs::read_dir(dir)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
            .collect()
    };
    let top = below(Path::new("/sys/fs/cgroup"));
    let second = top.iter().filter(|path| !is_ours(path)).flat_map(|path| below(path));
    second.chain(top.clone()).filter(is_ours).collect()
}

/// Waits until something is so.
pub fn wait_until(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(
            start.elapsed() < Duration::from_secs(30),
            "waited too long until {what}"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}
