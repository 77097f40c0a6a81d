//! `lxcfs-cli run`: the process outside the container, which makes it, serves its files, waits for it and clears up.
//!
//! ```text
//! outside                                          the container's init
//!   mount namespace of its own
//!   cgroups
//!   next child in a new pid namespace ── starts ──▶  asks to be killed with its parent
//!   pid namespace as it was                          ready
//!   file system mounted, threads started
//!   puts init into the cgroups, go ────────────────▶ mount namespace: a copy of that outside
//!                                                    own /proc, files of the file system over it
//!   reads signals, answers reads                     the file system's own mount taken away
//!                                                    starts the command
//! ```
//!
//! The order is what matters:
//!
//! * The mount namespace comes first, while there is one thread: it is entered by the thread that makes it, and threads
//!   that exist already stay where they were. The file system's mount exists nowhere else than there and, as a copy, in
//!   the container. Mounts end with the last process of their namespace: however this one ends, nothing is left mounted.
//! * The child comes before the threads: what is forked is a process of one thread, without any part of the file system.
//! * A process whose next child would be in another pid namespace may not start threads, so that is taken back.
//! * The file system is mounted from outside the container's pid namespace: FUSE tells pids as they are in the namespace
//!   of whoever mounts, and those are the ones that `/proc` here knows.
//! * At the end: the container is killed, the file system unmounted, the cgroups removed.

pub(crate) mod amount;
mod cgroup;
mod error;
mod exec;
mod files;
mod hierarchy;
mod init;
mod leftover;
mod mounts;
mod pipes;
mod signals;

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode};
use std::time::{Duration, Instant};

use lxcfs_core::live::{self, Root};
use lxcfs_core::{CpuList, Source as _};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::args::Run;
use crate::failure::Failure;
use cgroup::ContainerCgroups;
pub(crate) use error::RunError;
use signals::{Signals, Told, asks_to_end};

/// The exit status of our own failures, as that of other tools which run commands in containers.
pub(crate) const FAILED: u8 = 125;

/// Two signals to end that are nearer than this are one request: `timeout` sends one to its child and one to the group.
const ONE_REQUEST: Duration = Duration::from_secs(1);

/// Less than this and hardly any command can start.
const SMALL_MEMORY: u64 = 1 << 20;

/// What we call ourselves with to be the container's init: the numbers of two pipes, where the files are, the command.
const INIT: &str = "__init";

/// What we call ourselves with to become the command.
const EXEC: &str = "__exec";

/// Does the work of a process inside the container, if that is what we are. Not a matter of the command line: help,
/// manual and completions need not know of it.
pub(crate) fn inside(arguments: impl Iterator<Item = OsString>) -> Option<ExitCode> {
    let arguments: Vec<OsString> = arguments.collect();
    let number = |word: &OsString| word.to_str().and_then(|word| word.parse().ok());
    match arguments.as_slice() {
        [_, word, ready, go, place, command @ ..] if word == INIT => {
            Some(init::init(number(ready)?, number(go)?, Path::new(place), command))
        }
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
    if run.verbose {
        files::log();
    }
    // Before anything is made that has to be removed.
    let signals = Signals::block().map_err(RunError::system("cannot read signals"))?;
    let source = Root::host();
    let hierarchies = live::hierarchies(&source)?;
    let place = files::private_place(&hierarchies)?;
    let cgroups = ContainerCgroups::create(run, &hierarchies)?;

    let mut container = Container::start(run, &place)?;
    let files = files::mount_files(run, &place)?;
    let done = container
        .let_go(&cgroups)
        .and_then(|()| wait(&mut container.child, &signals));
    // The container first, what it needs after it.
    drop(container);
    drop(files);
    drop(cgroups);
    Ok(done?)
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
    fn start(run: &Run, place: &Path) -> Result<Self, RunError> {
        let (ready, their_ready) = io::pipe().map_err(RunError::system("cannot make a pipe"))?;
        let (their_go, go) = io::pipe().map_err(RunError::system("cannot make a pipe"))?;
        let inheritable =
            |pipe: BorrowedFd<'_>| pipes::inheritable(pipe).map_err(RunError::system("cannot pass a pipe on"));
        let numbers = [inheritable(their_ready.as_fd())?, inheritable(their_go.as_fd())?];
        let no_namespace = "cannot make a pid namespace";
        let own_namespace = File::open("/proc/self/ns/pid").map_err(RunError::system(no_namespace))?;
        // Not for us, but for the next child: it is the first process of the new namespace.
        unshare(CloneFlags::CLONE_NEWPID).map_err(RunError::system(no_namespace))?;
        let child = Command::new("/proc/self/exe")
            .arg0("lxcfs-cli")
            .arg(INIT)
            .args(numbers.map(|number| number.to_string()))
            .arg(place)
            .args(&run.command)
            .spawn()
            .map_err(RunError::system("cannot start the container's first process"))?;
        let container = Self {
            child,
            ready,
            go: Some(go),
        };
        setns(own_namespace, CloneFlags::CLONE_NEWPID)
            .map_err(RunError::system("cannot leave the container's pid namespace"))?;
        Ok(container)
    }

    /// Puts the container into its cgroups and lets it go.
    fn let_go(&mut self, cgroups: &ContainerCgroups) -> Result<(), RunError> {
        // If it fails, it has said why, and its exit status says that it did.
        if !pipes::hear(&self.ready).map_err(RunError::system("cannot hear the container"))? {
            return Ok(());
        }
        cgroups.attach(self.child.id())?;
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
