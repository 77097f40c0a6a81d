//! Becoming another program: that which is now on the disk, in the same process, with the same mount.
//!
//! # References
//!
//! execve(2)

use std::convert::Infallible;
use std::ffi::OsString;
use std::io::{self, Read as _};
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::unistd::execve;
use rustix::io::{FdFlags, fcntl_dupfd_cloexec, fcntl_setfd};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::keeper::packet::readable;
use crate::keeper::passed::{AT, COUNT, NAMES, PID};
use crate::keeper::program::{Image, Program, c_strings, environment};

/// How long the new program may take to look at its command line.
const CHECKING: Duration = Duration::from_secs(5);

/// What the service manager has told this process is true of the next program too.
const STAYS: &[&str] = &["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"];

/// Becomes the program on the disk, or the one that this is once more. If it returns, nothing has changed; this is why.
pub(super) fn become_program(program: &Program, image: Image, descriptors: &[(&str, BorrowedFd<'_>)]) -> io::Error {
    match tried(program, image, descriptors) {
        Err(error) => error,
        Ok(never) => match never {},
    }
}

fn tried(program: &Program, image: Image, descriptors: &[(&str, BorrowedFd<'_>)]) -> io::Result<Infallible> {
    if image == Image::OnDisk {
        check(program)?;
    }
    let copies = inherited(descriptors)?;
    let names: Vec<&str> = descriptors.iter().map(|(name, _)| *name).collect();
    let numbers: Vec<String> = copies.iter().map(|copy| copy.as_raw_fd().to_string()).collect();
    let mut variables = environment(STAYS);
    let mut set = |name: &str, value: String| variables.push(OsString::from(format!("{name}={value}")));
    set(PID, std::process::id().to_string());
    set(COUNT, copies.len().to_string());
    set(NAMES, names.join(":"));
    set(AT, numbers.join(":"));
    let path = match image {
        Image::OnDisk => program.path().as_os_str().to_owned(),
        Image::Own => "/proc/self/exe".into(),
    };
    let path = c_strings([path]).pop().ok_or(io::ErrorKind::InvalidInput)?;
    let words = c_strings(program.words().iter().cloned());
    Ok(execve(&path, &words, &c_strings(variables))?)
}

/// Copies that stay open. They are closed if they turn out not to be needed.
fn inherited(descriptors: &[(&str, BorrowedFd<'_>)]) -> io::Result<Vec<OwnedFd>> {
    descriptors
        .iter()
        .map(|(_, descriptor)| {
            let copy = fcntl_dupfd_cloexec(descriptor, 0)?;
            fcntl_setfd(&copy, FdFlags::empty())?;
            Ok(copy)
        })
        .collect()
}

/// Whether the program on the disk starts, and understands our command line and configuration.
fn check(program: &Program) -> io::Result<()> {
    let mut child = Command::new(program.path())
        .args(program.as_check().into_iter().skip(1))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    let end = Instant::now().checked_add(CHECKING);
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let pidfd = pidfd_open(pid.ok_or(io::ErrorKind::Other)?, PidfdFlags::empty())?;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        let left = end.map_or(CHECKING, |end| end.saturating_duration_since(Instant::now()));
        if left.is_zero() {
            child.kill()?;
            child.wait()?;
            return Err(io::Error::new(io::ErrorKind::TimedOut, "--check does not end"));
        }
        readable(pidfd.as_fd(), left)?;
    };
    if status.success() {
        return Ok(());
    }
    let mut said = String::new();
    if let Some(stderr) = child.stderr.take() {
        stderr.take(1024).read_to_string(&mut said).unwrap_or_default();
    }
    Err(io::Error::other(format!("--check: {status}: {}", said.trim())))
}
