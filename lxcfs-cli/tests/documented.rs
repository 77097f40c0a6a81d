//! What the pages of this repository say in blocks of code is so: commands run, and texts are what they are called.

#![allow(clippy::unwrap_used, reason = "this is test code")]
#![allow(clippy::disallowed_methods, reason = "tests read files")]

mod tool;

use std::collections::BTreeSet;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::{env, fs};

use lxcfs_testing::documents::{Block, blocks, pages, repository};
use tool::{can_run, stderr};

/// What a block of code may be called. Nothing is known of `text`; `console` is commands behind a prompt, and what they print.
const LANGUAGES: [&str; 8] = ["text", "console", "sh", "rust", "toml", "yaml", "json", "ini"];

/// What is wrong with the blocks of this language, each by its place.
fn wrong(language: &str, complaint: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let of_it = blocks().into_iter().filter(|block| block.language == language);
    of_it
        .filter_map(|block| Some(format!("{}: {}", block.place(), complaint(&block.text)?)))
        .collect()
}

/// Has bash look at the script, or run it; programs are looked for in `first` before anywhere else.
fn bash(options: &[&str], script: &str, first: &Path) -> Output {
    let others = env::var_os("PATH").unwrap_or_default();
    let path = std::iter::once(first.to_owned()).chain(env::split_paths(&others));
    Command::new("bash")
        .args(options)
        .args(["-c", script])
        .env("PATH", env::join_paths(path).unwrap())
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

#[test]
fn every_block_of_code_says_what_it_is() {
    let unknown: Vec<_> = blocks()
        .into_iter()
        .filter(|block| !LANGUAGES.contains(&block.language.as_str()))
        .map(|block| format!("{}: {:?} is none of {LANGUAGES:?}", block.place(), block.language))
        .collect();
    assert!(unknown.is_empty(), "{}", unknown.join("\n"));
}

#[test]
fn bash_understands_every_shell_block() {
    let wrong = wrong("sh", |text| {
        let looked = bash(&["-n"], text, Path::new("/nowhere"));
        (!looked.status.success()).then(|| stderr(&looked))
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_toml_yaml_and_json_block_can_be_parsed() {
    let mut all = wrong("toml", |text| {
        text.parse::<toml::Table>().err().map(|error| error.to_string())
    });
    all.extend(wrong("json", |text| {
        serde_json::from_str::<serde_json::Value>(text)
            .err()
            .map(|error| error.to_string())
    }));
    all.extend(wrong("yaml", |text| {
        saphyr_parser::Parser::new_from_str(text)
            .find_map(Result::err)
            .map(|error| error.to_string())
    }));
    assert!(all.is_empty(), "{}", all.join("\n"));
}

/// The package `examples` has these pages as documentation of its own, which is compiled and run as such.
#[test]
fn every_rust_block_is_in_a_page_that_is_compiled() {
    let compiled = fs::read_to_string(repository().join("examples/lib.rs")).unwrap();
    let pages: BTreeSet<PathBuf> = blocks()
        .into_iter()
        .filter(|block| block.language == "rust")
        .map(|block| block.page)
        .collect();
    for page in pages {
        let included = format!("include_str!(\"../{}\")", page.display());
        assert!(compiled.contains(&included), "examples/lib.rs has no {included}");
    }
}

/// Runs the blocks that are marked `run`; if `output` follows one, that is what it prints.
#[test]
fn the_blocks_that_are_to_be_run_do_what_the_page_says() {
    if !can_run() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    symlink(env!("CARGO_BIN_EXE_lxcfs-cli"), dir.path().join("lxcfs-cli")).unwrap();
    // The daemon is in the tool too.
    let daemon = dir.path().join("lxcfs");
    fs::write(&daemon, "#!/bin/sh\nexec lxcfs-cli mount \"$@\"\n").unwrap();
    fs::set_permissions(&daemon, fs::Permissions::from_mode(0o755)).unwrap();

    let blocks = blocks();
    let mut following = blocks.iter().skip(1);
    let mut run = 0;
    for block in &blocks {
        let next = following.next();
        if block.language != "sh" || !block.is("run") {
            continue;
        }
        let done = bash(&["-euo", "pipefail"], &block.text, dir.path());
        assert!(
            done.status.success(),
            "{}: {}: {}",
            block.place(),
            done.status,
            stderr(&done)
        );
        let expected = next.filter(|next: &&Block| next.page == block.page && next.is("output"));
        if let Some(expected) = expected {
            assert_eq!(
                String::from_utf8_lossy(&done.stdout),
                expected.text,
                "{}",
                block.place()
            );
        }
        run += 1;
    }
    assert!(run > 3, "only {run} blocks were run");
}

#[test]
fn every_page_of_docs_is_in_the_summary() {
    let summary = fs::read_to_string(repository().join("docs/SUMMARY.md")).unwrap();
    for page in pages() {
        let Ok(name) = page.strip_prefix("docs") else { continue };
        if name != Path::new("SUMMARY.md") {
            let link = format!("]({})", name.display());
            assert!(
                summary.contains(&link),
                "docs/SUMMARY.md has no link to {}",
                name.display()
            );
        }
    }
}
