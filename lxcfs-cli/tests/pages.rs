//! What a package installs beside the programs: manual pages and completions, as man(1) and the shells take them.

#![allow(clippy::unwrap_used, reason = "this is test code")]
#![allow(clippy::disallowed_methods, reason = "tests read files")]

mod tool;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use lxcfs_testing::skipped;
use tool::{stderr, text};

/// The files that this subcommand writes, sorted.
fn written(subcommand: &str, dir: &Path) -> Vec<PathBuf> {
    assert_eq!(text(&[subcommand, "--dir", dir.to_str().unwrap()]), "");
    let mut files: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn name(path: &Path) -> &str {
    path.file_name().unwrap().to_str().unwrap()
}

/// Whether the program is installed. Says that the test is skipped if not.
fn is_installed(program: &str) -> bool {
    let is_there = Command::new(program).arg("--version").output().is_ok();
    if !is_there {
        skipped(program);
    }
    is_there
}

#[test]
fn there_is_a_manual_page_for_each_program_and_each_subcommand() {
    let dir = tempfile::tempdir().unwrap();
    let pages = written("man", &dir.path().join("made"));
    let has = |page: &str| pages.iter().any(|path| name(path) == page);
    for page in [
        "lxcfs.8",
        "lxcfs-cli.1",
        "lxcfs-cli-run.1",
        "lxcfs-cli-render.1",
        "lxcfs-cli-hook-create-container.1",
    ] {
        assert!(has(page), "{page}: {pages:?}");
    }
    let hidden = ["lxcfs-cli-nri-give.1", "lxcfs-cli-help.1", "lxcfs-cli-__init.1"];
    assert!(!hidden.iter().any(|page| has(page)), "{pages:?}");
}

#[test]
fn one_manual_page_is_printed() {
    assert!(text(&["man"]).contains(".TH lxcfs-cli 1"));
    assert!(text(&["man", "--program", "lxcfs"]).contains(".TH lxcfs 8"));
}

#[test]
fn man_shows_every_manual_page_without_a_warning() {
    if !is_installed("man") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    for page in written("man", dir.path()) {
        let shown = Command::new("man")
            .args(["--warnings", "--encoding=UTF-8", "--local-file"])
            .arg(&page)
            .env("MANWIDTH", "100")
            .output()
            .unwrap();
        assert!(
            shown.status.success() && shown.stderr.is_empty(),
            "{page:?}: {}",
            stderr(&shown)
        );
        let text = String::from_utf8(shown.stdout).unwrap();
        for heading in ["NAME", "SYNOPSIS", "DESCRIPTION", "SEE ALSO"] {
            assert!(text.lines().any(|line| line == heading), "{page:?} has no {heading}");
        }
        assert!(!text.contains("\nEXTRA"), "{page:?}");
    }
}

#[test]
fn every_shell_understands_its_completions() {
    let dir = tempfile::tempdir().unwrap();
    let scripts = written("completions", dir.path());
    let names: Vec<_> = scripts.iter().map(|path| name(path)).collect();
    assert_eq!(
        names,
        [
            "_lxcfs",
            "_lxcfs-cli",
            "lxcfs-cli.bash",
            "lxcfs-cli.fish",
            "lxcfs.bash",
            "lxcfs.fish"
        ]
    );
    for script in &scripts {
        let text = fs::read_to_string(script).unwrap();
        let is_cli = name(script).contains("-cli");
        let word = if is_cli { "render" } else { "enable-psi-poll" };
        assert!(text.contains(word), "{script:?} does not complete {word}");
        assert!(!text.contains("__init"), "the hidden subcommands are not to be offered");
        let shell = match script.extension() {
            Some(extension) => extension.to_str().unwrap(),
            None => "zsh",
        };
        if is_installed(shell) {
            let looked = Command::new(shell).arg("-n").arg(script).output().unwrap();
            assert!(looked.status.success(), "{script:?}: {}", stderr(&looked));
        }
    }
}

#[test]
fn the_completions_of_one_shell_are_printed() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(text(&["completions", shell]).contains("render"), "{shell}");
        assert!(
            text(&["completions", shell, "--program", "lxcfs"]).contains("enable-psi-poll"),
            "{shell}"
        );
    }
}
