//! Looking at virtual files: render, list, explain, record. None of these needs root.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "this is test code")]

mod tool;

use std::io::Read as _;
use std::process::Stdio;

use serde_json::Value;
use tool::{output, stderr, text, tool};

fn json(arguments: &[&str]) -> Value {
    serde_json::from_str(&text(arguments)).unwrap()
}

#[test]
fn a_file_has_the_same_text_by_each_of_its_names() {
    let key = |text: String| text.lines().next().unwrap().split(' ').next().unwrap().to_owned();
    for name in ["meminfo", "proc/meminfo", "/proc/meminfo"] {
        assert_eq!(key(text(&["render", name])), "MemTotal:");
    }
}

#[test]
fn every_file_of_the_list_can_be_rendered_or_says_why_not() {
    let rows = json(&["list", "--json"]);
    assert!(rows.as_array().unwrap().len() > 10);
    for row in rows.as_array().unwrap() {
        let path = row["path"].as_str().unwrap();
        assert!(!row["about"].as_str().unwrap().is_empty());
        let output = output(&["render", path]);
        match output.status.code() {
            Some(0) => assert!(output.stderr.is_empty(), "{path}: {}", stderr(&output)),
            Some(1) => assert!(stderr(&output).contains(path), "{path}: {}", stderr(&output)),
            other => panic!("{path}: {other:?}: {}", stderr(&output)),
        }
    }
}

#[test]
fn the_list_names_each_file_in_a_line() {
    let list = text(&["list"]);
    for path in ["proc/meminfo", "proc/stat", "sys/devices/system/cpu/online"] {
        assert!(list.lines().any(|line| line.starts_with(path)), "{path}");
    }
}

#[test]
fn a_directory_prints_its_names() {
    let names = text(&["render", "sys/devices/system/cpu/"]);
    assert!(names.lines().any(|name| name == "online"), "{names}");
    let cpus = |name: &&str| name.strip_prefix("cpu").is_some_and(|id| id.parse::<u32>().is_ok());
    let stat = text(&["render", "stat"]);
    assert_eq!(
        names.lines().filter(cpus).count(),
        stat.lines()
            .filter_map(|line| line.split(' ').next())
            .filter(cpus)
            .count(),
    );
}

#[test]
fn json_says_whose_text_it_is() {
    let object = json(&["render", "meminfo", "--json", "--pid", &std::process::id().to_string()]);
    assert_eq!(object["path"], "/proc/meminfo");
    assert_eq!(object["pid"], std::process::id());
    assert!(object["text"].as_str().unwrap().starts_with("MemTotal:"));
    assert!(object["cgroups"].is_object());
    let object = json(&["render", "sys/devices/system/cpu", "--json"]);
    assert!(object["names"].as_array().unwrap().contains(&"online".into()));
}

#[test]
fn every_line_is_explained() {
    let object = json(&["explain", "meminfo", "--json"]);
    let lines = object["lines"].as_array().unwrap();
    assert!(lines[0]["text"].as_str().unwrap().starts_with("MemTotal:"));
    let table = text(&["explain", "meminfo"]);
    assert!(table.lines().count() > lines.len());
    assert!(table.contains("MemTotal:"));
}

#[test]
fn policies_are_heard() {
    let swap = text(&["render", "meminfo", "--no-swap"]);
    let line = swap.lines().find(|line| line.starts_with("SwapTotal:")).unwrap();
    assert!(line.ends_with(" 0 kB"), "{line}");
}

#[test]
fn a_recording_renders_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().to_str().unwrap();
    assert_eq!(text(&["record", "--pid", "self", dir]), "");
    for file in ["meminfo", "cpuinfo", "stat", "uptime", "sys/devices/system/cpu/online"] {
        let once = text(&["render", file, "--root", dir]);
        assert!(!once.is_empty());
        assert_eq!(once, text(&["render", file, "--root", dir]));
    }
    assert!(text(&["explain", "meminfo", "--root", dir]).contains("MemTotal:"));

    let again = output(&["record", "--pid", "self", dir]);
    assert_eq!(again.status.code(), Some(1));
    assert!(stderr(&again).contains("not empty"), "{}", stderr(&again));
}

#[test]
fn what_does_not_exist_is_named_with_what_to_do() {
    for (arguments, status, says) in [
        (&["render", "mem"][..], 1, &["mem: ", "lxcfs-cli list"][..]),
        (&["render", "meminfo", "--pid", "4194304"], 1, &["4194304"]),
        (&["render", "meminfo", "--pid", "one"], 2, &["'one'", "--pid", "self"]),
        (&["render", "meminfo", "--root", "/nonexistent"], 1, &["/nonexistent"]),
        (
            &["render", "meminfo", "--cpu-view", "none"],
            2,
            &["--cpu-view", "quota, cpuset, host"],
        ),
        (&["render"], 2, &["FILE"]),
        (&["run", "--memory", "12X", "true"], 125, &["--memory", "'12X'", "256M"]),
        (&["run", "--cpus", "0", "true"], 125, &["--cpus", "'0'", "0.01"]),
        (&["run", "--cpus", "inf", "true"], 125, &["--cpus", "'inf'", "1.5"]),
        (&["run", "--cpuset", "b", "true"], 125, &["--cpuset", "'b'", "0-2,5"]),
        (
            &["run", "--cpuset", "60000", "true"],
            125,
            &["--cpuset 60000", "online"],
        ),
        (&["run"], 125, &["COMMAND"]),
    ] {
        let output = output(arguments);
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {}", stderr(&output));
        assert!(output.stdout.is_empty(), "{arguments:?}");
        for part in says {
            assert!(stderr(&output).contains(part), "{arguments:?}: {}", stderr(&output));
        }
    }
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    // Nobody reads any more: the pipe is closed before the tool writes to it.
    let (reader, writer) = std::io::pipe().unwrap();
    let mut child = tool(&["render", "meminfo"])
        .stdout(writer)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(reader);
    let mut complaint = String::new();
    child.stderr.take().unwrap().read_to_string(&mut complaint).unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(complaint, "");
}

#[test]
fn a_full_disk_is_an_error() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = tool(&["render", "meminfo"]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("standard output"), "{}", stderr(&output));
}

#[test]
fn it_knows_its_version_and_helps() {
    assert_eq!(
        text(&["--version"]),
        format!("lxcfs-cli {}\n", env!("CARGO_PKG_VERSION"))
    );
    assert!(text(&["--help"]).contains("Exit status"));
    assert!(text(&["run", "--help"]).contains("127"));
}
