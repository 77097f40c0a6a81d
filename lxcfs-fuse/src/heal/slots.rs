//! Slots: one mount for each file, from which containers are bound, so that one mount on the host heals them all.
//!
//! A container whose file is bound from a slot as a slave (`rslave`) gets whatever is mounted over the slot. A daemon that
//! has lost its connection mounts the new files over the old ones, and nobody has to enter any namespace.

use std::path::{Path, PathBuf};
use std::time::Duration;

use lxcfs_core::mountinfo::{Device, Mount};
use lxcfs_core::{Pid, mounted};

use crate::detached::{NO_DEV, NO_EXEC, NO_SUID, READ_ONLY};

use super::bounded::{Answer, End, ask};
use super::canonical::canonical;
use super::error::HealError;
use super::plan::is_lxcfs;
use super::survey::{own_mounts, survey};
use super::wire::{Said, Source, Task};

/// The process that may be unreadable to us although it is no container's.
const INIT: Pid = 1;

/// What is bound one by one, and whether it is a directory.
///
/// ```
/// use lxcfs_fuse::heal::names;
///
/// assert!(names().any(|one| one == ("proc/meminfo", false)));
/// assert!(names().any(|one| one == ("sys/devices/system/cpu", true)));
/// ```
pub fn names() -> impl Iterator<Item = (&'static str, bool)> {
    mounted().map(|row| (row.path, row.is_directory()))
}

/// A directory of slots.
#[derive(Debug, Clone)]
pub(crate) struct Slots {
    /// The directory. A file system is mounted on it, if there is none.
    pub dir: PathBuf,
    /// Whether the files may be written to: pressure triggers.
    pub writable: bool,
}

impl Slots {
    /// Shows the live files in all slots; answers with their paths.
    ///
    /// # Errors
    ///
    /// [`HealError`].
    pub(crate) fn fill(
        &self,
        program: &Path,
        mountpoint: &Path,
        live: Device,
        limit: Duration,
    ) -> Result<Vec<PathBuf>, HealError> {
        let own = own_mounts().map_err(HealError::Proc)?;
        let dir = canonical(&self.dir, &own);
        if dir.starts_with(mountpoint) || mountpoint.starts_with(&dir) {
            return Err(HealError::SlotsInMountPoint(dir));
        }
        let task = Task::Fill {
            source: Source {
                mountpoint: mountpoint.into(),
                live: live.into(),
                slots: Some(dir.clone().into()),
            },
            prune: not_needed(&dir, &own, live)?,
            flags: if self.writable { 0 } else { READ_ONLY } | NO_SUID | NO_DEV | NO_EXEC,
        };
        let Answer { said, end } = ask(program, &task, limit);
        let failed = |why: String| HealError::Slots { dir: dir.clone(), why };
        match end {
            End::Done => {}
            End::Late => return Err(failed(format!("not done after {limit:?}"))),
            End::Failed(why) => return Err(failed(why)),
        }
        let filled = said.into_iter().filter_map(|one| match one {
            Said::Filled(slot) => Some(PathBuf::from(slot)),
            _ => None,
        });
        Ok(filled.collect())
    }
}

/// The dead layers that no container was bound from.
fn not_needed(dir: &Path, own: &[Mount], live: Device) -> Result<Vec<(std::ffi::OsString, u64)>, HealError> {
    let dead = |mount: &&Mount| is_lxcfs(mount) && mount.device != live && mount.point.starts_with(dir);
    if !own.iter().any(|mount| dead(&mount)) {
        return Ok(Vec::new());
    }
    let all = survey().map_err(HealError::Proc)?;
    // Whom we cannot look at may need them.
    if all.unreadable.iter().any(|pid| *pid != INIT) {
        return Ok(Vec::new());
    }
    let everywhere: Vec<&[Mount]> = all.namespaces.iter().map(|one| one.mounts.as_slice()).collect();
    let slots = names().map(|(name, _)| dir.join(name));
    Ok(slots
        .flat_map(|slot| {
            let ids = prunable(&slot, own, &everywhere, live);
            ids.into_iter().map(move |id| (slot.clone().into(), id))
        })
        .collect())
}

/// The layers of a slot that can be taken away, from the top on.
///
/// A layer is needed as long as a mount somewhere was bound from it: it is a peer or a slave of it and does not stand on a
/// mount of the layer below, where the kernel has put it as a copy.
fn prunable(slot: &Path, own: &[Mount], everywhere: &[&[Mount]], live: Device) -> Vec<u64> {
    let pile = pile(slot, own);
    let below = pile
        .iter()
        .map(|layer| own.iter().find(|mount| mount.id == layer.parent));
    let layers: Vec<_> = pile.iter().zip(below).collect();
    layers
        .into_iter()
        .rev()
        .take_while(|(layer, below)| {
            let is_copy = |mount: &Mount, all: &[Mount]| {
                let parent = all.iter().find(|one| one.id == mount.parent);
                parent
                    .zip(*below)
                    .is_some_and(|(parent, below)| parent.device == below.device)
            };
            let follows = |mount: &Mount| {
                mount.id != layer.id
                    && layer.shared.is_some()
                    && (mount.shared == layer.shared || mount.master == layer.shared)
            };
            is_lxcfs(layer)
                && layer.device != live
                && everywhere.iter().all(|all| {
                    all.iter()
                        .filter(|mount| follows(mount))
                        .all(|mount| is_copy(mount, all))
                })
        })
        .map(|(layer, _)| layer.id)
        .collect()
}

/// What is mounted at a place, from the bottom.
fn pile<'m>(slot: &Path, all: &'m [Mount]) -> Vec<&'m Mount> {
    let here: Vec<&Mount> = all.iter().filter(|mount| mount.point == slot).collect();
    let mut pile: Vec<&Mount> = Vec::new();
    let mut next = here
        .iter()
        .find(|mount| !here.iter().any(|below| below.id == mount.parent))
        .copied();
    while let Some(layer) = next {
        if pile.len() == here.len() {
            break;
        }
        pile.push(layer);
        next = here
            .iter()
            .find(|mount| mount.parent == layer.id && mount.id != layer.id)
            .copied();
    }
    pile
}

#[cfg(test)]
mod tests {
    use super::*;
    use lxcfs_core::mountinfo;

    const HOST: &str = "\
5 1 0:30 / /run/slots rw shared:1 - tmpfs lxcfs-slots rw
6 5 0:50 /proc/meminfo /run/slots/proc/meminfo ro shared:2 - fuse.lxcfs lxcfs ro
7 6 0:51 /proc/meminfo /run/slots/proc/meminfo ro shared:3 - fuse.lxcfs lxcfs ro
";

    fn parsed(text: &str) -> Vec<Mount> {
        mountinfo::mounts(text.as_bytes()).collect()
    }

    fn prunable_beside(container: &str, live: &str) -> Vec<u64> {
        let (host, container) = (parsed(HOST), parsed(container));
        let slot = Path::new("/run/slots/proc/meminfo");
        prunable(slot, &host, &[&host, &container], live.parse().unwrap())
    }

    const OLD: &str = "\
20 2 0:8 / /proc rw - proc proc rw
21 20 0:50 /proc/meminfo /proc/meminfo ro master:2 - fuse.lxcfs lxcfs ro
22 21 0:51 /proc/meminfo /proc/meminfo ro master:3 - fuse.lxcfs lxcfs ro
";

    #[test]
    fn the_layer_that_a_container_was_bound_from_stays_and_a_dead_one_over_it_goes() {
        assert_eq!(prunable_beside(OLD, "0:52"), [7]);
    }

    #[test]
    fn a_layer_stays_as_long_as_a_container_that_came_after_it_lives() {
        let new = "20 2 0:8 / /proc rw - proc proc rw\n21 20 0:51 /proc/meminfo /proc/meminfo ro master:3 - fuse.lxcfs lxcfs ro\n";
        assert_eq!(prunable_beside(new, "0:52"), Vec::<u64>::new());
    }

    #[test]
    fn without_containers_nothing_is_needed_and_what_is_live_stays() {
        assert_eq!(prunable_beside("", "0:52"), [7, 6]);
        assert_eq!(prunable_beside("", "0:51"), Vec::<u64>::new());
    }

    #[test]
    fn copies_in_other_namespaces_of_the_host_need_nothing() {
        let service = HOST.replace("shared:", "master:");
        let moved: String = service
            .replace("\n7 6 ", "\n107 106 ")
            .replace("\n6 5 ", "\n106 105 ")
            .replacen("5 1 ", "105 100 ", 1);
        assert_eq!(prunable_beside(&moved, "0:52"), [7, 6]);
    }

    #[test]
    fn the_files_are_bound_one_by_one_and_a_directory_as_a_whole() {
        let names: Vec<_> = names().collect();
        assert!(names.contains(&("proc/meminfo", false)));
        assert!(names.contains(&("sys/devices/system/cpu", true)));
        assert!(!names.iter().any(|(name, _)| *name == "sys/devices/system/cpu/online"));
    }
}
