//! `docs/virtual-files.md` is generated from `TABLE`; this keeps it in step. `UPDATE_DOCS=1` writes it.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test may fail, and reads a file of the repository"
)]

use std::fmt::Write as _;
use std::path::Path;

use lxcfs_core::{Class, Fact, TABLE};

fn generated() -> String {
    let mut out = String::from(
        "# The virtual files\n\n\
         Generated from the table in `lxcfs-core/src/files/` (`UPDATE_DOCS=1 cargo test -p lxcfs-core --test virtual_files_doc`).\n\n\
         | class | whose value it is |\n|---|---|\n",
    );
    for (class, meaning) in [
        (Class::Container, "the container's, as its cgroup accounts for it"),
        (Class::Derived, "computed from the container's values"),
        (Class::Shared, "the host's, and true of the container as well"),
        (Class::Constant, "the same on any machine of this kind"),
        (
            Class::Zero,
            "the host's alone, or not accounted for a cgroup: shown as 0",
        ),
    ] {
        writeln!(out, "| {} | {meaning} |", class.name()).unwrap();
    }
    for file in TABLE {
        let slash = if file.is_directory() { "/" } else { "" };
        write!(
            out,
            "\n## {}{slash}\n\n{}\n\n| line | class | from | value |\n|---|---|---|---|\n",
            file.path,
            capital(file.about)
        )
        .unwrap();
        for line in file.lines {
            let key = if line.key == "*" {
                "any other line".to_owned()
            } else {
                format!("`{}`", line.key)
            };
            let from = line
                .from
                .iter()
                .map(|fact: &Fact| fact.name())
                .collect::<Vec<_>>()
                .join(", ");
            writeln!(
                out,
                "| {key} | {} | {from} | {} |",
                line.class.name(),
                line.formula.replace('|', "\\|")
            )
            .unwrap();
        }
    }
    out
}

fn capital(text: &str) -> String {
    let (first, rest) = text.split_at(1);
    format!("{}{rest}.", first.to_uppercase())
}

#[test]
fn the_page_says_what_the_table_says() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/virtual-files.md");
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
