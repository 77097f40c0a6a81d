//! `lxcfs-cli hook`: called by a runtime that is making a container, it binds the files there, and has an end whatever happens.
//!
//! The work is done by a child process. Should that wait for a daemon that does not answer, it is left behind, and the
//! container starts without the files.

mod args;
mod bind;
mod error;
mod place;

use std::io::{Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use lxcfs_core::inject::{Plan, is_named};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

pub(crate) use args::Hook;
use args::{How, Stage};
pub(crate) use error::HookError;

use crate::failure::Failure;

pub(crate) fn hook(hook: &Hook) -> Result<(), Failure> {
    let how = hook.stage.how();
    if how.direct {
        return Ok(bind_all(&hook.stage)?);
    }
    match within(how.patience()) {
        Ok(()) => Ok(()),
        Err(error) if how.strict => Err(error.into()),
        Err(error) => {
            crate::complain(&error);
            Ok(())
        }
    }
}

/// Does what this process was called for in another one, and waits for that so long.
fn within(patience: Duration) -> Result<(), HookError> {
    let program = std::env::current_exe().map_err(HookError::system("cannot find this program"))?;
    let mut child = Command::new(program)
        .args(std::env::args_os().skip(1))
        .arg("--direct")
        // A runtime waits until nobody has its pipes any more: the child gets others.
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(HookError::system("cannot start this program again"))?;
    if !ends(&child, patience).map_err(HookError::system("cannot wait for a process"))? {
        // It is gone at once if the daemon has not taken its request. Nobody waits for it otherwise.
        let _ = child.kill();
        return Err(HookError::Late);
    }
    let status = child.wait().map_err(HookError::system("cannot wait for a process"))?;
    let mut said = String::new();
    if let Some(mut stderr) = child.stderr.take() {
        let _ = stderr.read_to_string(&mut said);
    }
    if status.success() {
        // What it could do without.
        let _ = std::io::stderr().write_all(said.as_bytes());
        return Ok(());
    }
    let said = said.trim_end().trim_start_matches("lxcfs-cli: ");
    Err(HookError::Told(said.to_owned()))
}

/// Whether it ends in that time.
fn ends(child: &Child, patience: Duration) -> std::io::Result<bool> {
    let pidfd = pidfd_open(Pid::from_child(child), PidfdFlags::empty())?;
    let mut polled = [PollFd::new(&pidfd, PollFlags::IN)];
    let patience = Timespec::try_from(patience).map_err(std::io::Error::other)?;
    Ok(poll(&mut polled, Some(&patience))? > 0)
}

/// Binds what is asked for into the container that is being made.
fn bind_all(stage: &Stage) -> Result<(), HookError> {
    let how = stage.how();
    let root = match stage {
        Stage::CreateContainer(_) => place::of_state(std::io::stdin())?,
        Stage::LxcMount(_) => place::of_lxc(std::env::var_os("LXC_ROOTFS_MOUNT"))?,
    };
    let binder = bind::Binder::new(&root)?;
    let plan = Plan::new(&how.source).only(|file| how.wants(file));
    binder.bind(&plan.mounts())?;
    if matches!(stage, Stage::LxcMount(_)) {
        binder.bind_whole(&how.source)?;
    }
    Ok(())
}

impl How {
    fn wants(&self, file: &str) -> bool {
        (!self.psi || is_named(file, "pressure"))
            && (self.files.is_empty() || self.files.iter().any(|name| is_named(file, name)))
    }
}
