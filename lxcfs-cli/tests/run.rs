//! `lxcfs-cli run` with real cgroups and namespaces: limits, what the command sees, its status, what is left afterwards.

#![allow(clippy::unwrap_used, reason = "this is test code")]
#![allow(clippy::disallowed_methods, reason = "tests read files")]

mod tool;

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::process::Stdio;

use lxcfs_testing::{skipped, wait_until};
use nix::sys::signal::Signal;
use tool::{can_run, cgroups_of, output, send, start, stderr, text, tool};

fn host_cpus() -> Vec<u32> {
    fs::read_to_string("/proc/cpuinfo")
        .unwrap()
        .lines()
        .filter_map(|line| line.strip_prefix("processor")?.split(": ").nth(1)?.parse().ok())
        .collect()
}

#[test]
fn the_memory_limit_is_what_the_command_sees() {
    if !can_run() {
        return;
    }
    let meminfo = text(&["run", "--memory", "256M", "--", "cat", "/proc/meminfo"]);
    assert_eq!(meminfo.lines().next(), Some("MemTotal:         262144 kB"));
}

#[test]
fn a_quota_bounds_the_number_of_cpus() {
    if !can_run() {
        return;
    }
    let count = |quota| {
        let text = text(&["run", "--cpus", quota, "--", "cat", "/proc/cpuinfo"]);
        text.lines().filter(|line| line.starts_with("processor")).count()
    };
    let host = host_cpus().len();
    assert_eq!(count("1.5"), 2.min(host));
    assert_eq!(count("0.5"), 1);
    assert_eq!(count("9999"), host);
}

#[test]
fn a_cpuset_is_named_the_same_everywhere() {
    if !can_run() {
        return;
    }
    let last = host_cpus().last().copied().unwrap().to_string();
    let script = "nproc; cat /sys/devices/system/cpu/online; grep ^processor /proc/cpuinfo; \
                  grep -o '^cpu[0-9][0-9]*' /proc/stat; ls -d /sys/devices/system/cpu/cpu[0-9]*";
    assert_eq!(
        text(&["run", "--cpuset", &last, "--", "sh", "-c", script]),
        format!("1\n{last}\nprocessor\t: {last}\ncpu{last}\n/sys/devices/system/cpu/cpu{last}\n")
    );
}

#[test]
fn no_file_of_the_host_is_left_visible() {
    if !can_run() {
        return;
    }
    let mounts = text(&["run", "--", "cat", "/proc/self/mountinfo"]);
    let rows = text(&["list"]);
    let within = |path: &str| path.starts_with("sys/devices/system/cpu/") && !path.ends_with('/');
    for row in rows.lines().skip(1).filter_map(|line| line.split(' ').next()) {
        let path = format!("/{}", row.trim_end_matches('/'));
        if within(row) || !fs::exists(&path).unwrap() {
            continue;
        }
        let mount = mounts
            .lines()
            .find(|line| line.split(' ').nth(4) == Some(path.as_str()));
        let mount = mount.unwrap_or_else(|| panic!("{path} is the host's"));
        assert!(mount.contains(" ro,nosuid,nodev,noexec"), "{mount}");
    }
    // The file system itself is not in the command's way.
    let fields = |line: &'_ str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let all: Vec<_> = mounts.lines().map(fields).collect();
    let meminfo = all.iter().find(|mount| mount[4] == "/proc/meminfo").unwrap();
    for mount in all.iter().filter(|mount| mount[2] == meminfo[2]) {
        assert_eq!(mount[3], mount[4], "{mount:?}");
    }
}

#[test]
fn the_command_is_in_a_pid_namespace_with_few_others() {
    if !can_run() {
        return;
    }
    let script = "for one in /proc/[0-9]*; do echo ${one#/proc/}; done; cat /proc/1/comm";
    assert_eq!(text(&["run", "--", "sh", "-c", script]), "1\n2\nlxcfs-cli\n");
}

#[test]
fn the_exit_status_is_the_commands() {
    if !can_run() {
        return;
    }
    let status = |script: &str| output(&["run", "--", "sh", "-c", script]).status.code();
    assert_eq!(status("exit 0"), Some(0));
    assert_eq!(status("exit 7"), Some(7));
    assert_eq!(status("kill -INT $$"), Some(130));
    assert_eq!(status("kill -KILL $$"), Some(137));
    for (command, status, says) in [
        ("/nonexistent", 127, "/nonexistent"),
        ("/proc/self/status", 126, "/proc/self/status"),
    ] {
        let output = output(&["run", "--", command]);
        assert_eq!(output.status.code(), Some(status));
        assert!(stderr(&output).contains(says), "{}", stderr(&output));
    }
}

#[test]
fn standard_input_passes_through() {
    if !can_run() {
        return;
    }
    let mut child = tool(&["run", "--", "cat"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let sent = "line\n".repeat(100_000);
    let mut stdin = child.stdin.take().unwrap();
    let writer = std::thread::spawn({
        let sent = sent.clone();
        move || stdin.write_all(sent.as_bytes()).unwrap()
    });
    let mut received = String::new();
    child.stdout.take().unwrap().read_to_string(&mut received).unwrap();
    writer.join().unwrap();
    assert!(received == sent);
    assert!(child.wait().unwrap().success());
}

#[test]
fn too_much_memory_is_killed() {
    if !can_run() {
        return;
    }
    // `tail` keeps the last line, which is all of it.
    let script = "head -c 134217728 /dev/zero | tail >/dev/null";
    let output = output(&["run", "--memory", "64M", "--swap", "0", "--", "sh", "-c", script]);
    if stderr(&output).contains("does not account for swap") {
        skipped("a kernel that accounts for swap");
        return;
    }
    assert_eq!(output.status.code(), Some(137), "{}", stderr(&output));
}

#[test]
fn too_many_processes_are_refused() {
    if !can_run() {
        return;
    }
    let script = "for i in 1 2 3 4 5 6 7 8 9; do sleep 5 & done";
    let output = output(&["run", "--pids", "5", "--", "sh", "-c", script]);
    assert!(stderr(&output).to_lowercase().contains("fork"), "{}", stderr(&output));
}

#[test]
fn a_signal_reaches_the_command_and_nothing_is_left() {
    if !can_run() {
        return;
    }
    let (mut child, _stdout) = start(&[], "trap 'exit 9' TERM; echo ready; while :; do sleep 0.05; done");
    assert!(!cgroups_of(child.id()).is_empty());
    send(&child, Signal::SIGTERM);
    assert_eq!(child.wait().unwrap().code(), Some(9));
    assert_eq!(cgroups_of(child.id()), [""; 0].map(PathBuf::from));
}

#[test]
fn a_second_signal_kills_what_does_not_end() {
    if !can_run() {
        return;
    }
    let (mut child, _stdout) = start(&[], "trap '' TERM; echo ready; while :; do sleep 0.05; done");
    send(&child, Signal::SIGTERM);
    send(&child, Signal::SIGTERM);
    std::thread::sleep(std::time::Duration::from_millis(1200));
    assert!(child.try_wait().unwrap().is_none(), "two at once are one request");
    send(&child, Signal::SIGTERM);
    assert_eq!(child.wait().unwrap().code(), Some(137));
    assert!(cgroups_of(child.id()).is_empty());
}

#[test]
fn what_a_killed_run_leaves_the_next_one_removes() {
    if !can_run() {
        return;
    }
    let (mut child, mut stdout) = start(&[], "echo ready; sleep 300");
    send(&child, Signal::SIGKILL);
    child.wait().unwrap();
    // The container dies with it: nobody holds the other end of the pipe any more.
    assert_eq!(stdout.read_to_string(&mut String::new()).unwrap(), 0);
    let left = cgroups_of(child.id());
    wait_until("the container is dead", || {
        // One that another test's run has removed already has nobody in it either.
        let members = |dir: &PathBuf| fs::read_to_string(dir.join("cgroup.procs")).unwrap_or_default();
        left.iter().all(|dir| members(dir).is_empty())
    });
    text(&["run", "--", "true"]);
    assert!(cgroups_of(child.id()).is_empty());
}

#[test]
fn what_runs_in_the_background_ends_with_the_command() {
    if !can_run() {
        return;
    }
    // If anything lived on, it would hold the pipe, and `text` would wait for it.
    let script = "setsid sleep 300 & sleep 300 & echo done";
    assert_eq!(text(&["run", "--", "sh", "-c", script]), "done\n");
}

#[test]
fn a_failure_leaves_no_cgroup() {
    if !can_run() {
        return;
    }
    // More than any kernel takes as a quota: found out after the cgroups are made.
    let child = tool(&["run", "--cpus", "65536", "--memory", "1", "--", "true"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let pid = child.id();
    let output = child.wait_with_output().unwrap();
    assert!(!output.status.success());
    assert!(cgroups_of(pid).is_empty());
}

#[test]
fn runs_side_by_side_do_not_disturb_each_other() {
    if !can_run() {
        return;
    }
    let (mut first, _stdout) = start(&[], "echo ready; sleep 300");
    for _ in 0..3 {
        text(&["run", "--memory", "64M", "--", "true"]);
    }
    assert!(!cgroups_of(first.id()).is_empty());
    send(&first, Signal::SIGTERM);
    assert_eq!(first.wait().unwrap().code(), Some(143));
}
