//! The daemon, started from here: what it does is tested where it is made.

#![allow(clippy::unwrap_used, reason = "this is test code")]

mod tool;

use tool::{output, stderr};

#[test]
fn a_wrong_command_line_has_the_status_of_this_tool() {
    for arguments in [&["mount"][..], &["mount", "--cpu-view", "shares", "/m"]] {
        assert_eq!(output(arguments).status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn what_the_daemon_cannot_do_is_told_once() {
    let said = output(&["mount", "--config", "/nowhere/c.toml", "/m"]);
    assert_eq!(said.status.code(), Some(1));
    let text = stderr(&said);
    assert!(
        text.starts_with("lxcfs-cli: configuration file /nowhere/c.toml: "),
        "{text}"
    );
    assert_eq!(text.lines().count(), 1, "{text}");
}
