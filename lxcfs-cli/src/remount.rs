//! `lxcfs-cli remount`: running containers get the live daemon's files in place of dead ones.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use lxcfs_fuse::heal::{Namespace, Outcome, Report, State, Sweep};
use serde_json::{Value, json};

use crate::args::Remount;
use crate::failure::Failure;
use crate::list::{table, write_table};

/// Does it and says what was done; answers whether nothing is left dead.
pub(crate) fn remount(remount: &Remount, out: &mut dyn Write) -> Result<bool, Failure> {
    let some = |list: &Vec<_>| (!list.is_empty()).then(|| list.clone());
    let from_root =
        |path: &std::path::PathBuf| std::path::absolute(path).map_err(Failure::file(path, "cannot be found"));
    let sweep = Sweep {
        mountpoint: remount.mountpoint.as_ref().map(from_root).transpose()?,
        slots: remount.slots.as_ref().map(from_root).transpose()?,
        pids: some(&remount.pid),
        devices: (!remount.device.is_empty()).then(|| remount.device.clone()),
        rehearsal: remount.dry_run,
        limit: Duration::from_secs(remount.limit),
        ..Sweep::default()
    };
    let report = sweep.run()?;
    if remount.json {
        writeln!(out, "{:#}", as_json(&report))?;
    } else {
        as_table(&report, out)?;
    }
    out.flush()?;
    Ok(report.is_whole())
}

fn as_json(report: &Report) -> Value {
    let others: Vec<_> = report
        .others
        .iter()
        .map(|(device, state)| json!({"device": device.to_string(), "state": state}))
        .collect();
    let namespaces: Vec<_> = report
        .namespaces
        .iter()
        .map(|one| {
            let mounts: Vec<_> = one
                .mounts
                .iter()
                .map(|mount| {
                    let (outcome, why) = in_words(&mount.outcome);
                    json!({"point": mount.point, "file": mount.file, "outcome": outcome, "why": why})
                })
                .collect();
            json!({
                "pid": one.pid, "name": one.name, "namespace": one.inode, "mounts": mounts, "trouble": one.trouble,
            })
        })
        .collect();
    json!({
        "mountpoint": report.mountpoint.display().to_string(),
        "device": report.live.to_string(),
        "others": others,
        "namespaces": namespaces,
        "looked_at": report.looked_at,
        "unreadable": report.unreadable,
        "whole": report.is_whole(),
    })
}

/// The word for an outcome, and why something is left.
fn in_words(outcome: &Outcome) -> (&'static str, Option<&str>) {
    match outcome {
        Outcome::Replaced => ("replaced", None),
        Outcome::Covered => ("covered", None),
        Outcome::WithDirectory => ("with-directory", None),
        Outcome::Hidden => ("hidden", None),
        Outcome::WouldReplace => ("would-replace", None),
        Outcome::Left(why) => ("left", Some(why)),
        _ => ("other", None),
    }
}

fn as_table(report: &Report, out: &mut dyn Write) -> Result<(), Failure> {
    for (device, state) in &report.others {
        match state {
            State::Held => writeln!(out, "{device} does not answer and is held by a process: left alone")?,
            State::Unknown => writeln!(out, "{device} cannot be looked at: left alone")?,
            _ => {}
        }
    }
    if report.namespaces.is_empty() {
        writeln!(out, "nothing is dead: {} mount namespaces looked at", report.looked_at)?;
        return Ok(());
    }
    let mut table = table(["PID", "PROCESS", "OUTCOME", "MOUNTS", "WHICH"]);
    for namespace in &report.namespaces {
        for row in rows(namespace) {
            table.add_row(row);
        }
    }
    write_table(&table, out)
}

/// One row for each outcome in a namespace.
fn rows(namespace: &Namespace) -> Vec<[String; 5]> {
    let mut by_outcome: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for mount in &namespace.mounts {
        let words = match in_words(&mount.outcome) {
            (word, None) => word.to_owned(),
            (word, Some(why)) => format!("{word}: {why}"),
        };
        by_outcome.entry(words).or_default().push(&mount.point);
    }
    let trouble = namespace
        .trouble
        .iter()
        .map(|why| (format!("failed: {why}"), Vec::new()));
    by_outcome
        .into_iter()
        .chain(trouble)
        .map(|(outcome, points)| {
            [
                namespace.pid.to_string(),
                namespace.name.clone(),
                outcome,
                points.len().to_string(),
                points.join(" "),
            ]
            // Some of it comes from containers: nothing of that is for the terminal to obey.
            .map(|word| word.replace(char::is_control, "?"))
        })
        .collect()
}
