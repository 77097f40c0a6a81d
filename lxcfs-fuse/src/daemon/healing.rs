//! What the daemon does for containers of those before it: slots at once, all others in the background.

use std::path::Path;
use std::thread;

use super::args::Args;
use crate::heal::{Outcome, Own, Report, Slots};

/// What there is to heal.
pub(super) struct Healing {
    own: Own,
    slots: Option<Slots>,
    sweeps: bool,
}

impl Healing {
    /// To be asked before anything is mounted.
    pub(super) fn before_mount(args: &Args, record: &Path, writable: bool) -> Self {
        Self {
            own: Own::before_mount(&args.mountpoint, record),
            slots: args.slots.clone().map(|dir| Slots { dir, writable }),
            sweeps: !args.no_sweep,
        }
    }

    /// To be told once it is mounted, before anybody else is. A failure is logged: containers to come are served anyway.
    pub(super) fn mounted(&self) {
        match self.own.mounted(self.slots.as_ref()) {
            Ok(filled) => {
                if let Some(slots) = &self.slots {
                    tracing::info!(dir = %slots.dir.display(), slots = filled.len(), "slots show the live files");
                }
            }
            Err(error) => tracing::error!(%error, "slots, and what is to be healed after a restart"),
        }
    }

    /// Looks for dead mounts of daemons before, and replaces them.
    pub(super) fn sweep_in_background(self) {
        if !self.sweeps || !self.own.has_lost_any() {
            return;
        }
        let sweep = move || match self.own.sweep(self.slots.as_ref()) {
            Ok(report) => log(&report),
            Err(error) => tracing::error!(%error, "containers of the daemon before are not healed"),
        };
        if let Err(error) = thread::Builder::new().name("healing".to_owned()).spawn(sweep) {
            tracing::error!(%error, "containers of the daemon before are not healed");
        }
    }
}

fn log(report: &Report) {
    for namespace in &report.namespaces {
        let left = namespace.mounts.iter().filter(|mount| mount.outcome.is_left());
        for mount in left {
            tracing::warn!(pid = namespace.pid, name = namespace.name, mount = mount.point, outcome = ?mount.outcome, "left dead");
        }
        if let Some(trouble) = &namespace.trouble {
            tracing::warn!(pid = namespace.pid, name = namespace.name, trouble, "not healed");
        }
    }
    let healed = report.count(|outcome| !outcome.is_left() && *outcome != Outcome::Hidden);
    if healed > 0 || !report.is_whole() {
        tracing::info!(mounts = healed, namespaces = report.namespaces.len(), "healed");
    } else {
        tracing::debug!(looked_at = report.looked_at, "nothing to heal");
    }
}
