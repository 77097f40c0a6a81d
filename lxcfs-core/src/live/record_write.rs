//! What a recorder has seen, written into a directory.
#![expect(clippy::disallowed_methods, reason = "a recording is a directory of files")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use super::manifest::{Failure, MANIFEST, Manifest};
use super::record::{Answers, Seen};
use super::record_error::RecordError;
use crate::container::Container;
use crate::source::SourceErrorKind;

/// Writes what was seen into an empty directory.
pub(super) fn write(dir: &Path, seen: &Seen, container: &Container, now: Duration) -> Result<(), RecordError> {
    make_empty(dir)?;
    let mut manifest = Manifest::new(container, now);
    for (path, entries) in answers(&seen.listings) {
        let names = entries
            .iter()
            .map(|entry| (entry.name.clone(), entry.kind.into()))
            .collect();
        manifest.listings.insert(path.clone(), names);
    }
    for (path, text) in answers(&seen.files) {
        let place = place(dir, path)?;
        fs::write(&place, text).map_err(|source| RecordError::Io { path: place, source })?;
    }
    for (path, target) in answers(&seen.links) {
        let files_below = answers(&seen.files).any(|(file, _)| file.starts_with(path));
        let links_below = answers(&seen.links).any(|(link, _)| link != path && link.starts_with(path));
        if files_below || links_below {
            manifest.links.insert(path.clone(), target.clone());
        } else {
            let place = place(dir, path)?;
            symlink(target, &place).map_err(|source| RecordError::Io { path: place, source })?;
        }
    }
    manifest.errors.read = failures(dir, &seen.files);
    manifest.errors.read_link = failures(dir, &seen.links);
    manifest.errors.list = failures(dir, &seen.listings);
    let path = dir.join(MANIFEST);
    let mut text = match serde_json::to_vec_pretty(&manifest) {
        Ok(text) => text,
        Err(source) => return Err(RecordError::Manifest { path, source }),
    };
    text.push(b'\n');
    fs::write(&path, text).map_err(|source| RecordError::Io { path, source })
}

fn answers<T>(answers: &Answers<T>) -> impl Iterator<Item = (&PathBuf, &T)> {
    answers
        .iter()
        .filter_map(|(path, answer)| Some((path, answer.as_ref().ok()?)))
}

/// The errors that the files on disk do not give by themselves.
fn failures<T>(dir: &Path, answers: &Answers<T>) -> BTreeMap<PathBuf, Failure> {
    answers
        .iter()
        .filter_map(|(path, answer)| Some((path, *answer.as_ref().err()?)))
        .filter(|(path, kind)| {
            // A path that was not there can be a directory here, for the sake of what is below it.
            let on_disk = || {
                path.strip_prefix("/")
                    .is_ok_and(|below| dir.join(below).symlink_metadata().is_ok())
            };
            *kind != SourceErrorKind::NotFound || on_disk()
        })
        .map(|(path, kind)| (path.clone(), kind.into()))
        .collect()
}

fn make_empty(dir: &Path) -> Result<(), RecordError> {
    let failed = |source| RecordError::Io {
        path: dir.to_path_buf(),
        source,
    };
    fs::create_dir_all(dir).map_err(failed)?;
    if fs::read_dir(dir).map_err(failed)?.next().is_some() {
        return Err(RecordError::NotEmpty { dir: dir.to_path_buf() });
    }
    Ok(())
}

/// Where that path is below `dir`; its directory is made.
fn place(dir: &Path, path: &Path) -> Result<PathBuf, RecordError> {
    let below = path
        .strip_prefix("/")
        .ok()
        .filter(|below| below.components().all(|part| matches!(part, Component::Normal(_))))
        .ok_or_else(|| RecordError::Path {
            path: path.to_path_buf(),
        })?;
    let place = dir.join(below);
    let parent = place.parent().unwrap_or(dir);
    fs::create_dir_all(parent).map_err(|source| RecordError::Io {
        path: parent.to_path_buf(),
        source,
    })?;
    Ok(place)
}
