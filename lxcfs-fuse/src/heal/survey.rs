//! The mount namespaces of all processes, each once, from texts alone.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use lxcfs_core::Pid;
use lxcfs_core::mountinfo::{Mount, mounts};

use super::wire::Entrance;

/// A mount namespace.
///
/// ```
/// use lxcfs_fuse::heal::survey_of;
///
/// let own = survey_of(&[std::process::id()]).namespaces.remove(0);
/// assert_eq!(own.pid, std::process::id());
/// assert!(own.mounts.iter().any(|mount| mount.kind == "proc"));
/// ```
#[derive(Debug, Clone)]
pub struct MountNamespace {
    /// A process in it: the one with the lowest number that sees all of it.
    pub pid: Pid,
    /// The name of that process.
    pub name: String,
    /// The namespace's number.
    pub inode: u64,
    /// What is mounted in it.
    pub mounts: Vec<Mount>,
}

impl MountNamespace {
    pub(super) fn entrance(&self) -> Entrance {
        Entrance {
            pid: self.pid,
            inode: self.inode,
        }
    }
}

/// What a look at all processes has found.
///
/// ```
/// use lxcfs_fuse::heal::survey;
///
/// let survey = survey().unwrap();
/// println!("{} processes do not let us look", survey.unreadable.len());
/// assert!(!survey.namespaces.is_empty());
/// ```
#[derive(Debug, Clone, Default)]
pub struct Survey {
    /// The mount namespaces, in the order of their processes.
    pub namespaces: Vec<MountNamespace>,
    /// The processes that did not let us look.
    pub unreadable: Vec<Pid>,
}

/// So many processes of a namespace are asked before it is given up: they may end while we look.
const CANDIDATES: usize = 4;

/// Looks at all processes.
///
/// No file is touched but those of `/proc`, so that no mount, dead or not, can keep us waiting.
///
/// # Errors
///
/// `/proc` cannot be read.
///
/// ```
/// use std::os::unix::fs::MetadataExt;
/// use lxcfs_fuse::heal::survey;
///
/// let own = std::fs::metadata("/proc/self/ns/mnt").unwrap().ino();
/// assert!(survey().unwrap().namespaces.iter().any(|one| one.inode == own));
/// ```
pub fn survey() -> io::Result<Survey> {
    let mut pids: Vec<Pid> = fs::read_dir("/proc")?
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    pids.sort_unstable();
    Ok(of(&pids))
}

/// Looks at these processes.
///
/// ```
/// use lxcfs_fuse::heal::survey_of;
///
/// assert_eq!(survey_of(&[std::process::id()]).namespaces.len(), 1);
/// // Nobody has this number.
/// assert!(survey_of(&[u32::MAX]).namespaces.is_empty());
/// ```
#[must_use]
pub fn survey_of(pids: &[Pid]) -> Survey {
    of(pids)
}

fn of(pids: &[Pid]) -> Survey {
    let mut found = Survey::default();
    let mut candidates: BTreeMap<u64, Vec<(bool, Pid)>> = BTreeMap::new();
    for &pid in pids {
        match fs::metadata(format!("/proc/{pid}/ns/mnt")) {
            Ok(namespace) => candidates
                .entry(namespace.ino())
                .or_default()
                .push((is_chrooted(pid), pid)),
            // It has ended.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(_) => found.unreadable.push(pid),
        }
    }
    for (inode, mut pids) in candidates {
        // mountinfo leaves out what lies outside the root of its process.
        pids.sort_unstable();
        let read = |(_, pid): &(bool, Pid)| namespace(*pid, inode);
        found.namespaces.extend(pids.iter().take(CANDIDATES).find_map(read));
    }
    found.namespaces.sort_by_key(|one| one.pid);
    found
}

fn namespace(pid: Pid, inode: u64) -> Option<MountNamespace> {
    let text = fs::read(format!("/proc/{pid}/mountinfo")).ok()?;
    // A zombie has an empty one.
    (!text.is_empty()).then(|| MountNamespace {
        pid,
        name: fs::read_to_string(format!("/proc/{pid}/comm"))
            .unwrap_or_default()
            .trim_end()
            .to_owned(),
        inode,
        mounts: mounts(&text).collect(),
    })
}

fn is_chrooted(pid: Pid) -> bool {
    fs::read_link(format!("/proc/{pid}/root")).is_ok_and(|root| root != Path::new("/"))
}

/// What is mounted where we are.
pub(super) fn own_mounts() -> io::Result<Vec<Mount>> {
    Ok(mounts(&fs::read("/proc/self/mountinfo")?).collect())
}

/// The number of our own mount namespace.
pub(super) fn own_inode() -> io::Result<u64> {
    Ok(fs::metadata("/proc/self/ns/mnt")?.ino())
}
