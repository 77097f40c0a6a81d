//! The daemon as a keeper: others serve.

use super::args::Args;
use super::confine;
use super::error::Error;
use super::healing::Healing;
use super::layers::Layers;
use super::metrics::Metrics;
use super::pid_file::PidFile;
use super::signals::{Event, Events};
use super::start::{Claim, Start};
use crate::keeper::control::Control;
use crate::keeper::program::Program;
use crate::keeper::{Begun, End, KeepError, Keeper};
use crate::sandbox::Role;

/// Keeps a connection until its end.
pub(super) fn keep(args: Args, program: &Program, start: Start, layers: &Layers, events: &Events) -> Result<(), Error> {
    let times = args.times();
    let (linger, no_sandbox, triggers) = (args.linger, args.no_sandbox, start.kept.has_triggers());
    let mut claim = start.claim;
    claim.nobody_else_serves()?;
    let begun = Found {
        metrics: Metrics::of(&args, layers, claim.metrics.take()),
        args,
        claim,
        pid_file: None,
        healing: start.healing,
    };
    // What was mounted just now is nobody's if nobody begins to serve it; and the keeper unmounts at its end.
    let keeper = Keeper::new((start.kept, start.shown), program, times, linger, events, begun)?;
    // The last thing for which it needs more is what it writes of itself as it becomes a keeper.
    confine(no_sandbox, Role::Keeper, triggers);
    let end = keeper.keep()?;
    if linger && end == (End::HandedOver { told: false }) {
        tracing::info!("waiting to be told to end");
        while !matches!(events.next().map_err(KeepError::Signals)?, Event::End(_)) {}
    }
    Ok(())
}

/// How the keeper is found.
struct Found {
    args: Args,
    claim: Claim,
    pid_file: Option<PidFile>,
    healing: Option<Healing>,
    metrics: Metrics,
}

impl Begun for Found {
    fn is_borrowed(&self) -> bool {
        self.claim.is_borrowed()
    }

    fn begun(&mut self) -> Result<Control, Error> {
        let (pid_file, control) = self.claim.settle(&self.args)?;
        self.pid_file = Some(pid_file);
        tracing::info!("keeping");
        self.metrics.begin();
        if let Some(healing) = self.healing.take() {
            // A keeper waits for nobody but its workers.
            healing.begin();
        }
        Ok(control)
    }

    fn over(&mut self) {
        self.metrics.end();
        self.pid_file = None;
        self.claim = Claim::default();
    }
}
