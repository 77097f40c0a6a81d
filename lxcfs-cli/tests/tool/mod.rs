//! The tool as its users have it: a binary, arguments, output, an exit status.

#![allow(dead_code, unreachable_pub, reason = "each test file uses a part of this")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "this is test code"
)]
#![allow(clippy::disallowed_methods, reason = "tests read files")]

pub mod terminal;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use lxcfs_testing::{Machine, machine_has};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

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

/// Whether this machine has what `run` needs. Says that the test is skipped if not.
pub fn can_run() -> bool {
    machine_has(&[Machine::Root, Machine::Cgroups, Machine::Fuse])
}

/// Starts a shell script in a container and waits until it says `ready`. Its standard input is a pipe.
pub fn start(limits: &[&str], script: &str) -> (Child, BufReader<ChildStdout>) {
    let arguments = [&["run"], limits, &["--", "sh", "-c", script]].concat();
    let mut child = tool(&arguments)
        // If a test stops it, the kernel may hang up on all of its group.
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    (child, stdout)
}

/// Sends the tool a signal.
pub fn send(child: &Child, signal: Signal) {
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), signal).unwrap();
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
