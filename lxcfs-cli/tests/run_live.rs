//! The files that a command in `lxcfs-cli run` sees are live, and nothing of their mount is seen elsewhere or stays.

#![allow(clippy::unwrap_used, clippy::panic, reason = "this is test code")]
#![allow(clippy::disallowed_methods, reason = "tests read files")]

mod tool;

use std::fs::{self, File};
use std::io::{BufRead as _, Read as _, Seek as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::process::{Child, Command};

use lxcfs_testing::{Machine, machine_has, skipped, wait_until};
use nix::libc::{ENOTCONN, dev_t};
use nix::sys::signal::Signal;
use nix::sys::stat::{major, minor};
use tool::{can_run, cgroups_of, output, send, start, stderr, text};

/// Something that keeps a CPU busy until the container ends.
const BUSY: &str = "while :; do :; done &";

fn numbers(line: &str) -> Vec<f64> {
    line.split_whitespace().filter_map(|word| word.parse().ok()).collect()
}

/// Runs a script of a program that may not be installed.
fn of_client(client: &str, script: &str) -> Option<String> {
    if !can_run() {
        return None;
    }
    if !Command::new("sh")
        .args(["-c", &format!("command -v {client}")])
        .output()
        .unwrap()
        .status
        .success()
    {
        skipped(client);
        return None;
    }
    let script = format!("{BUSY} LC_ALL=C; export LC_ALL; {script}");
    Some(text(&["run", "--cpus", "1", "--", "sh", "-c", &script]))
}

#[test]
fn the_uptime_goes_on() {
    if !can_run() {
        return;
    }
    let said = text(&["run", "--", "sh", "-c", "cat /proc/uptime; sleep 2; cat /proc/uptime"]);
    let uptimes: Vec<f64> = said.lines().map(|line| numbers(line)[0]).collect();
    // In hundredths, and the difference of two such numbers is seldom a whole one.
    assert!(uptimes[1] - uptimes[0] > 1.985, "{said}");
}

#[test]
fn a_busy_loop_shows_in_stat_and_loadavg() {
    if !can_run() {
        return;
    }
    // The first look is what lets the load be followed from then on.
    let script = format!(
        "{BUSY} cat /proc/loadavg; head -1 /proc/stat; \
         for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do \
             sleep 1; case $(cat /proc/loadavg) in 0.0*) ;; *) break ;; esac; \
         done; cat /proc/loadavg; head -1 /proc/stat"
    );
    let said = text(&["run", "--", "sh", "-c", &script]);
    let lines: Vec<_> = said.lines().collect();
    let [_, stat_before, load, stat_after] = lines.as_slice() else {
        panic!("{said}")
    };
    let busy = |stat: &str| numbers(stat)[0] + numbers(stat)[2];
    assert!(busy(stat_after) - busy(stat_before) >= 50.0, "{said}");
    assert!(numbers(load)[0] >= 0.05, "{said}");
}

#[test]
fn a_limit_that_is_changed_is_seen_at_once() {
    if !can_run() {
        return;
    }
    let script = "echo ready; read word; head -1 /proc/meminfo";
    let (mut child, mut stdout) = start(&["--memory", "256M"], script);
    let files = ["memory.max", "memory.limit_in_bytes"];
    let limit = cgroups_of(child.id())
        .iter()
        .flat_map(|dir| files.map(|file| dir.join(file)))
        .find(|file| file.exists())
        .unwrap();
    fs::write(limit, "134217728").unwrap();
    child.stdin.take().unwrap().write_all(b"go\n").unwrap();
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    assert_eq!(line, "MemTotal:         131072 kB\n");
    assert!(child.wait().unwrap().success());
}

/// Whether one of the samples shows the busy loop. Not all: this machine may have something else to do.
fn shows_work(idle: impl Iterator<Item = f64>) -> bool {
    idle.fold(100.0, f64::min) < 95.0
}

#[test]
fn mpstat_has_something_to_subtract() {
    let Some(said) = of_client("mpstat", "mpstat 1 5") else {
        return;
    };
    let samples = said.lines().filter(|line| line.contains(" all "));
    let idle = samples.filter_map(|line| numbers(line).last().copied());
    assert!(shows_work(idle), "{said}");
}

#[test]
fn vmstat_sees_the_cpu_at_work() {
    let Some(said) = of_client("vmstat", "vmstat -n 1 6") else {
        return;
    };
    let column = said
        .lines()
        .nth(1)
        .unwrap()
        .split_whitespace()
        .position(|one| one == "id");
    // The first sample is since boot.
    let idle = said.lines().skip(3).map(|line| numbers(line)[column.unwrap()]);
    assert!(shows_work(idle), "{said}");
}

#[test]
fn top_sees_the_cpu_at_work() {
    let Some(said) = of_client("top", "top -b -n 5 -d 1") else {
        return;
    };
    // The first sample is since the container's start.
    let samples = said.lines().filter(|line| line.starts_with("%Cpu")).skip(1);
    let idle = samples
        .flat_map(|line| line.split([',', ':']))
        .filter_map(|part| part.trim().strip_suffix(" id"));
    assert!(
        shows_work(idle.filter_map(|number| number.trim().parse().ok())),
        "{said}"
    );
}

#[test]
fn what_the_kernel_does_not_tell_is_an_error_and_not_the_hosts() {
    if !can_run() || !machine_has(&[Machine::Pressure, Machine::V1]) {
        return;
    }
    // On cgroup v1 there is no pressure of a container.
    let said = output(&["run", "--hierarchy", "v1", "--", "cat", "/proc/pressure/cpu"]);
    assert!(stderr(&said).contains("not supported"), "{}", stderr(&said));
    assert!(said.stdout.is_empty());
}

#[test]
fn without_dev_fuse_nothing_runs_and_it_says_why() {
    if !can_run() {
        return;
    }
    let script = "mount -t tmpfs none /dev && exec \"$0\" run -- echo no";
    let said = Command::new("unshare")
        .args(["--mount", "sh", "-c", script, env!("CARGO_BIN_EXE_lxcfs-cli")])
        .output()
        .unwrap();
    assert_eq!(said.status.code(), Some(125), "{}", stderr(&said));
    assert!(stderr(&said).contains("/dev/fuse"), "{}", stderr(&said));
    assert!(stderr(&said).contains("load the kernel module"), "{}", stderr(&said));
    assert!(said.stdout.is_empty());
}

/// The file system of a container, as seen from outside.
struct FileSystem {
    /// A file of it, held open.
    file: File,
    device: dev_t,
}

impl FileSystem {
    fn of(tool: &Child) -> Self {
        let pid = tool.id();
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
        let init = children.split_whitespace().next().unwrap();
        let mut file = File::open(format!("/proc/{init}/root/proc/uptime")).unwrap();
        file.read_to_end(&mut Vec::new()).unwrap();
        let device = file.metadata().unwrap().dev();
        Self { file, device }
    }

    /// Whether it is mounted where we and everybody else are.
    fn is_mounted_here(&self) -> bool {
        let number = format!("{}:{}", major(self.device), minor(self.device));
        fs::read_to_string("/proc/self/mountinfo")
            .unwrap()
            .lines()
            .any(|line| line.split(' ').nth(2) == Some(&number))
    }

    /// Whether anybody answers.
    fn is_alive(&mut self) -> bool {
        self.file.rewind().unwrap();
        match self.file.read_to_end(&mut Vec::new()) {
            Ok(_) => true,
            Err(error) => {
                assert_eq!(error.raw_os_error(), Some(ENOTCONN));
                false
            }
        }
    }
}

/// Whether the kernel has a FUSE file system of that number. Numbers are used again: only `false` is certain.
fn is_known(device: dev_t) -> bool {
    // Often it is mounted already.
    let script = "mount -t fusectl none /sys/fs/fuse/connections 2>/dev/null; ls /sys/fs/fuse/connections";
    let said = Command::new("unshare")
        .args(["--mount", "sh", "-c", script])
        .output()
        .unwrap();
    assert!(said.status.success(), "{}", stderr(&said));
    let name = minor(device).to_string();
    String::from_utf8(said.stdout).unwrap().lines().any(|line| line == name)
}

fn ends_without_a_trace(signal: Signal) {
    if !can_run() {
        return;
    }
    let (mut child, mut stdout) = start(&[], "echo ready; while :; do read word </proc/uptime; done");
    let mut files = FileSystem::of(&child);
    assert!(files.is_alive() && is_known(files.device));
    assert!(!files.is_mounted_here());
    send(&child, signal);
    child.wait().unwrap();
    assert!(!files.is_alive());
    // The container ends with the tool: nobody holds the other end of the pipe any more.
    assert_eq!(stdout.read_to_string(&mut String::new()).unwrap(), 0);
    assert!(!files.is_mounted_here());
    let device = files.device;
    drop(files);
    wait_until("the kernel has forgotten the file system", || !is_known(device));
}

#[test]
fn nothing_stays_of_the_mount_when_the_tool_is_told_to_end() {
    ends_without_a_trace(Signal::SIGTERM);
    ends_without_a_trace(Signal::SIGINT);
}

#[test]
fn nothing_stays_of_the_mount_when_the_tool_is_killed() {
    ends_without_a_trace(Signal::SIGKILL);
}
