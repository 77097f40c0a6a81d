//! All containers of this machine, as a table and on a real terminal.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "this is test code"
)]

mod tool;

use std::io::{BufRead as _, Write as _};
use std::process::Command;

use lxcfs_testing::{Cgroup, Container, Limits, Machine, machine_has, wait_until};
use nix::sys::signal::Signal;
use tool::terminal::Terminal;
use tool::{can_run, output, send, start, stderr, text};

fn limited() -> Option<Cgroup> {
    let can = machine_has(&[Machine::Root, Machine::Cgroups]);
    can.then(|| Cgroup::new(&Limits::default().memory(256 << 20).cpu_percent(50)))
}

/// The name that the table has for it.
fn name(cgroup: &Cgroup) -> String {
    cgroup.path().file_name().unwrap().to_str().unwrap().to_owned()
}

#[test]
fn a_table_has_a_line_for_the_host_and_one_for_each_container() {
    let Some(cgroup) = limited() else { return };
    let container = Container::start(&cgroup);
    let pid = container.init().to_string();
    let table = text(&["top", "--once", "--interval", "0.2", "--filter", &pid]);
    let lines: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0][0], "CONTAINER", "{table}");
    assert_eq!(lines[1][0], "host", "{table}");
    let line = lines.iter().find(|line| line[0] == name(&cgroup)).unwrap();
    assert_eq!(line[2], pid, "{table}");
    assert!(line[3].ends_with("/256M"), "{table}");
    assert!(line[4].ends_with('%'), "{table}");
    assert_eq!(line[5], "0.5", "{table}");
    assert_eq!(line[8], "1", "{table}");
}

#[test]
fn a_container_that_uses_all_of_its_quota_is_at_about_a_hundred_percent() {
    let Some(cgroup) = limited() else { return };
    let container = Container::start(&cgroup);
    let _busy = container.caller().start(&["sh", "-c", "while :; do :; done"]);
    let pid = container.init().to_string();
    // How much it gets is up to a busy machine; that it is not nothing is up to us.
    wait_until("the container is seen to be busy", || {
        let table = text(&["top", "--once", "--interval", "0.5", "--filter", &pid]);
        let line = table
            .lines()
            .find(|line| line.starts_with(&name(&cgroup)))
            .unwrap()
            .to_owned();
        let percent = line.split_whitespace().nth(4).unwrap().trim_end_matches('%').to_owned();
        percent.parse::<f64>().unwrap() > 10.0
    });
}

#[test]
fn the_screen_shows_containers_answers_keys_and_leaves_the_terminal_as_it_was() {
    let Some(cgroup) = limited() else { return };
    let container = Container::start(&cgroup);
    let Some(terminal) = Terminal::open("keys", 80, 24) else {
        return;
    };
    terminal.runs(&format!("top --interval 0.2 --filter {}", container.init()));
    terminal.waits_for("the line of the container", |screen| screen.contains("/256M"));
    assert_eq!(terminal.state().trim(), "1 0");
    terminal.types(&["m"]);
    terminal.waits_for("the order by memory", |screen| screen.contains("MEMORY▼"));
    terminal.types(&["r"]);
    terminal.waits_for("the other order", |screen| screen.contains("MEMORY▲"));
    terminal.types(&["Space"]);
    terminal.waits_for("the pause", |screen| screen.contains("paused"));
    terminal.types(&["Space", "Escape"]);
    terminal.waits_for("all containers", |screen| !screen.contains("filter:"));
    terminal.types(&["/"]);
    terminal.types(&["-l", "no such container"]);
    terminal.types(&["Enter"]);
    terminal.waits_for("that there is none", |screen| screen.contains("no container has"));
    terminal.types(&["q"]);
    terminal.is_restored();
}

#[test]
fn a_container_that_ends_while_it_is_shown_goes() {
    let Some(cgroup) = limited() else { return };
    let container = Container::start(&cgroup);
    let Some(terminal) = Terminal::open("end", 80, 24) else {
        return;
    };
    terminal.runs(&format!("top --interval 0.2 --filter {}", container.init()));
    terminal.waits_for("the line of the container", |screen| screen.contains("/256M"));
    drop(container);
    terminal.waits_for("that it has gone", |screen| {
        !screen.contains("/256M") && screen.contains("no container has")
    });
    terminal.types(&["C-c"]);
    terminal.is_restored();
}

#[test]
fn the_screen_fits_a_terminal_that_changes_its_size() {
    let Some(cgroup) = limited() else { return };
    let container = Container::start(&cgroup);
    let Some(terminal) = Terminal::open("size", 140, 40) else {
        return;
    };
    terminal.runs(&format!("top --interval 0.2 --filter {}", container.init()));
    terminal.waits_for("all columns", |screen| {
        screen.contains("TASKS") && screen.contains("/256M")
    });
    terminal.tmux(&["resize-window", "-x", "40", "-y", "10"]);
    terminal.waits_for("fewer columns", |screen| {
        !screen.contains("TASKS") && screen.contains("/256M")
    });
    terminal.types(&["q"]);
    terminal.is_restored();
}

#[test]
fn a_signal_ends_it_and_the_terminal_is_as_it_was() {
    let Some(terminal) = Terminal::open("signal", 80, 24) else {
        return;
    };
    terminal.runs("top --interval 0.2; echo status $?");
    terminal.waits_for("the screen", |screen| screen.contains("q quit"));
    let pane = terminal.tmux(&["display-message", "-p", "#{pane_pid}"]).stdout;
    let shell = String::from_utf8(pane).unwrap().trim().to_owned();
    let killed = Command::new("pkill")
        .args(["-TERM", "-P", &shell, "lxcfs-cli"])
        .status()
        .unwrap();
    assert!(killed.success());
    terminal.waits_for("how it ended", |screen| screen.contains("status 143"));
    terminal.is_restored();
}

#[test]
fn files_of_a_fuse_server_that_hangs_are_not_waited_for() {
    if !can_run() {
        return;
    }
    let tool = env!("CARGO_BIN_EXE_lxcfs-cli");
    let script = format!("echo ready; read go; {tool} top --once --interval 0.2 2>&1; echo done");
    let (mut child, stdout) = start(&["--memory", "256M"], &script);
    // It is the server of the files that stand over /proc in there.
    send(&child, Signal::SIGSTOP);
    writeln!(child.stdin.as_ref().unwrap(), "go").unwrap();
    let lines = stdout.lines().map(Result::unwrap);
    let said: Vec<_> = lines.take_while(|line| line != "done").collect();
    send(&child, Signal::SIGCONT);
    assert!(child.wait().unwrap().success());
    assert!(said[0].contains("a FUSE file system stands there"), "{said:?}");
    assert!(said.iter().any(|line| line.starts_with("host ")), "{said:?}");
}

#[test]
fn what_is_no_interval_is_said_to_be_none() {
    for interval in ["0", "-1", "x", "inf", "NaN", "1e9"] {
        let output = output(&["top", "--once", &format!("--interval={interval}")]);
        assert_eq!(output.status.code(), Some(2), "{interval}");
        assert!(stderr(&output).contains("from 0.1 to 3600"), "{}", stderr(&output));
    }
}
