//! `lxcfs-cli render`: the bytes of a virtual file, or the names in a directory.

use std::collections::BTreeMap;
use std::io::Write;

use lxcfs_core::{CaptureError, Container, Place};
use serde_json::{Value, json};

use crate::args::Render;
use crate::failure::Failure;
use crate::subject::Subject;

pub(crate) fn render(render: &Render, out: &mut dyn Write) -> Result<(), Failure> {
    let place = find(&render.file)?;
    let subject = Subject::of(&render.whose)?;
    let view = subject.view(render.policies.options());

    let names = match place.list(&view) {
        Ok(entries) => Some(entries.into_iter().map(|entry| entry.name).collect::<Vec<_>>()),
        // Not a directory.
        Err(CaptureError::NoSuchFile { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    let text = if names.is_none() {
        Some(place.render(&view)?)
    } else {
        None
    };

    if render.json {
        let mut object = about(&place, subject.container());
        if let Some(names) = names {
            object.insert("names", json!(names));
        }
        if let Some(text) = text {
            object.insert("text", json!(String::from_utf8_lossy(&text)));
        }
        writeln!(out, "{:#}", json!(object))?;
    } else if let Some(names) = names {
        for name in names {
            writeln!(out, "{name}")?;
        }
    } else if let Some(text) = text {
        out.write_all(&text)?;
    }
    Ok(())
}

/// The place that the user names.
pub(crate) fn find(given: &str) -> Result<Place<'_>, Failure> {
    lxcfs_core::find(given.trim_end_matches('/')).ok_or_else(|| Failure::NoSuchFile {
        given: given.to_owned(),
    })
}

/// What a JSON object says first: which file, and whose.
pub(crate) fn about(place: &Place<'_>, container: &Container) -> BTreeMap<&'static str, Value> {
    let separator = if place.below.is_empty() { "" } else { "/" };
    let cgroups: BTreeMap<_, _> = container
        .cgroups
        .iter()
        .map(|(controller, path)| (controller.name(), path.dir().display().to_string()))
        .collect();
    BTreeMap::from([
        ("path", json!(format!("/{}{separator}{}", place.file.path, place.below))),
        ("pid", json!(container.caller)),
        ("init", json!(container.init.map(|init| init.pid))),
        ("cgroups", json!(cgroups)),
    ])
}
