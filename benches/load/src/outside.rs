//! The process that is started: it starts the one inside, passes on that it is to end, and removes what may be left.

use std::os::fd::AsFd as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::time::Duration;

use clap::Parser as _;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use crate::args::Args;
use crate::failure::{Doing as _, Failure};
use crate::{cgroup, clock, role};

/// How long the process inside may take to clear up.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn outside() -> ExitCode {
    // What is wrong with the command line is said before anything is done.
    Args::parse();
    let run = std::process::id();
    cgroup::remove_leftovers(run);
    let done = run_inside(run);
    cgroup::remove_leftovers(run);
    match done {
        Ok(status) => ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)),
        Err(failure) => {
            crate::note(&failure);
            ExitCode::FAILURE
        }
    }
}

fn run_inside(run: u32) -> Result<ExitStatus, Failure> {
    let asked = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP];
    let mut signals: SigSet = asked.into_iter().collect();
    signals.add(Signal::SIGCHLD);
    signals.thread_block().doing("cannot block signals")?;
    let signals = SignalFd::with_flags(&signals, SfdFlags::SFD_CLOEXEC).doing("cannot wait for signals")?;

    let dir = tempfile::Builder::new()
        .prefix("lxcfs-load-")
        .tempdir()
        .doing("cannot make a directory")?;
    // As mountinfo will show it.
    let path = dir.path().canonicalize().doing("cannot find a directory")?;
    unshare(CloneFlags::CLONE_NEWPID).doing("cannot make a pid namespace (this needs root)")?;
    let mut inside = Command::new("/proc/self/exe")
        .args([role::INSIDE, &run.to_string()])
        .arg(path)
        .args(std::env::args_os().skip(1))
        .stdin(Stdio::piped())
        // A terminal's signals are for us alone.
        .process_group(0)
        .spawn()
        .doing("cannot start")?;
    wait(&mut inside, &signals)
}

/// Waits for the process inside; the first signal asks it to end, later ones and long waiting kill it.
fn wait(inside: &mut Child, signals: &SignalFd) -> Result<ExitStatus, Failure> {
    let mut end: Option<u64> = None;
    loop {
        if let Some(status) = inside.try_wait().doing("cannot wait")? {
            return Ok(status);
        }
        let left = end.map(|end| Duration::from_nanos(end.saturating_sub(clock::now())));
        let timeout = left.map_or(PollTimeout::NONE, |left| {
            PollTimeout::try_from(left.as_millis()).unwrap_or(PollTimeout::MAX)
        });
        let mut watched = [PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
        match poll(&mut watched, timeout) {
            Ok(0) => inside.kill().doing("cannot kill")?,
            Ok(_) => {
                let info = signals.read_signal().doing("cannot read signals")?;
                let signal = info.and_then(|info| Signal::try_from(i32::try_from(info.ssi_signo).ok()?).ok());
                if signal == Some(Signal::SIGCHLD) {
                    continue;
                }
                if end.is_some() {
                    inside.kill().doing("cannot kill")?;
                }
                // It reads the end of the pipe.
                drop(inside.stdin.take());
                end = Some(clock::now().saturating_add(clock::nanos(PATIENCE)));
            }
            Err(nix::errno::Errno::EINTR) => {}
            Err(error) => return Err(error).doing("cannot wait for signals"),
        }
    }
}
