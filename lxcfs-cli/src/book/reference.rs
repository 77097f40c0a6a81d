//! `docs/cli.md` is what `--help` says; this keeps it in step. `UPDATE_DOCS=1` writes it.

use std::fmt::Write as _;

use lxcfs_testing::documents::repository;

/// The columns of a block of code in the book.
const WIDTH: usize = 84;

fn generated() -> String {
    let mut page = "# Command lines\n\n\
         What `--help` says of each program and subcommand, and the manual pages too. \
         Generated: `UPDATE_DOCS=1 cargo test -p lxcfs-cli book::`.\n"
        .to_owned();
    for (name, command) in super::programs() {
        let mut command = command.disable_help_subcommand(true).term_width(WIDTH);
        command.build();
        section(name, command, 2, &mut page);
    }
    page
}

fn section(name: &str, mut command: clap::Command, level: usize, page: &mut String) {
    write!(page, "\n{} {name}\n\n", "#".repeat(level)).unwrap();
    if name == "lxcfs-cli mount" {
        page.push_str("The same as [`lxcfs`](#lxcfs).\n");
        return;
    }
    let help = command.render_long_help().to_string();
    page.push_str("```text\n");
    for line in help.trim_end().lines() {
        writeln!(page, "{}", line.trim_end()).unwrap();
    }
    page.push_str("```\n");
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        section(
            &format!("{name} {}", below.get_name()),
            below.clone(),
            level.saturating_add(1),
            page,
        );
    }
}

#[test]
fn the_page_of_the_command_lines_is_what_help_says() {
    let page = repository().join("docs/cli.md");
    let generated = generated();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&page, &generated).unwrap();
    }
    let written = std::fs::read_to_string(&page).unwrap_or_default();
    assert!(
        written == generated,
        "{} is out of date: run with UPDATE_DOCS=1",
        page.display()
    );
}
