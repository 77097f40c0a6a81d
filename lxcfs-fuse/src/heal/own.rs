//! What a daemon heals when it starts: the containers of those before it on the same mount point.

use std::path::{Path, PathBuf};

use lxcfs_core::mountinfo::{Device, Mount};

use super::canonical::canonical;
use super::devices::{self, Connection};
use super::error::HealError;
use super::plan::{is_lxcfs, is_on_top};
use super::report::{Report, State};
use super::slots::Slots;
use super::survey::own_mounts;
use super::sweep::Sweep;

/// More than that are not kept in mind.
const MOST: usize = 64;

/// A daemon's own dead file systems.
#[derive(Debug, Clone)]
pub(crate) struct Own {
    mountpoint: PathBuf,
    record: PathBuf,
    lost: Vec<Connection>,
}

impl Own {
    /// Looks before anything is mounted: what is at the mount point now is one of them, and so are those in the record.
    #[must_use]
    pub(crate) fn before_mount(mountpoint: &Path, record: &Path) -> Self {
        let mounts = own_mounts().unwrap_or_default();
        let mountpoint = canonical(mountpoint, &mounts);
        let mut lost = devices::read(record);
        lost.retain(Connection::is_there);
        lost.extend(at(&mountpoint, &mounts).map(Connection::of));
        Self {
            mountpoint,
            record: record.to_path_buf(),
            lost,
        }
    }

    /// Writes down what is mounted now, and shows it in the slots; answers with their paths.
    ///
    /// # Errors
    ///
    /// [`HealError`].
    pub(crate) fn mounted(&mut self, slots: Option<&Slots>) -> Result<Vec<PathBuf>, HealError> {
        let sweep = Sweep::default();
        let live = self.live()?;
        // It may have been taken over alive.
        self.lost.retain(|lost| lost.device != live);
        self.write(live, &self.lost)?;
        slots.map_or(Ok(Vec::new()), |slots| {
            slots.fill(&sweep.program, &self.mountpoint, live, sweep.limit)
        })
    }

    /// Heals all containers of daemons before.
    ///
    /// # Errors
    ///
    /// [`HealError`].
    pub(crate) fn sweep(&self, slots: Option<&Slots>) -> Result<Report, HealError> {
        let there = |lost: &&Connection| lost.is_there();
        let sweep = Sweep {
            mountpoint: Some(self.mountpoint.clone()),
            slots: slots.map(|slots| slots.dir.clone()),
            devices: Some(self.lost.iter().filter(there).map(|lost| lost.device).collect()),
            ..Sweep::default()
        };
        let report = sweep.run()?;
        // Those that are mounted nowhere any more may be anybody's next time.
        let is_seen = |device: Device| {
            let mut others = report.others.iter();
            others.any(|(other, state)| *other == device && *state != State::Served)
        };
        let lost: Vec<Connection> = self.lost.iter().filter(|lost| is_seen(lost.device)).cloned().collect();
        self.write(report.live, &lost)?;
        Ok(report)
    }

    /// Whether there was a daemon before.
    #[must_use]
    pub(crate) fn has_lost_any(&self) -> bool {
        !self.lost.is_empty()
    }

    fn live(&self) -> Result<Device, HealError> {
        let mounts = own_mounts().map_err(HealError::Proc)?;
        at(&self.mountpoint, &mounts).ok_or_else(|| HealError::NotMounted(self.mountpoint.clone()))
    }

    fn write(&self, live: Device, lost: &[Connection]) -> Result<(), HealError> {
        let mut all = vec![Connection::of(live)];
        let others = lost.iter().rev().filter(|one| one.device != live);
        all.extend(others.take(MOST).cloned());
        devices::write(&self.record, &all).map_err(|source| HealError::Record {
            record: self.record.clone(),
            source,
        })
    }
}

/// What of our kind is to be seen at a place.
fn at(mountpoint: &Path, mounts: &[Mount]) -> Option<Device> {
    let mut there = mounts.iter().filter(|mount| mount.point == mountpoint);
    there
        .rfind(|mount| is_on_top(mount, mounts))
        .filter(|mount| is_lxcfs(mount))
        .map(|mount| mount.device)
}
