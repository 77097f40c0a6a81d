//! What whoever has the control socket tells: from what it holds, and from memory that it shares with those who serve.
//!
//! Nothing here waits: no file system is asked, and no process.

use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::{Duration, SystemTime};

use lxcfs_core::live::boot_time;

use super::{Container, Process, Status, Worker, millis};
use crate::counters::{Counts, Gauges};
use crate::keeper::said;
use crate::keeper::shown::Shown;
use crate::session::Kept;
use crate::store::{Balance, Number, Seen};

/// What is known to the process that tells.
pub(crate) struct Teller<'t> {
    pub(crate) kept: &'t Kept,
    pub(crate) shown: &'t Shown,
    /// When this process was started: `CLOCK_BOOTTIME`.
    pub(crate) started: Duration,
    pub(crate) is_kept: bool,
    pub(crate) worker: Option<Worker>,
    pub(crate) gauges: Option<Gauges>,
}

impl Teller<'_> {
    /// What there is to tell, for whoever gets the descriptor. `None`: it cannot be told, and the log says why.
    pub(crate) fn tell(self) -> Option<OwnedFd> {
        let seen = match Seen::open(self.kept.store()) {
            Ok(seen) => seen,
            Err(error) => {
                tracing::warn!(%error, "cannot say what has been done");
                return None;
            }
        };
        let said = serde_json::to_vec(&self.status(&seen)).map_err(Into::into);
        match said.and_then(|text| said::say(&text)) {
            Ok(said) => Some(said),
            Err(error) => {
                tracing::warn!(%error, "cannot say what is done");
                None
            }
        }
    }

    fn status(self, seen: &Seen) -> Status {
        let facts = self.kept.facts();
        let mounted_at_ms = match seen.word(Number::MountedAt) {
            0 => millis_since_boot(facts.since),
            known => known,
        };
        Status {
            at_ms: millis(boot_time()),
            mounted_at_ms,
            mount_point: text(&facts.mountpoint),
            psi_poll: facts.psi_poll,
            shows_host: self.shown.host(),
            answered_by: Process {
                pid: std::process::id(),
                started_at_ms: millis(self.started),
                version: env!("CARGO_PKG_VERSION").to_owned(),
            },
            is_kept: self.is_kept,
            worker: self.worker,
            workers_started: seen.word(Number::WorkersStarted),
            workers_died: seen.word(Number::WorkersDied),
            counts: Counts::of(|which| seen.counter(which)),
            gauges: self.gauges,
            containers: containers(seen),
        }
    }
}

fn containers(seen: &Seen) -> Vec<Container> {
    let names = seen.names();
    let container = |balance: Balance| Container {
        pid: balance.pid,
        cgroup: match balance.is_cut {
            true => format!("…{}", escaped(&balance.cgroup)),
            false => escaped(&balance.cgroup),
        },
        met_at_ms: balance.met,
        asked_at_ms: balance.asked,
        reads: names
            .iter()
            .zip(balance.reads)
            .filter(|(_, reads)| *reads > 0)
            .map(|(name, reads)| (name.clone(), reads))
            .collect(),
        errors: balance.errors,
        latency: balance.latency,
    };
    seen.accounts().into_iter().map(container).collect()
}

/// A time of the wall clock as one of `CLOCK_BOOTTIME`, as far as that clock was not set since.
pub(crate) fn millis_since_boot(time: SystemTime) -> u64 {
    let ago = time.elapsed().unwrap_or_default();
    millis(boot_time().saturating_sub(ago))
}

/// A path as a text; bytes that are no UTF-8 are written as `\xNN`.
fn text(path: &Path) -> String {
    use std::os::unix::ffi::OsStrExt as _;
    escaped(path.as_os_str().as_bytes())
}

/// Bytes as a text; those that are no UTF-8 are written as `\xNN`.
pub(crate) fn escaped(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_utf_8_is_written_as_numbers_and_all_else_stays() {
        assert_eq!(escaped(b"/a b\n\"c\""), "/a b\n\"c\"");
        assert_eq!(escaped(b"/\xff\xc3(\xc3\xa4"), "/\\xff\\xc3(\u{e4}");
    }
}
