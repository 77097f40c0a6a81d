//! `lxcfs-cli record`: all that the virtual files of a process are made from, as a directory.

use lxcfs_core::explain::explain;
use lxcfs_core::live::{self, Recorder, Root};
use lxcfs_core::{ContainerView, EntryKind, TABLE};

use crate::args::Record;
use crate::failure::Failure;

pub(crate) fn record(record: &Record) -> Result<(), Failure> {
    let recorder = Recorder::new(Root::host());
    // Who is asking is read through the recorder too: a wrong answer to that is worth a report as well.
    let container = live::container_of(&recorder, &live::hierarchies(&recorder)?, record.pid.pid())?;
    let now = live::boot_time();
    let view = ContainerView::new(&recorder, &container, now);
    for file in TABLE {
        touch(&view, file.path);
    }
    Ok(recorder.write_to(&record.dir, &container, now, !record.no_scrub)?)
}

/// Renders a file, or a whole directory, for what is read meanwhile. That something cannot be read is recorded too.
fn touch(view: &ContainerView<'_>, path: &str) {
    let Some(place) = lxcfs_core::find(path) else {
        return;
    };
    if !place.file.is_directory() {
        // More than rendering reads: `explain` is to work with a recording as well.
        let _ = explain(&place, view);
        return;
    }
    for entry in place.list(view).unwrap_or_default() {
        let path = format!("{path}/{}", entry.name);
        let Some(place) = lxcfs_core::find(&path) else {
            continue;
        };
        match entry.kind {
            EntryKind::Directory => touch(view, &path),
            EntryKind::Symlink => drop(place.read_link(view)),
            EntryKind::File | EntryKind::PrivateFile => drop(place.render(view)),
        }
    }
}
