//! A file system tree as a source: the host's own, or a recorded one in a directory.
#![expect(clippy::disallowed_methods, reason = "this is where bytes and entries come from")]

use std::borrow::Cow;
use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Component, Path, PathBuf};

use bytes::Bytes;

use super::whole::{kind, read_whole};
use crate::source::{Entry, EntryKind, Source, SourceError, SourceErrorKind};

/// As many links as the kernel itself would follow in one path.
const MOST_LINKS: usize = 40;

/// A source over the files below one directory.
///
/// ```no_run
/// use std::path::Path;
/// use lxcfs_core::Source;
/// use lxcfs_core::live::Root;
///
/// let host = Root::host().read(Path::new("/proc/meminfo"))?;
/// let recorded = Root::at("machines/a").read(Path::new("/proc/meminfo"))?;
/// # Ok::<(), lxcfs_core::SourceError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Root {
    /// `None` for the host: the kernel itself resolves the path then.
    dir: Option<PathBuf>,
}

impl Root {
    /// The running machine.
    ///
    /// ```
    /// use std::path::Path;
    /// use lxcfs_core::{Source, live::Root};
    ///
    /// assert!(Root::host().read(Path::new("/proc/stat")).unwrap().starts_with(b"cpu "));
    /// ```
    #[must_use]
    pub fn host() -> Self {
        Self { dir: None }
    }

    /// The tree in a directory: `/proc/meminfo` is read from `dir/proc/meminfo`.
    ///
    /// Nothing outside `dir` is ever read: links are resolved as if `dir` were the root, so an absolute target
    /// begins there and `..` stops there.
    ///
    /// ```
    /// use std::path::Path;
    /// use lxcfs_core::{Source, live::Root};
    ///
    /// let dir = tempfile::tempdir().unwrap();
    /// std::fs::create_dir(dir.path().join("proc")).unwrap();
    /// std::fs::write(dir.path().join("proc/uptime"), "10.50 38.05\n").unwrap();
    /// assert_eq!(Root::at(dir.path()).read(Path::new("/proc/uptime")).unwrap(), "10.50 38.05\n");
    /// ```
    #[must_use]
    pub fn at(dir: impl Into<PathBuf>) -> Self {
        Self { dir: Some(dir.into()) }
    }

    fn place<'p>(&self, path: &'p Path, last: Last) -> Result<Cow<'p, Path>, SourceError> {
        match &self.dir {
            None => Ok(Cow::Borrowed(path)),
            Some(dir) => match below(dir, path, last) {
                Some(place) => Ok(Cow::Owned(place)),
                None => Err(SourceError::new(path, SourceErrorKind::Errno(nix::libc::ELOOP))),
            },
        }
    }
}

impl Source for Root {
    fn read(&self, path: &Path) -> Result<Bytes, SourceError> {
        let place = self.place(path, Last::Follow)?;
        File::open(&*place)
            .and_then(|file| read_whole(&file))
            .map_err(|error| SourceError::new(path, kind(&error)))
    }

    /// Lists a directory, without `.` and `..`, sorted by name. What is neither file nor directory nor link is left
    /// out: the parts of procfs, sysfs and cgroupfs that are shown have no devices, sockets or pipes.
    fn list(&self, dir: &Path) -> Result<Vec<Entry>, SourceError> {
        let failed = |error: std::io::Error| SourceError::new(dir, kind(&error));
        let place = self.place(dir, Last::Follow)?;
        let mut entries = Vec::new();
        for entry in fs::read_dir(&*place).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            // What has gone since it was listed is not listed.
            let Some(kind) = kind_of(&entry) else {
                continue;
            };
            entries.push(Entry { name, kind });
        }
        entries.sort();
        Ok(entries)
    }

    fn list_directories(&self, dir: &Path) -> Result<Vec<String>, SourceError> {
        let failed = |error: std::io::Error| SourceError::new(dir, kind(&error));
        let place = self.place(dir, Last::Follow)?;
        let mut names = Vec::new();
        for entry in fs::read_dir(&*place).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            // What it is stands in the listing itself.
            if entry.file_type().is_ok_and(|kind| kind.is_dir())
                && let Ok(name) = entry.file_name().into_string()
            {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    fn read_link(&self, path: &Path) -> Result<PathBuf, SourceError> {
        let place = self.place(path, Last::Keep)?;
        fs::read_link(&*place).map_err(|error| SourceError::new(path, kind(&error)))
    }
}

fn kind_of(entry: &fs::DirEntry) -> Option<EntryKind> {
    let file_type = entry.file_type().ok()?;
    if file_type.is_dir() {
        Some(EntryKind::Directory)
    } else if file_type.is_symlink() {
        Some(EntryKind::Symlink)
    } else if file_type.is_file() {
        // By its mode, not by trying: root may read everything.
        let others_may_read = entry.metadata().ok()?.permissions().mode() & 0o004 != 0;
        Some(if others_may_read {
            EntryKind::File
        } else {
            EntryKind::PrivateFile
        })
    } else {
        None
    }
}

/// What to do with a link at the end of a path.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    Follow,
    Keep,
}

/// Where `path` is if `dir` is the root; `None` for a loop of links.
fn below(dir: &Path, path: &Path, last: Last) -> Option<PathBuf> {
    let mut ahead = names_backwards(path);
    let mut place = PathBuf::new();
    let mut links: usize = 0;
    while let Some(name) = ahead.pop() {
        if name == ".." {
            place.pop();
            continue;
        }
        place.push(name);
        if ahead.is_empty() && last == Last::Keep {
            break;
        }
        // An error here is no link, or nothing at all: opening it will say which.
        if let Ok(target) = fs::read_link(dir.join(&place)) {
            links = links.saturating_add(1);
            if links > MOST_LINKS {
                return None;
            }
            if target.is_absolute() {
                place = PathBuf::new();
            } else {
                place.pop();
            }
            ahead.extend(names_backwards(&target));
        }
    }
    Some(dir.join(place))
}

fn names_backwards(path: &Path) -> Vec<OsString> {
    path.components()
        .rev()
        .filter_map(|part| match part {
            Component::Normal(name) => Some(name.to_os_string()),
            Component::ParentDir => Some("..".into()),
            Component::Prefix(_) | Component::RootDir | Component::CurDir => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn tree() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("root/proc/7/ns")).unwrap();
        fs::write(dir.path().join("secret"), "outside\n").unwrap();
        fs::write(dir.path().join("root/proc/meminfo"), "MemTotal: 1 kB\n").unwrap();
        dir
    }

    #[test]
    fn absolute_paths_are_below_the_directory() {
        let dir = tree();
        let root = Root::at(dir.path().join("root"));
        assert_eq!(root.read(Path::new("/proc/meminfo")).unwrap(), "MemTotal: 1 kB\n");
        let missing = root.read(Path::new("/etc/passwd")).unwrap_err();
        assert_eq!(missing, SourceError::new("/etc/passwd", SourceErrorKind::NotFound));
    }

    #[test]
    fn nothing_leads_out_of_the_directory() {
        let dir = tree();
        let secret = dir.path().join("secret");
        let root = Root::at(dir.path().join("root"));
        symlink(&secret, dir.path().join("root/absolute")).unwrap();
        symlink("../../../secret", dir.path().join("root/proc/relative")).unwrap();
        symlink("..", dir.path().join("root/up")).unwrap();
        for path in [
            "/absolute",
            "/proc/relative",
            "/../secret",
            "/up/secret",
            "/proc/../../secret",
        ] {
            let error = root.read(Path::new(path)).unwrap_err();
            assert_eq!(error.kind, SourceErrorKind::NotFound, "{path}");
        }
    }

    #[test]
    fn links_inside_are_followed_and_their_text_is_read() {
        let dir = tree();
        let root = Root::at(dir.path().join("root"));
        symlink("/proc", dir.path().join("root/absolute")).unwrap();
        symlink("absolute/meminfo", dir.path().join("root/relative")).unwrap();
        symlink("pid:[4026531836]", dir.path().join("root/proc/7/ns/pid")).unwrap();
        assert_eq!(root.read(Path::new("/relative")).unwrap(), "MemTotal: 1 kB\n");
        assert_eq!(
            root.read_link(Path::new("/relative")).unwrap(),
            Path::new("absolute/meminfo")
        );
        let namespace = root.read_link(Path::new("/absolute/7/ns/pid")).unwrap();
        assert_eq!(namespace, Path::new("pid:[4026531836]"));
    }

    #[test]
    fn a_loop_of_links_ends() {
        let dir = tree();
        symlink("b", dir.path().join("root/a")).unwrap();
        symlink("a", dir.path().join("root/b")).unwrap();
        let error = Root::at(dir.path().join("root")).read(Path::new("/a")).unwrap_err();
        assert_eq!(error.kind, SourceErrorKind::Errno(nix::libc::ELOOP));
    }

    #[test]
    fn a_listing_is_sorted_and_tells_private_files() {
        let dir = tree();
        let path = dir.path().join("root/proc/private");
        fs::write(&path, "").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
        symlink("7", dir.path().join("root/proc/self")).unwrap();
        let entries = Root::at(dir.path().join("root")).list(Path::new("/proc")).unwrap();
        let entries: Vec<_> = entries.iter().map(|entry| (entry.name.as_str(), entry.kind)).collect();
        assert_eq!(
            entries,
            [
                ("7", EntryKind::Directory),
                ("meminfo", EntryKind::File),
                ("private", EntryKind::PrivateFile),
                ("self", EntryKind::Symlink)
            ]
        );
    }

    #[test]
    fn the_host_is_the_running_machine() {
        let host = Root::host();
        assert!(host.read(Path::new("/proc/stat")).unwrap().starts_with(b"cpu "));
        assert!(
            host.read_link(Path::new("/proc/self/ns/pid"))
                .unwrap()
                .to_str()
                .unwrap()
                .starts_with("pid:[")
        );
        let names = host.list(Path::new("/proc/self")).unwrap();
        assert!(names.iter().any(|entry| entry.name == "mountinfo"));
    }
}
