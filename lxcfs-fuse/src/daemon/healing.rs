//! What the daemon does for containers of those before it: slots at once, all others in the background.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use super::args::Args;
use crate::heal::{Outcome, Own, Report, Slots};

/// How long readiness waits for the slots.
const SOON: Duration = Duration::from_secs(5);

/// What there is to heal.
#[derive(Debug)]
pub(super) struct Healing {
    own: Own,
    slots: Option<Slots>,
    sweeps: bool,
}

impl Healing {
    /// To be asked before anything is mounted.
    pub(super) fn before_mount(args: &Args, writable: bool) -> Self {
        Self {
            own: Own::before_mount(&args.mountpoint, &args.device_record()),
            slots: args.slots.clone().map(|dir| Slots { dir, writable }),
            sweeps: !args.no_sweep,
        }
    }

    /// To be told once somebody serves. Slots show the live files when this answers, or after [`SOON`] not yet; containers
    /// are healed meanwhile. What hangs, hangs in a thread of its own.
    pub(super) fn begin(self) -> Begun {
        let (tell, told) = mpsc::channel();
        let heal = move || {
            let healing = self.mounted();
            // Nobody listens any more if it took too long.
            let _ = tell.send(());
            healing.sweep();
        };
        if let Err(error) = thread::Builder::new().name("healing".to_owned()).spawn(heal) {
            tracing::error!(%error, "containers of the daemon before are not healed");
        }
        Begun(told)
    }

    /// A failure is logged: containers to come are served anyway.
    fn mounted(mut self) -> Self {
        match self.own.mounted(self.slots.as_ref()) {
            Ok(filled) => {
                if let Some(slots) = &self.slots {
                    tracing::info!(dir = %slots.dir.display(), slots = filled.len(), "slots show the live files");
                }
            }
            Err(error) => tracing::error!(%error, "slots, and what is to be healed after a restart"),
        }
        self
    }

    /// Looks for dead mounts of daemons before, and replaces them.
    fn sweep(&self) {
        if !self.sweeps || !self.own.has_lost_any() {
            return;
        }
        match self.own.sweep(self.slots.as_ref()) {
            Ok(report) => log(&report),
            Err(error) => tracing::error!(%error, "containers of the daemon before are not healed"),
        }
    }
}

/// Healing that goes on.
pub(super) struct Begun(Receiver<()>);

impl Begun {
    /// Waits for the slots, if they can be had soon.
    pub(super) fn wait(self) {
        if self.0.recv_timeout(SOON) == Err(RecvTimeoutError::Timeout) {
            tracing::warn!(waited = ?SOON, "slots do not show the live files yet");
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
