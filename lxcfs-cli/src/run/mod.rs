//! `lxcfs-cli run`: the process outside the container, which makes it, waits for it and clears up.

pub(crate) mod amount;
mod cgroup;
mod error;
mod exec;
mod hierarchy;
mod init;
mod leftover;
mod mounts;
mod pipes;
mod signals;
mod snapshot;

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode};
use std::time::{Duration, Instant};

use lxcfs_core::live::{self, Root};
use lxcfs_core::{CpuList, Source as _};
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::args::Run;
use crate::failure::Failure;
use crate::subject::Subject;
use cgroup::ContainerCgroups;
pub(crate) use error::RunError;
use mounts::Staging;
use signals::{Signals, Told, asks_to_end};

/// The exit status of our own failures, as that of other tools which run commands in containers.
pub(crate) const FAILED: u8 = 125;

/// Two signals to end that are nearer than this are one request: `timeout` sends one to its child and one to the group.
const ONE_REQUEST: Duration = Duration::from_secs(1);

/// Less than this and hardly any command can start.
const SMALL_MEMORY: u64 = 1 << 20;

/// What we call ourselves with to be the container's init: the numbers of two pipes, the command.
const INIT: &str = "__init";

/// What we call ourselves with to become the command.
const EXEC: &str = "__exec";

/// Does the work of a process inside the container, if that is what we are. Not a matter of the command line: help,
/// manual and completions need not know of it.
pub(crate) fn inside(arguments: impl Iterator<Item = OsString>) -> Option<ExitCode> {
    let arguments: Vec<OsString> = arguments.collect();
    let number = |word: &OsString| word.to_str().and_then(|word| word.parse().ok());
    match arguments.as_slice() {
        [_, word, ready, go, command @ ..] if word == INIT => Some(init::init(number(ready)?, number(go)?, command)),
        [_, word, command @ ..] if word == EXEC => Some(exec::exec(command)),
        _ => None,
    }
}

pub(crate) fn run(run: &Run) -> ExitCode {
    match try_run(run) {
        Ok(status) => ExitCode::from(status),
        Err(failure) => {
            crate::complain(&failure);
            ExitCode::from(FAILED)
        }
    }
}

fn try_run(run: &Run) -> Result<u8, Failure> {
    check(run)?;
    // Before anything is made that has to be removed.
    let signals = Signals::block().map_err(RunError::system("cannot read signals"))?;
    let source = Root::host();
    let hierarchies = live::hierarchies(&source)?;
    let cgroups = ContainerCgroups::create(run, &hierarchies)?;

    let mut init = Container::start(run)?;
    let done = init
        .furnish(run, &cgroups)
        .and_then(|()| Ok(wait(&mut init.child, &signals)?));
    // The container first, its cgroups after it.
    drop(init);
    drop(cgroups);
    done
}

fn check(run: &Run) -> Result<(), Failure> {
    if run.memory.is_some_and(|bytes| bytes < SMALL_MEMORY) {
        crate::complain(&"--memory: with less than 1M, hardly any command can start");
    }
    if let Some(asked) = &run.cpuset {
        let path = PathBuf::from("/sys/devices/system/cpu/online");
        let text = Root::host().read(&path).map_err(lxcfs_core::CaptureError::from)?;
        let online = CpuList::parse(&text).map_err(|error| lxcfs_core::CaptureError::parse(path, error))?;
        if !asked.difference(&online).is_empty() {
            let (asked, online) = (asked.to_string(), online.to_string());
            return Err(RunError::NotOnline { asked, online }.into());
        }
    }
    Ok(())
}

/// The container's init as seen from outside; dropping it kills the container.
struct Container {
    child: Child,
    ready: io::PipeReader,
    go: Option<io::PipeWriter>,
}

impl Container {
    fn start(run: &Run) -> Result<Self, RunError> {
        let (ready, their_ready) = io::pipe().map_err(RunError::system("cannot make a pipe"))?;
        let (their_go, go) = io::pipe().map_err(RunError::system("cannot make a pipe"))?;
        let inheritable =
            |pipe: BorrowedFd<'_>| pipes::inheritable(pipe).map_err(RunError::system("cannot pass a pipe on"));
        let numbers = [inheritable(their_ready.as_fd())?, inheritable(their_go.as_fd())?];
        // Not for us, but for the next child: it is the first process of the new namespace.
        unshare(CloneFlags::CLONE_NEWPID).map_err(RunError::system("cannot make a pid namespace"))?;
        let child = Command::new("/proc/self/exe")
            .arg0("lxcfs-cli")
            .arg(INIT)
            .args(numbers.map(|number| number.to_string()))
            .args(&run.command)
            .spawn()
            .map_err(RunError::system("cannot start the container's first process"))?;
        Ok(Self {
            child,
            ready,
            go: Some(go),
        })
    }

    /// Puts the container into its cgroups, writes its files, and lets it go.
    fn furnish(&mut self, run: &Run, cgroups: &ContainerCgroups) -> Result<(), Failure> {
        let pid = self.child.id();
        // If it fails, it has said why, and its exit status says that it did.
        if !pipes::hear(&self.ready).map_err(RunError::system("cannot hear the container"))? {
            return Ok(());
        }
        cgroups.attach(pid)?;
        let subject = Subject::live(pid)?;
        // Written from here, the files are not charged to the container's memory.
        let root = PathBuf::from(format!("/proc/{pid}/root"));
        let dir = root.join(Staging::dir().strip_prefix("/").unwrap_or(&Staging::dir()));
        snapshot::write(&subject.view(run.policies.options()), &dir, run.verbose)?;
        if let Some(go) = self.go.take() {
            pipes::say(go).map_err(RunError::system("cannot write to the container"))?;
        }
        Ok(())
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        // Neither can fail in a way that matters: it has ended already, or it ends now.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits for the container to end, and passes signals on to its init, which passes them on to the command.
fn wait(init: &mut Child, signals: &Signals) -> Result<u8, RunError> {
    let failed = "cannot wait for the container";
    let pid = Pid::from_raw(i32::try_from(init.id()).unwrap_or(i32::MAX));
    let mut asked: Option<Instant> = None;
    loop {
        if let Some(status) = init.try_wait().map_err(RunError::system(failed))? {
            let killed_by = status.signal().map(status_of_signal);
            let code = status.code().and_then(|code| u8::try_from(code).ok());
            return Ok(code.or(killed_by).unwrap_or(FAILED));
        }
        if let Told::Sent(signal) = signals.next().map_err(RunError::system(failed))? {
            let again = asked.is_some_and(|first| first.elapsed() >= ONE_REQUEST);
            let signal = if asks_to_end(signal) && again {
                Signal::SIGKILL
            } else {
                signal
            };
            if asks_to_end(signal) {
                asked.get_or_insert_with(Instant::now);
            }
            // If it has just ended, the next look tells.
            let _ = kill(pid, signal);
        }
    }
}

/// What a shell says of a command that was killed by that signal.
fn status_of_signal(signal: i32) -> u8 {
    u8::try_from(signal.saturating_add(128)).unwrap_or(FAILED)
}
