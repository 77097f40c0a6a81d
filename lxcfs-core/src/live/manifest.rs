//! `recording.json`: what a recording has that is not the text of a file.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::cgroup::{CgroupPath, Cgroups, Controller, Version};
use crate::container::{Container, Init, Pid};
use crate::source::{EntryKind, SourceErrorKind};

/// Its name. No kernel file has this path.
pub(super) const MANIFEST: &str = "recording.json";

/// The form that is written. Others are refused.
pub(super) const VERSION: u32 = 1;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    pub(super) version: u32,
    /// Time since boot, in nanoseconds.
    now_nsec: u64,
    caller: Pid,
    init: Option<Process>,
    /// By the controller's name.
    cgroups: BTreeMap<String, Place>,
    /// What could not be read, and why. Files that are simply not there are simply not here.
    #[serde(default)]
    pub(super) errors: Errors,
    /// Directories that were listed: a listing names files that were not read.
    #[serde(default)]
    pub(super) listings: BTreeMap<PathBuf, BTreeMap<String, Kind>>,
    /// Links with files below them, which cannot be links on disk.
    #[serde(default)]
    pub(super) links: BTreeMap<PathBuf, PathBuf>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Process {
    pid: Pid,
    start_ticks: u64,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    version: u8,
    mount: PathBuf,
    path: PathBuf,
}

/// Errors by what was tried.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Errors {
    pub(super) read: BTreeMap<PathBuf, Failure>,
    pub(super) read_link: BTreeMap<PathBuf, Failure>,
    pub(super) list: BTreeMap<PathBuf, Failure>,
}

/// A [`SourceErrorKind`] as it is written.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Failure {
    NotFound,
    PermissionDenied,
    Gone,
    NotSupported,
    Errno(i32),
}

/// An [`EntryKind`] as it is written.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    File,
    PrivateFile,
    Directory,
    Symlink,
}

impl Manifest {
    /// A manifest for that container, without any answers.
    pub(super) fn new(container: &Container, now: Duration) -> Self {
        let place = |path: &CgroupPath| Place {
            version: match path.version() {
                Version::V1 => 1,
                Version::V2 => 2,
            },
            mount: path.mount().to_path_buf(),
            path: path.path(),
        };
        let cgroups = container.cgroups.iter();
        Self {
            version: VERSION,
            now_nsec: u64::try_from(now.as_nanos()).unwrap_or(u64::MAX),
            caller: container.caller,
            init: container
                .init
                .map(|Init { pid, start_ticks }| Process { pid, start_ticks }),
            cgroups: cgroups
                .map(|(one, path)| (one.name().to_owned(), place(path)))
                .collect(),
            errors: Errors::default(),
            listings: BTreeMap::new(),
            links: BTreeMap::new(),
        }
    }

    /// The container. Controllers that this version does not know are left out.
    pub(super) fn container(&self) -> Container {
        let cgroups = Controller::ALL.into_iter().fold(Cgroups::none(), |all, controller| {
            let Some(place) = self.cgroups.get(controller.name()) else {
                return all;
            };
            let version = if place.version == 1 { Version::V1 } else { Version::V2 };
            all.with(controller, CgroupPath::new(version, &place.mount, &place.path))
        });
        let init = self.init.as_ref().map(|init| Init {
            pid: init.pid,
            start_ticks: init.start_ticks,
        });
        Container {
            caller: self.caller,
            init,
            cgroups,
        }
    }

    /// When the recording was made, since boot.
    pub(super) fn now(&self) -> Duration {
        Duration::from_nanos(self.now_nsec)
    }
}

impl From<SourceErrorKind> for Failure {
    fn from(kind: SourceErrorKind) -> Self {
        match kind {
            SourceErrorKind::NotFound => Self::NotFound,
            SourceErrorKind::PermissionDenied => Self::PermissionDenied,
            SourceErrorKind::Gone => Self::Gone,
            SourceErrorKind::NotSupported => Self::NotSupported,
            SourceErrorKind::Errno(number) => Self::Errno(number),
        }
    }
}

impl From<Failure> for SourceErrorKind {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::NotFound => Self::NotFound,
            Failure::PermissionDenied => Self::PermissionDenied,
            Failure::Gone => Self::Gone,
            Failure::NotSupported => Self::NotSupported,
            Failure::Errno(number) => Self::Errno(number),
        }
    }
}

impl From<EntryKind> for Kind {
    fn from(kind: EntryKind) -> Self {
        match kind {
            EntryKind::File => Self::File,
            EntryKind::PrivateFile => Self::PrivateFile,
            EntryKind::Directory => Self::Directory,
            EntryKind::Symlink => Self::Symlink,
        }
    }
}

impl From<Kind> for EntryKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::File => Self::File,
            Kind::PrivateFile => Self::PrivateFile,
            Kind::Directory => Self::Directory,
            Kind::Symlink => Self::Symlink,
        }
    }
}
