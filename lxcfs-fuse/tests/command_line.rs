//! The daemon's command line, up to where it would mount.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "this is test code")]

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt as _;
use std::process::{Command, Output};

fn lxcfs(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lxcfs"));
    command.args(arguments).env_remove("NOTIFY_SOCKET").output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// What it says on the standard error; it is to end with status 1 and print nothing.
fn refused(arguments: &[&str]) -> String {
    let output = lxcfs(arguments);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {output:?}");
    assert_eq!(text(&output.stdout), "", "{arguments:?}");
    text(&output.stderr)
}

/// What it prints; it is to end well and say nothing on the standard error.
fn printed(arguments: &[&str]) -> String {
    let output = lxcfs(arguments);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {output:?}");
    assert_eq!(text(&output.stderr), "", "{arguments:?}");
    text(&output.stdout)
}

#[test]
fn the_version_is_printed_on_the_standard_output() {
    let version = format!("lxcfs {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(printed(&["--version"]), version);
    assert_eq!(printed(&["-v"]), version);
}

#[test]
fn the_help_is_printed_on_the_standard_output_and_names_every_option_of_lxcfs() {
    let help = printed(&["--help"]);
    for option in [
        "-l, --enable-loadavg",
        "-u, --disable-swap",
        "-z, --disable-zswap",
        "-f, --foreground",
        "-d, --debug",
        "-o <OPTIONS>",
        "-p, --pidfile <FILE>",
        "-v, --version",
        "-h, --help",
        "--enable-cfs",
        "--enable-psi-poll",
        "--runtime-dir <DIR>",
        "--cpu-view",
        "MOUNTPOINT",
    ] {
        assert!(help.contains(option), "{option}\n{help}");
    }
    assert!(printed(&["-h"]).contains("--enable-cfs"));
}

#[test]
fn a_wrong_command_line_ends_with_status_1_and_names_the_option() {
    for (arguments, named) in [
        (&["--no-such-option", "/m"][..], "--no-such-option"),
        (&["/m", "-x"], "-x"),
        (&["--cpu-view", "shares", "/m"], "--cpu-view"),
        (&["/m", "--threads", "many"], "--threads"),
        (&["-p"], "--pidfile"),
        (&[], "MOUNTPOINT"),
        (&["-l"], "MOUNTPOINT"),
        (&["/a", "/b"], "/b"),
    ] {
        let said = refused(arguments);
        assert!(said.contains(named), "{arguments:?}: {said}");
    }
}

#[test]
fn a_wrong_command_line_leaves_a_pid_file_alone() {
    let dir = tempfile::tempdir().unwrap();
    let pid_file = dir.path().join("lxcfs.pid");
    fs::write(&pid_file, "4711\n").unwrap();
    let pidfile = format!("--pidfile={}", pid_file.display());
    let broken = dir.path().join("broken.toml");
    fs::write(&broken, "swp = false\n").unwrap();
    refused(&[&pidfile, "/a", "/b"]);
    refused(&[&pidfile, "--no-such-option", "/m"]);
    refused(&[&pidfile, "--config", broken.to_str().unwrap(), "/m"]);
    refused(&[&pidfile, "-o", "ro", "--enable-psi-poll", "/m"]);
    assert_eq!(fs::read_to_string(&pid_file).unwrap(), "4711\n");
}

#[test]
fn a_pid_file_that_cannot_be_made_is_named_with_its_option() {
    let dir = tempfile::tempdir().unwrap();
    let none = dir.path().join("none");
    let said = refused(&["--runtime-dir", none.to_str().unwrap(), dir.path().to_str().unwrap()]);
    assert!(said.contains(&format!("{}/lxcfs.pid", none.display())), "{said}");
    assert!(said.contains("--runtime-dir"), "{said}");
    assert!(!none.exists());
}

#[test]
fn a_mount_point_that_is_not_there_is_named_and_no_pid_file_stays() {
    let dir = tempfile::tempdir().unwrap();
    let mount_point = dir.path().join("none/none");
    let runtime = dir.path().to_str().unwrap();
    let said = refused(&["--runtime-dir", runtime, mount_point.to_str().unwrap()]);
    let last = said.lines().last().unwrap();
    assert!(last.starts_with("lxcfs: "), "{said}");
    // Where there is no /dev/fuse, that is what it says first.
    assert!(
        last.contains(mount_point.to_str().unwrap()) || last.contains("/dev/fuse"),
        "{said}"
    );
    assert!(!dir.path().join("lxcfs.pid").exists());
}

#[test]
fn a_mistake_in_the_configuration_file_is_told_with_file_line_and_key() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("c.toml");
    let config_name = config.to_str().unwrap();
    for (content, expected) in [
        (
            "loadavg = true\nswp = false\n",
            "line 2, `swp = false`: unknown field `swp`",
        ),
        ("threads = 0\n", "line 1, `threads = 0`: invalid value"),
        (
            "cpu-view = \"shares\"\n",
            "line 1, `cpu-view = \"shares\"`: \"shares\" is not one of quota, cpuset, host",
        ),
    ] {
        fs::write(&config, content).unwrap();
        let said = refused(&["--config", config_name, "/m"]);
        assert_eq!(said.lines().count(), 1, "nothing but the mistake: {said}");
        assert!(
            said.starts_with(&format!("lxcfs: configuration file {config_name}, {expected}")),
            "{said}"
        );
    }
}

#[test]
fn a_configuration_file_that_is_named_must_be_there() {
    let said = refused(&["--config", "/nowhere/c.toml", "/m"]);
    assert!(
        said.starts_with("lxcfs: configuration file /nowhere/c.toml: "),
        "{said}"
    );
}

#[test]
fn a_read_only_mount_has_no_triggers() {
    let said = refused(&["-o", "ro", "--enable-psi-poll", "/m"]);
    assert!(said.contains("-o ro") && said.contains("--enable-psi-poll"), "{said}");
}

/// What is logged into a file by a daemon that cannot mount.
fn logged(arguments: &[&str], is_journal: bool) -> String {
    let dir = tempfile::tempdir().unwrap();
    let log = File::create(dir.path().join("log")).unwrap();
    let metadata = log.metadata().unwrap();
    let inode = if is_journal { metadata.ino() } else { 0 };
    let status = Command::new(env!("CARGO_BIN_EXE_lxcfs"))
        .args(arguments)
        .arg("--runtime-dir")
        .arg(dir.path())
        .arg(dir.path().join("none/none"))
        .env("JOURNAL_STREAM", format!("{}:{inode}", metadata.dev()))
        .stderr(log)
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(1));
    fs::read_to_string(dir.path().join("log")).unwrap()
}

#[test]
fn the_journal_gets_priorities_and_no_time_stamps() {
    assert!(logged(&[], true).starts_with("<6> INFO starting version="));
    assert!(logged(&["--log-format", "json"], true).starts_with("<6>{\"level\":\"INFO\","));
}

#[test]
fn everybody_else_gets_time_stamps() {
    let text = logged(&[], false);
    let year = text.split('-').next().unwrap();
    assert!(year.len() == 4 && year.parse::<u16>().is_ok(), "{text}");
    assert!(logged(&["--log-format", "json"], false).starts_with("{\"timestamp\":\""));
}

#[test]
fn the_log_level_is_that_of_the_command_line() {
    assert!(logged(&["--enable-pidfd"], false).contains("--enable-pidfd is deprecated"));
    let errors = logged(&["--enable-pidfd", "--log-level", "error"], false);
    assert!(!errors.contains("deprecated"), "{errors}");
}
