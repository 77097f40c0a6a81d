//! The virtual files as they are now, written into a directory: empty where there is nothing to show.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _, symlink};
use std::path::Path;

use lxcfs_core::{CaptureError, ContainerView, EntryKind, Place, TABLE};

use super::error::RunError;

/// The rows of the table that are mounted: those in a directory of it come with that.
pub(crate) fn mounted_rows() -> impl Iterator<Item = &'static str> {
    let within = |path: &str| {
        TABLE
            .iter()
            .filter(|file| file.is_directory())
            .any(|dir| path.strip_prefix(dir.path).is_some_and(|below| below.starts_with('/')))
    };
    TABLE.iter().map(|file| file.path).filter(move |path| !within(path))
}

/// Writes the virtual files below `dir`. Of a row that cannot be produced there is an empty one, to hide the host's.
pub(crate) fn write(view: &ContainerView<'_>, dir: &Path, verbose: bool) -> Result<(), RunError> {
    for path in mounted_rows() {
        let Some(place) = lxcfs_core::find(path) else {
            continue;
        };
        let target = dir.join(path);
        let written = if place.file.is_directory() {
            write_directory(view, path, &target, verbose)
        } else {
            make_parent(&target).and_then(|()| write_file(view, &place, &target, EntryKind::File, verbose))
        };
        written.map_err(RunError::file(target, "cannot write the virtual file"))?;
    }
    Ok(())
}

fn make_parent(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), fs::create_dir_all)
}

fn write_directory(view: &ContainerView<'_>, path: &str, target: &Path, verbose: bool) -> io::Result<()> {
    fs::create_dir_all(target)?;
    fs::set_permissions(target, Permissions::from_mode(0o755))?;
    let Some(place) = lxcfs_core::find(path) else {
        return Ok(());
    };
    let entries = place.list(view).unwrap_or_else(|error| {
        say_hidden(path, &error, verbose);
        Vec::new()
    });
    for entry in entries {
        let path = format!("{path}/{}", entry.name);
        let target = target.join(&entry.name);
        let Some(place) = lxcfs_core::find(&path) else {
            continue;
        };
        match entry.kind {
            EntryKind::Directory => write_directory(view, &path, &target, verbose)?,
            EntryKind::Symlink => match place.read_link(view) {
                Ok(link) => symlink(link, &target)?,
                Err(error) => say_hidden(&path, &error, verbose),
            },
            kind => write_file(view, &place, &target, kind, verbose)?,
        }
    }
    Ok(())
}

fn write_file(
    view: &ContainerView<'_>,
    place: &Place<'_>,
    target: &Path,
    kind: EntryKind,
    verbose: bool,
) -> io::Result<()> {
    let text = place.render(view).unwrap_or_else(|error| {
        // In a directory full of files, some can never be read.
        let path = format!("{}/{}", place.file.path, place.below);
        say_hidden(path.trim_end_matches('/'), &error, verbose);
        Default::default()
    });
    let mode = if kind == EntryKind::PrivateFile { 0o400 } else { 0o444 };
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(target)?
        .write_all(&text)
}

/// Says that there is nothing to show in a place.
fn say_hidden(path: &str, error: &CaptureError, verbose: bool) {
    let expected = matches!(
        error,
        CaptureError::NoSuchFile { .. } | CaptureError::NotAvailable { .. }
    );
    let is_row = TABLE.iter().any(|file| file.path == path);
    if verbose || (is_row && !expected) {
        crate::complain(&format_args!("/{path} is hidden by an empty file: {error}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_in_a_directory_come_with_it() {
        let rows: Vec<_> = mounted_rows().collect();
        assert!(rows.contains(&"proc/meminfo"));
        assert!(rows.contains(&"sys/devices/system/cpu"));
        assert!(!rows.contains(&"sys/devices/system/cpu/online"));
    }
}
