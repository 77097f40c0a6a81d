//! `lxcfs-cli compare`: what the host has and what a container sees of it, side by side.

mod row;
mod rows;

use std::collections::BTreeMap;
use std::io::Write;

use comfy_table::CellAlignment;
use lxcfs_core::Container;
use serde_json::json;

use crate::args::Compare;
use crate::failure::Failure;
use crate::list::{table, write_table};
use crate::subject::Subject;
use row::Row;

pub(crate) fn compare(compare: &Compare, out: &mut dyn Write) -> Result<(), Failure> {
    let subject = Subject::of(&compare.whose)?;
    let container = subject.container();
    let nobody = Container::host(container.caller);
    let options = compare.policies.options();
    let rows = rows::rows(subject.host_view(&nobody), subject.view(options)).map_err(|cause| Failure::Process {
        pid: container.caller,
        cause,
    })?;
    if compare.json {
        let object = json!({
            "pid": container.caller,
            "init": container.init.map(|init| init.pid),
            "cgroups": cgroups(container),
            "values": rows.iter().map(|row| (row.key, row.json())).collect::<BTreeMap<_, _>>(),
        });
        return Ok(writeln!(out, "{object:#}")?);
    }
    writeln!(out, "{}", who(container))?;
    match by_cgroup(container).as_slice() {
        [(path, _)] => writeln!(out, "cgroup {path}")?,
        several => {
            for (path, controllers) in several {
                writeln!(out, "cgroup {path} ({})", controllers.join(", "))?;
            }
        }
    }
    writeln!(out)?;
    print(&rows, out)
}

fn print(rows: &[Row], out: &mut dyn Write) -> Result<(), Failure> {
    let mut lines = table(["", "HOST", "CONTAINER", "FROM"]);
    let mut notes: Vec<&str> = Vec::new();
    for row in rows {
        let mut from = row.from.text();
        if let Some(why) = row.unknown() {
            let known = notes.iter().position(|note| *note == why);
            let place = known.unwrap_or(notes.len());
            if known.is_none() {
                notes.push(why);
            }
            from = format!("{from} [{}]", place.saturating_add(1)).trim().to_owned();
        }
        lines.add_row([row.label.to_owned(), row.host.text(), row.container.text(), from]);
    }
    for column in lines.column_iter_mut().skip(1).take(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    write_table(&lines, out)?;
    if !notes.is_empty() {
        writeln!(out)?;
    }
    for (place, note) in notes.iter().enumerate() {
        writeln!(out, "[{}] {note}", place.saturating_add(1))?;
    }
    Ok(())
}

fn who(container: &Container) -> String {
    match container.init {
        Some(init) if init.pid == container.caller => {
            format!("process {}, the first of its container", container.caller)
        }
        Some(init) => format!("process {} of the container of process {}", container.caller, init.pid),
        None => format!(
            "process {}, in no container: a process of this machine",
            container.caller
        ),
    }
}

/// Where the container is, and which controllers have it there.
fn by_cgroup(container: &Container) -> Vec<(String, Vec<&'static str>)> {
    let mut places: Vec<(String, Vec<&'static str>)> = Vec::new();
    for (controller, cgroup) in container.cgroups.iter() {
        let path = cgroup.path().display().to_string();
        match places.iter_mut().find(|(known, _)| *known == path) {
            Some((_, controllers)) => controllers.push(controller.name()),
            None => places.push((path, vec![controller.name()])),
        }
    }
    places
}

fn cgroups(container: &Container) -> BTreeMap<&'static str, String> {
    let cgroups = container.cgroups.iter();
    cgroups
        .map(|(controller, path)| (controller.name(), path.dir().display().to_string()))
        .collect()
}
