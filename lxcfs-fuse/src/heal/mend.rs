//! The dead mounts of one namespace are replaced, so that nobody in it sees anything else in between.
//!
//! The live mount is put *beneath* the dead one, which is then taken away: what shows next is the live one. Where the
//! kernel does not do that (before 6.5; a mount that came locked from another user namespace), the live one goes over the
//! dead one. Neither shows what is below both, which is the host's file.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::{Path, PathBuf};

use lxcfs_core::mountinfo::{Device, Mount};

use crate::detached::{
    self, Attributes, NO_DEV, NO_EXEC, NO_SUID, Oneself, PRIVATE, READ_ONLY, Replaced, SLAVE, copy, place, put_over,
};

use super::bounded::say;
use super::plan::{Step, is_lxcfs, is_on_top, steps};
use super::report::Outcome;
use super::space::Space;
use super::wire::{Entrance, Said, Source, WireDevice};

pub(super) fn mend(entrance: &Entrance, source: &Source, dead: &[WireDevice], rehearsal: bool) -> io::Result<()> {
    let dead: Vec<Device> = dead.iter().copied().map(Device::from).collect();
    let oneself = Oneself::open()?;
    let (own, there) = (Space::own()?, Space::of(entrance)?);
    let live = Live::open(&oneself, source)?;
    let spared: Vec<PathBuf> = if entrance.inode == super::survey::own_inode()? {
        let all = std::iter::once(&source.mountpoint).chain(&source.slots);
        all.map(PathBuf::from).collect()
    } else {
        Vec::new()
    };
    // mountinfo tells a process what lies below its own root: that of the namespace, for one that has just come.
    there.enter()?;
    let mounts = oneself.mounts()?;
    let steps = steps(&mounts, &dead, &spared);
    if rehearsal {
        for (mount, step) in &steps {
            tell(mount, rehearse(&oneself, mount, *step));
        }
        return Ok(());
    }
    // Copies can only be made of what is mounted where we are.
    own.enter()?;
    let mut copies: HashMap<u64, io::Result<OwnedFd>> = HashMap::new();
    for (mount, step) in &steps {
        if *step != Step::WithDirectory {
            copies.insert(mount.id, live.copy_for(mount));
        }
    }
    there.enter()?;
    let mut left: Vec<&Path> = Vec::new();
    for (mount, step) in &steps {
        let outcome = if left.iter().any(|dir| mount.point.starts_with(dir)) {
            Outcome::Left("the directory in which it lies is still dead".to_owned())
        } else {
            match (step, copies.remove(&mount.id)) {
                (Step::WithDirectory, _) | (_, None) => Outcome::WithDirectory,
                (_, Some(Err(error))) => Outcome::Left(format!("the live file system has no such file: {error}")),
                (Step::Replace, Some(Ok(copy))) => replace(&oneself, mount, &copy).unwrap_or_else(left_for),
                (Step::Again, Some(Ok(copy))) => put_again(mount, &copy).unwrap_or_else(left_for),
            }
        };
        if outcome.is_left() {
            left.push(&mount.point);
        }
        tell(mount, outcome);
    }
    Ok(())
}

fn tell(mount: &Mount, outcome: Outcome) {
    say(&Said::Mount {
        point: mount.point.display().to_string(),
        file: mount.original_root().display().to_string(),
        outcome,
    });
}

#[expect(clippy::needless_pass_by_value, reason = "for unwrap_or_else")]
fn left_for(error: io::Error) -> Outcome {
    Outcome::Left(error.to_string())
}

fn rehearse(oneself: &Oneself, mount: &Mount, step: Step) -> Outcome {
    // What lies in a dead directory cannot be reached before that is replaced.
    if step != Step::Replace {
        return Outcome::WouldReplace;
    }
    match place(&mount.point).and_then(|place| oneself.mount_of(&place)) {
        Ok(id) if id == mount.id => Outcome::WouldReplace,
        Ok(_) => Outcome::Hidden,
        Err(error) => left_for(error),
    }
}

fn replace(oneself: &Oneself, mount: &Mount, copy: &OwnedFd) -> io::Result<Outcome> {
    let place = place(&mount.point)?;
    if oneself.mount_of(&place)? != mount.id {
        return Ok(Outcome::Hidden);
    }
    Ok(match detached::replace(oneself, copy, &place)? {
        Replaced::Gone => Outcome::Replaced,
        Replaced::Covered => Outcome::Covered,
    })
}

/// Puts it where there was a mount in a dead directory, which is now a live one.
fn put_again(mount: &Mount, copy: &OwnedFd) -> io::Result<Outcome> {
    put_over(copy, &place(&mount.point)?)?;
    Ok(Outcome::Replaced)
}

/// Where live files come from.
struct Live {
    mountpoint: OwnedFd,
    /// The directory of slots, and which of them show a live file.
    slots: Option<(OwnedFd, Vec<PathBuf>)>,
}

impl Live {
    fn open(oneself: &Oneself, source: &Source) -> io::Result<Self> {
        let live = Device::from(source.live);
        let mounts = oneself.mounts()?;
        let is_live = |mount: &&Mount| is_lxcfs(mount) && mount.device == live && is_on_top(mount, &mounts);
        let mountpoint = place(Path::new(&source.mountpoint))?;
        let id = oneself.mount_of(&mountpoint)?;
        if !mounts.iter().any(|mount| mount.id == id && mount.device == live) {
            return Err(io::Error::other("the live file system is no longer mounted"));
        }
        let slots = match &source.slots {
            None => None,
            Some(dir) => {
                let filled = mounts.iter().filter(is_live);
                let names = filled.filter_map(|mount| Some(mount.point.strip_prefix(dir).ok()?.to_path_buf()));
                Some((place(Path::new(dir))?, names.collect()))
            }
        };
        Ok(Self { mountpoint, slots })
    }

    /// A mount of the file that a dead one showed, with the same flags.
    fn copy_for(&self, dead: &Mount) -> io::Result<OwnedFd> {
        let root = dead.original_root();
        let name = root.strip_prefix("/").unwrap_or(root);
        let slot = self
            .slots
            .as_ref()
            .filter(|(_, names)| names.iter().any(|one| one == name));
        let (dir, propagation) = match slot {
            Some((slots, _)) => (slots, SLAVE),
            None => (&self.mountpoint, PRIVATE),
        };
        let copy = copy(dir, name)?;
        let flags = [
            ("ro", READ_ONLY),
            ("nosuid", NO_SUID),
            ("nodev", NO_DEV),
            ("noexec", NO_EXEC),
        ];
        let set = flags
            .iter()
            .filter(|(option, _)| dead.has_option(option))
            .fold(0, |all, (_, flag)| all | flag);
        // Else it would be a peer of the host's mount: what happened to one would happen to the other.
        detached::set(copy.as_fd(), Attributes { set, propagation })?;
        Ok(copy)
    }
}
