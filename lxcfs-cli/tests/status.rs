//! What a daemon says of itself, as a table, as JSON and on a real terminal.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "this is test code"
)]

mod tool;

use std::fs::{self, Permissions};
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use lxcfs_fuse::status::Status;
use lxcfs_testing::{Caller, Cgroup, Container, Daemon, Kept, Limits, Running, wait_until};
use nix::sys::signal::Signal;
use serde_json::Value;
use tempfile::TempDir;
use tool::terminal::Terminal;
use tool::{can_run, output, stderr, text, tool};

/// The tool as a daemon: a program whose arguments are those of the daemon.
fn program() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let program = dir.path().join("lxcfs");
    let tool = env!("CARGO_BIN_EXE_lxcfs-cli");
    let script = format!("#!/bin/sh\nexec {tool} mount --no-sweep --config /dev/null \"$@\"\n");
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
    (dir, program)
}

/// A kept daemon that can be asked, if this machine can have one.
fn kept(arguments: &[&str]) -> Option<Kept> {
    can_run().then(|| {
        let (_dir, program) = program();
        let daemon = Kept::start(&program, arguments);
        answers(&daemon);
        daemon
    })
}

/// It is mounted a moment before it can be asked.
fn answers(daemon: &Daemon) {
    let pid_file = daemon.pid_file();
    wait_until("the daemon answers", || lxcfs_fuse::daemon::status(&pid_file).is_ok());
}

fn pid_file(daemon: &Daemon) -> String {
    daemon.pid_file().display().to_string()
}

/// What is said of that daemon; `more` are further arguments.
fn said(daemon: &Daemon, more: &[&str]) -> String {
    let pid_file = pid_file(daemon);
    text(&[&["status", "--for", "0.1", "--pidfile", &pid_file], more].concat())
}

fn limited() -> Cgroup {
    Cgroup::new(&Limits::default().memory(64 << 20))
}

/// The name that the table has for it.
fn name(cgroup: &Cgroup) -> String {
    cgroup.path().file_name().unwrap().to_str().unwrap().to_owned()
}

/// Reads a file of the daemon that many times in the container.
fn read(container: &Container<'_>, daemon: &Daemon, file: &str, times: u32) {
    let script = format!("for i in $(seq {times}); do cat {}; done", daemon.file(file));
    let _ = container.caller().text(&["sh", "-c", &script]);
}

/// Reads a file of the daemon in the container until it is dropped.
fn hammer<'c>(container: &'c Container<'_>, daemon: &Daemon, file: &str) -> Running<'c> {
    let script = format!("while :; do cat {}; done > /dev/null", daemon.file(file));
    container.caller().start(&["sh", "-c", &script])
}

#[test]
fn who_is_hammering_proc_is_the_first_line() {
    let Some(daemon) = kept(&[]) else { return };
    let cgroups = [limited(), limited()];
    let [calm, busy] = [Container::start(&cgroups[0]), Container::start(&cgroups[1])];
    read(&calm, &daemon, "proc/meminfo", 20);
    read(&calm, &daemon, "proc/stat", 3);
    let _hammer = hammer(&busy, &daemon, "proc/uptime");
    let mut said = String::new();
    wait_until("the busy one is seen to be", || {
        said = text(&["status", "--for", "0.5", "-p", &pid_file(&daemon)]);
        said.lines().any(|line| line.contains("uptime 100%"))
    });
    let (head, table) = said.split_once("\n\n").unwrap();
    let head: Vec<&str> = head.lines().collect();
    assert!(head[0].contains(&daemon.mount().display().to_string()), "{said}");
    assert!(
        head[1].starts_with(&format!("keeper      process {},", daemon.pid())),
        "{said}"
    );
    let worker = daemon.worker_now().pid();
    assert!(head[2].starts_with(&format!("worker      process {worker},")), "{said}");
    assert!(head[2].ends_with("serves; 1 started, 0 died"), "{said}");
    let lines: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0][..3], ["CONTAINER", "PID", "READS/S▼"], "{said}");
    assert_eq!(lines[1][..2], [name(&cgroups[1]), busy.init().to_string()], "{said}");
    let last = &lines[2];
    assert_eq!(last[..2], [name(&cgroups[0]), calm.init().to_string()], "{said}");
    let after_the_bar = last.iter().position(|word| *word == "]").unwrap() + 1;
    // Nothing now, no waits; all reads and errors; how long ago; the most read file.
    assert_eq!(
        last[after_the_bar..after_the_bar + 5],
        ["0", "-", "-", "23", "0"],
        "{said}"
    );
    assert_eq!(last[last.len() - 2..], ["meminfo", "86%"], "{said}");
}

#[test]
fn the_container_of_a_process_is_shown_with_its_files() {
    let Some(daemon) = kept(&[]) else { return };
    let cgroups = [limited(), limited()];
    let [other, container] = [Container::start(&cgroups[0]), Container::start(&cgroups[1])];
    read(&other, &daemon, "proc/uptime", 1);
    let process = container.caller().start(&["sleep", "1000"]);
    let pid = process.pid().to_string();
    let unknown = output(&["status", "-p", &pid_file(&daemon), "--pid", &pid]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(
        stderr(&unknown).contains(&format!("process {pid}: ")),
        "{}",
        stderr(&unknown)
    );

    read(&container, &daemon, "proc/meminfo", 7);
    read(&container, &daemon, "sys/devices/system/cpu/online", 2);
    let said = said(&daemon, &["--pid", &pid]);
    let line = |start: &str| -> Vec<&str> {
        let line = said.lines().find(|line| line.starts_with(start));
        line.unwrap_or_else(|| panic!("{start}: {said}"))
            .split_whitespace()
            .collect()
    };
    assert_eq!(line("first pid")[2], container.init().to_string());
    assert!(line("cgroup")[1].ends_with(&name(&cgroups[1])), "{said}");
    assert_eq!(line("proc/meminfo"), ["proc/meminfo", "0", "7", "77%"]);
    assert_eq!(line("sys/dev"), ["sys/devices/system/cpu/online", "0", "2", "22%"]);
    assert!(!said.contains("uptime"), "{said}");
}

#[test]
fn scripts_get_what_the_daemon_says_and_what_it_does_now() {
    let Some(daemon) = kept(&[]) else { return };
    let cgroup = limited();
    let container = Container::start(&cgroup);
    read(&container, &daemon, "proc/meminfo", 4);
    let said = said(&daemon, &["--json"]);
    let object: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(object["wrong"], Value::Array(Vec::new()));
    assert!(object["now"]["seconds"].as_f64().unwrap() >= 0.1);
    let of_container = &object["containers"][0];
    assert_eq!(of_container["name"], name(&cgroup));
    assert_eq!(of_container["now"]["reads_per_second"], 0.0);
    assert_eq!(of_container["now"]["p99_ns"], Value::Null);
    let status: Status = serde_json::from_value(object).unwrap();
    assert_eq!(status.answered_by.pid, daemon.pid());
    assert_eq!(status.counts.renderings, 4);
    assert_eq!(status.containers[0].pid, Some(container.init()));
    assert_eq!(status.containers[0].reads["proc/meminfo"], 4);
}

#[test]
fn scripts_that_watch_get_an_object_a_line() {
    let Some(daemon) = kept(&[]) else { return };
    let arguments = ["status", "--watch", "--json", "--for", "0.1", "-p", &pid_file(&daemon)];
    let mut child = tool(&arguments).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let times: Vec<u64> = lines
        .take(3)
        .map(|line| serde_json::from_str::<Status>(&line.unwrap()).unwrap().at_ms)
        .collect();
    assert!(times[0] < times[1] && times[1] < times[2], "{times:?}");
    // Nobody reads any more, which is no failure.
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_worker_that_is_stopped_is_said_to_be_silent_while_its_readers_hang() {
    let Some(daemon) = kept(&["--keep-watchdog=20"]) else {
        return;
    };
    let worker = daemon.worker_now();
    assert!(worker.signal(Signal::SIGSTOP));
    let file = daemon.file("proc/meminfo");
    let reader = Caller::host().start(&["cat", &file]);
    let expected = format!(
        "! the worker, process {}, has not answered its keeper for ",
        worker.pid()
    );
    wait_until("the worker is said to be silent", || {
        said(&daemon, &[]).starts_with(&expected)
    });
    // The reader hangs all the time.
    assert!(reader.said().is_empty());
    assert!(worker.signal(Signal::SIGCONT));
    assert!(reader.finish().well().text().starts_with("MemTotal:"));
    wait_until("all is well", || said(&daemon, &[]).starts_with("lxcfs "));
}

#[test]
fn that_nobody_serves_is_said_when_nobody_does() {
    let Some(daemon) = kept(&[]) else { return };
    wait_until("nobody serves", || {
        // The more have died in a row, the longer it takes until there is another.
        if let Some(worker) = daemon.worker() {
            let _ = worker.signal(Signal::SIGKILL);
        }
        said(&daemon, &[]).starts_with("! nobody serves at the moment: readers wait\n")
    });
    wait_until("somebody serves, and the dead are counted", || {
        let said = said(&daemon, &[]);
        said.contains(", serves; ") && !said.contains(" 0 died")
    });
}

#[test]
fn that_everybody_is_shown_the_host_is_said_first() {
    let Some(daemon) = kept(&[]) else { return };
    daemon.signal(Signal::SIGUSR2);
    wait_until("it is said", || {
        said(&daemon, &[]).starts_with("! everybody is shown the host's files")
    });
}

#[test]
fn a_daemon_that_nobody_keeps_answers_itself() {
    if !can_run() {
        return;
    }
    let (_dir, program) = program();
    let daemon = Daemon::start(&program, &[]);
    answers(&daemon);
    let said = said(&daemon, &[]);
    let pid = daemon.pid();
    assert!(
        said.contains(&format!(
            "\nkeeper      none: readers get errors when process {pid} dies\n"
        )),
        "{said}"
    );
    assert!(said.contains("no container has read anything yet"), "{said}");
}

#[test]
fn where_no_daemon_is_the_socket_and_the_option_are_named() {
    let output = output(&["status", "--pidfile", "/nowhere/lxcfs.pid"]);
    assert_eq!(output.status.code(), Some(1));
    let text = stderr(&output);
    assert!(
        text.contains("/nowhere/lxcfs.pid.sock") && text.contains("pid file"),
        "{text}"
    );
    assert_eq!(text.lines().count(), 1, "{text}");
}

#[test]
fn who_is_not_root_is_told_who_may_ask() {
    let Some(daemon) = kept(&[]) else { return };
    // Where everybody can start it.
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
    let copy = dir.path().join("lxcfs-cli");
    fs::copy(env!("CARGO_BIN_EXE_lxcfs-cli"), &copy).unwrap();
    let nobody = 65_534;
    let output = Command::new(&copy)
        .args(["status", "-p", &pid_file(&daemon)])
        .uid(nobody)
        .gid(nobody)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("root"), "{}", stderr(&output));
}

#[test]
fn to_watch_needs_a_terminal() {
    let Some(daemon) = kept(&[]) else { return };
    let output = output(&["status", "--watch", "-p", &pid_file(&daemon)]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("--json"), "{}", stderr(&output));
}

#[test]
fn the_screen_shows_containers_and_the_files_of_the_selected_one() {
    let Some(daemon) = kept(&[]) else { return };
    let cgroups = [limited(), limited()];
    let [calm, busy] = [Container::start(&cgroups[0]), Container::start(&cgroups[1])];
    read(&calm, &daemon, "proc/meminfo", 5);
    let _hammer = hammer(&busy, &daemon, "proc/uptime");
    let Some(terminal) = Terminal::open("status", 80, 24) else {
        return;
    };
    terminal.runs(&format!("status --watch --for 0.2 -p {}", pid_file(&daemon)));
    // How busy it is, only two looks tell.
    terminal.waits_for("the busy one", |screen| {
        let mut lines = screen.lines();
        lines.any(|line| line.contains("uptime 100%") && !line.contains(" - "))
    });
    assert_eq!(terminal.state().trim(), "1 0");
    terminal.types(&["t"]);
    terminal.waits_for("the order by all reads", |screen| screen.contains("READS▼"));
    terminal.types(&["p", "r"]);
    terminal.waits_for("the other order by pid", |screen| screen.contains("PID▲"));
    terminal.types(&["s", "Down"]);
    terminal.waits_for("the files of the first", |screen| screen.contains("\nproc/uptime "));
    terminal.types(&["Down"]);
    terminal.waits_for("the files of the second", |screen| {
        screen.contains("\nproc/meminfo ") && !screen.contains("\nproc/uptime ")
    });
    // Apart: together they would be Alt and a space.
    terminal.types(&["Escape"]);
    terminal.waits_for("no files", |screen| !screen.contains("\nFILE"));
    terminal.types(&["Space"]);
    terminal.waits_for("the pause", |screen| screen.contains("paused"));
    terminal.types(&["Space", "/"]);
    terminal.types(&["-l", &busy.init().to_string()]);
    terminal.types(&["Enter"]);
    terminal.waits_for("only the busy one", |screen| {
        screen.contains("uptime 100%") && !screen.contains("meminfo 100%")
    });
    terminal.tmux(&["resize-window", "-x", "40", "-y", "12"]);
    terminal.waits_for("fewer columns", |screen| {
        screen.contains("READS/S") && !screen.contains("MOST READ")
    });
    terminal.types(&["q"]);
    terminal.is_restored();
}

#[test]
fn the_screen_stays_while_the_worker_is_killed_and_when_the_daemon_ends() {
    let Some(daemon) = kept(&[]) else { return };
    let cgroup = limited();
    let container = Container::start(&cgroup);
    read(&container, &daemon, "proc/meminfo", 5);
    let Some(terminal) = Terminal::open("status-end", 100, 24) else {
        return;
    };
    terminal.runs(&format!("status --watch --for 0.2 -p {}", pid_file(&daemon)));
    terminal.waits_for("the container", |screen| screen.contains("meminfo 100%"));
    assert!(daemon.worker_now().signal(Signal::SIGKILL));
    terminal.waits_for("the death", |screen| screen.contains(" 1 died"));
    assert!(
        output(&["stop", "--unmount", "-p", &pid_file(&daemon)])
            .status
            .success()
    );
    terminal.waits_for("that it has gone", |screen| screen.starts_with("! control socket"));
    assert!(terminal.screen().contains("meminfo 100%"), "{}", terminal.screen());
    terminal.types(&["C-c"]);
    terminal.is_restored();
}
