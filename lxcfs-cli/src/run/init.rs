//! The container's first process: mounts, starts the command, reaps the dead, passes signals on.

use std::ffi::OsString;
use std::io;
use std::os::fd::RawFd;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, ExitCode};

use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, setpgid};

use super::error::RunError;
use super::signals::{self, Signals, Told};
use super::{FAILED, mounts, pipes};

/// `ready` and `go` are the numbers of the pipes to the process outside, which mounts the virtual files at `place`.
pub(crate) fn init(ready: RawFd, go: RawFd, place: &Path, command: &[OsString]) -> ExitCode {
    match try_init(ready, go, place, command) {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            crate::complain(&error);
            ExitCode::from(FAILED)
        }
    }
}

fn try_init(ready: RawFd, go: RawFd, place: &Path, command: &[OsString]) -> Result<u8, RunError> {
    // If the process outside is killed, so is the container: the kernel kills all of a pid namespace with its init.
    prctl::set_pdeathsig(Signal::SIGKILL).map_err(RunError::system("cannot tie the container to its parent"))?;
    // Else `ps` would show `exe`. The name does not matter enough to fail for.
    let _ = prctl::set_name(c"lxcfs-cli");
    let signals = Signals::block().map_err(RunError::system("cannot read signals"))?;
    let ready = pipes::inherited(ready, true).map_err(RunError::system("cannot open the pipe"))?;
    let go = pipes::inherited(go, false).map_err(RunError::system("cannot open the pipe"))?;

    pipes::say(ready).map_err(RunError::system("cannot write to the process outside"))?;
    // Meanwhile the process outside puts us into the cgroups. Had it been killed before we asked to be killed with it,
    // the pipe would end here without the word.
    if !pipes::hear(go).map_err(RunError::system("cannot hear the process outside"))? {
        return Ok(FAILED);
    }
    mounts::furnish(place)?;
    let command = start(command).map_err(RunError::system("cannot start a process"))?;
    // Signals to the process group are for the command; ours come from the process outside, one by one. Failing that,
    // the command would have them twice.
    let _ = setpgid(Pid::from_raw(0), Pid::from_raw(0));
    attend(command, &signals).map_err(RunError::system("cannot wait for the command"))
}

fn start(command: &[OsString]) -> io::Result<Pid> {
    let child = Command::new("/proc/self/exe")
        .arg0("lxcfs-cli")
        .arg(super::EXEC)
        .args(command)
        .spawn()?;
    // From here on, `waitpid` waits for this child as for any other.
    i32::try_from(child.id()).map(Pid::from_raw).map_err(io::Error::other)
}

/// Waits for the command to end, and for whoever has no other parent; answers with the exit status for the command's.
fn attend(command: Pid, signals: &Signals) -> Result<u8, Errno> {
    loop {
        match signals.next()? {
            Told::Child => {
                if let Some(status) = reap(command)? {
                    return Ok(status);
                }
            }
            Told::Sent(signal) => match kill(command, signal) {
                // It has just ended.
                Ok(()) | Err(Errno::ESRCH) => {}
                Err(error) => return Err(error),
            },
            Told::ByTerminal => {}
        }
    }
}

/// Takes away all that are dead; answers with the command's status if it is among them.
fn reap(command: Pid) -> Result<Option<u8>, Errno> {
    let mut status = None;
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(pid, code)) if pid == command => {
                status = u8::try_from(code).ok().or(Some(FAILED));
            }
            Ok(WaitStatus::Signaled(pid, signal, _)) if pid == command => {
                status = Some(super::status_of_signal(signals::number(signal)));
            }
            Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => return Ok(status),
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error),
        }
    }
}
