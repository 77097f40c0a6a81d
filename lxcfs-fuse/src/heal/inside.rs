//! The child's side: one process with one thread, which does one task and ends.

use std::ffi::OsString;
use std::io;
use std::process::ExitCode;

use nix::sys::prctl;
use nix::sys::signal::Signal;

use super::bounded::{say, told};
use super::wire::{Said, Task};
use super::{fill, mend, probe};

/// Does the task for which this process was started, if it was started for one; a program that heals calls that before
/// anything else.
///
/// Healing needs processes of one thread: the running program is started again for each, with a word in front of all
/// options that no command line has.
///
/// ```
/// use lxcfs_fuse::heal::inside;
///
/// // A usual command line is none of its business.
/// let arguments = ["program", "--once"].map(Into::into);
/// assert!(inside(arguments.into_iter()).is_none());
/// ```
#[must_use]
pub fn inside(arguments: impl Iterator<Item = OsString>) -> Option<ExitCode> {
    let task = told(arguments)?;
    // If whoever has asked is gone, nobody ends us when we hang.
    let tied = prctl::set_pdeathsig(Signal::SIGKILL).map_err(|error| error.to_string());
    match tied
        .and(task)
        .and_then(|task| work(&task).map_err(|error| error.to_string()))
    {
        Ok(()) => say(&Said::Done),
        Err(why) => say(&Said::Failed(why)),
    }
    Some(ExitCode::SUCCESS)
}

fn work(task: &Task) -> io::Result<()> {
    match task {
        Task::Probe { namespace, point, id } => {
            say(&probe::probe(namespace.as_ref(), point.as_ref(), *id)?);
            Ok(())
        }
        Task::Mend {
            namespace,
            source,
            dead,
            rehearsal,
        } => mend::mend(namespace, source, dead, *rehearsal),
        Task::Fill { source, prune, flags } => fill::fill(source, prune, *flags),
    }
}
