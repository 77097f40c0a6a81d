//! A mount that outlives its daemons: keepers, take-overs, replacements. Needs root and /dev/fuse.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::arithmetic_side_effects,
    unreachable_pub,
    reason = "this is test code"
)]

#[path = "../started/mod.rs"]
mod started;

mod alone;
mod asked;
mod counts;
mod ends;
mod orphan;
mod readers;
mod says;
mod survives;
mod systemd;
mod take_over;

use std::path::{Path, PathBuf};
use std::process::Command;

use lxcfs_testing::{Machine, machine_has, wait_until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use started::{Daemon, Place};

fn can_mount() -> bool {
    machine_has(&[Machine::Root, Machine::Fuse])
}

fn start(arguments: &[&str]) -> Option<Daemon> {
    can_mount().then(|| Place::new().start(arguments))
}

fn send(pid: i32, signal: Signal) {
    kill(Pid::from_raw(pid), signal).unwrap();
}

/// Stops a process, and waits until each of its threads has: one that is in the middle of something may finish that before.
fn stop(pid: i32) {
    send(pid, Signal::SIGSTOP);
    wait_until("all its threads are stopped", || {
        // One that has been killed meanwhile is as still.
        let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten();
        tasks.flatten().all(|task| {
            let status = std::fs::read_to_string(task.path().join("stat")).unwrap_or_default();
            status.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T'))
        })
    });
}

/// Whether that process runs; a zombie does not.
fn runs(pid: i32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    status.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

/// A process that is killed when the test ends, however it does.
struct Doomed(i32);

impl Drop for Doomed {
    fn drop(&mut self) {
        let _ = kill(Pid::from_raw(self.0), Signal::SIGKILL);
    }
}

impl Daemon {
    fn is_served(&self) -> bool {
        std::fs::read_to_string(self.place.mount_point().join("proc/uptime")).is_ok()
    }

    fn ends_with(&mut self, code: i32) {
        let status = self.ended();
        assert_eq!(status.code(), Some(code), "{status}: {}", self.place.log());
    }

    fn device(&self) -> u64 {
        nix::sys::stat::stat(&self.place.mount_point()).unwrap().st_dev
    }

    fn control(&self) -> PathBuf {
        let mut path = self.place.pid_file().into_os_string();
        path.push(".sock");
        path.into()
    }
}

/// Copies a program, by another process: if this one had it open to write, so would the children that other tests make at
/// that moment, and it could not be run (`ETXTBSY`).
fn copy_program(from: impl AsRef<Path>, to: &Path) {
    let copied = Command::new("cp").arg(from.as_ref()).arg(to).status().unwrap();
    assert!(copied.success());
}

/// A copy of the daemon's program in another place.
fn copy_of_the_program(place: &Path) -> PathBuf {
    let path = place.join("lxcfs-copy");
    copy_program(env!("CARGO_BIN_EXE_lxcfs"), &path);
    path
}

/// A text file that can be run, and fails: put where the program was, as a package manager does it.
fn break_the_program(program: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let text = program.with_extension("text");
    std::fs::write(&text, "#!/bin/sh\necho broken build >&2\nexit 3\n").unwrap();
    std::fs::set_permissions(&text, std::fs::Permissions::from_mode(0o755)).unwrap();
    let broken = program.with_extension("new");
    copy_program(&text, &broken);
    std::fs::rename(&broken, program).unwrap();
}

/// What that process runs; nothing if it has ended.
fn program_of(pid: i32) -> String {
    let path = std::fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
    path.to_str().unwrap().to_owned()
}

fn spawn_of(place: &Place, program: &Path, arguments: &[&str]) -> Command {
    place.command_of(program, arguments)
}
