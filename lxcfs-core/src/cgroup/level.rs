//! One directory of a hierarchy, and the rule for limits: the tightest on the way up.

use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::CgroupPath;
use crate::error::CaptureError;
use crate::parse;
use crate::source::{Source, SourceError, SourceErrorKind};

/// A limit, and which level of the hierarchy sets it.
///
/// ```
/// use lxcfs_core::MemorySource;
/// use lxcfs_core::cgroup::{CgroupReader, Cgroups, Limit};
///
/// let machine = MemorySource::new()
///     .with("/sys/fs/cgroup/pod/memory.max", "1048576\n")
///     .with("/sys/fs/cgroup/pod/memory.current", "0\n")
///     .with("/sys/fs/cgroup/pod/memory.stat", "")
///     .with("/sys/fs/cgroup/pod/ct/memory.max", "2097152\n")
///     .with("/sys/fs/cgroup/pod/ct/memory.current", "0\n")
///     .with("/sys/fs/cgroup/pod/ct/memory.stat", "");
/// let cgroups = Cgroups::unified("/sys/fs/cgroup", "/pod/ct");
/// let memory = CgroupReader::new(&machine, &cgroups).memory().unwrap().unwrap();
/// // The pod's limit is the tighter one.
/// assert_eq!(memory.limit, Some(Limit { value: 1_048_576, levels_up: 1 }));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// The limit in the unit of its file.
    pub value: u64,
    /// How far above the container's own cgroup it stands: 0 is its own.
    pub levels_up: usize,
}

impl Limit {
    /// The tighter of two: the lower value; of equal ones, the nearer.
    #[must_use]
    pub(crate) fn tighter(self, other: Option<Self>) -> Self {
        match other {
            Some(other) if (other.value, other.levels_up) < (self.value, self.levels_up) => other,
            _ => self,
        }
    }
}

/// The lower of a bound so far and a new one.
pub(super) fn lower(so_far: Option<u64>, new: u64) -> Option<u64> {
    Some(so_far.map_or(new, |old| old.min(new)))
}

/// The tightest numeric limit in the files of that name, own level and ancestors; and whether any level had the file.
pub(super) fn tightest(
    source: &dyn Source,
    path: &CgroupPath,
    name: &str,
    number: fn(&[u8]) -> Option<u64>,
) -> Result<(Option<Limit>, bool), CaptureError> {
    let mut found = false;
    let mut tightest: Option<Limit> = None;
    for (levels_up, dir) in path.levels().enumerate() {
        let Some(text) = source.read_in_optional(dir, name)? else {
            continue;
        };
        found = true;
        if let Some(value) = number(&text) {
            tightest = Some(Limit { value, levels_up }.tighter(tightest));
        }
    }
    Ok((tightest, found))
}

/// The nearest level that has the file, from the own one up: a controller need not be enabled all the way down.
///
/// `None` where no level below the root has it. A cgroup that has been removed is an error, not its parent's numbers.
pub(super) fn nearest<'p>(
    source: &dyn Source,
    path: &'p CgroupPath,
    name: &str,
) -> Result<Option<(&'p Path, Bytes)>, CaptureError> {
    for (levels_up, dir) in path.levels().enumerate() {
        if let Some(text) = source.read_in_optional(dir, name)? {
            return Ok(Some((dir, text)));
        }
        if levels_up == 0 {
            exists(source, dir)?;
        }
    }
    Ok(None)
}

/// Tells a cgroup without some controller from a cgroup that has been removed.
pub(super) fn exists(source: &dyn Source, dir: &Path) -> Result<(), CaptureError> {
    match source.read_in_optional(dir, "cgroup.procs") {
        Ok(Some(_)) => Ok(()),
        // A threaded cgroup has the file and refuses to be read.
        Err(SourceError {
            kind: SourceErrorKind::NotSupported,
            ..
        }) => Ok(()),
        Ok(None) => Err(SourceError::new(dir, SourceErrorKind::Gone).into()),
        Err(error) => Err(error.into()),
    }
}

/// No look at the processes of a cgroup goes through more cgroups below it than this.
const MOST_BELOW: usize = 1024;

/// The processes of a cgroup and of all below it, at most `most`, and of [`MOST_BELOW`] cgroups.
pub(super) fn processes(source: &dyn Source, top: &Path, most: usize) -> Result<Vec<u32>, CaptureError> {
    let mut pids = Vec::new();
    let mut directories = vec![top.to_path_buf()];
    let mut seen: usize = 0;
    while let Some(dir) = directories.pop() {
        seen = seen.saturating_add(1);
        let text = match source.read_in(&dir, "cgroup.procs") {
            Ok(text) => text,
            Err(error) if dir == top && error.kind != SourceErrorKind::NotSupported => return Err(error.into()),
            // Threaded, or removed since it was listed.
            Err(_) => Bytes::new(),
        };
        let room = most.saturating_sub(pids.len());
        pids.extend(
            parse::lines(&text)
                .filter_map(parse::number)
                .filter_map(|pid| u32::try_from(pid).ok())
                .take(room),
        );
        if pids.len() >= most || seen >= MOST_BELOW {
            break;
        }
        if directories.len() < MOST_BELOW {
            directories.extend(below(source, &dir));
        }
    }
    // A process that moves from one cgroup to another meanwhile can be met twice.
    pids.sort_unstable();
    pids.dedup();
    Ok(pids)
}

fn below(source: &dyn Source, dir: &Path) -> Vec<PathBuf> {
    let names = source.list_directories(dir).unwrap_or_default().into_iter();
    names.map(|name| dir.join(name)).collect()
}
