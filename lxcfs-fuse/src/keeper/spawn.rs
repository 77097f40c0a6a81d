//! A fork that becomes a worker: it has the descriptors where sd_listen_fds(3) looks for them, and nothing else.
//!
//! # References
//!
//! fork(2), execve(2); proc(5), `/proc/PID/oom_score_adj`.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd, OwnedFd, RawFd};
use std::ptr;

use nix::libc;
use nix::unistd::{ForkResult, fork};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::passed::{COUNT, FIRST, NAMES, PID};
use super::program::{Image, Program, c_strings, environment};

/// How many descriptors a worker is given.
pub(crate) const PASSED: usize = 5;

/// How many digits a pid has, with zeros in front.
const DIGITS: usize = 10;

/// Everything for a worker, made beforehand.
#[derive(Debug)]
pub(crate) struct Template {
    on_disk: CString,
    words: List,
    variables: List,
    /// `LISTEN_PID=` and room for a pid; it is the last of the variables.
    pid_variable: Vec<u8>,
    /// What `oom_score_adj` of this process was before it became a keeper.
    oom_score_adj: Option<Vec<u8>>,
}

impl Template {
    /// `names` are those of the descriptors that it will be given.
    pub(crate) fn of(program: &Program, names: [&str; PASSED], oom_score_adj: Option<Vec<u8>>) -> io::Result<Self> {
        let mut variables = environment(&[]);
        variables.push(format!("{COUNT}={PASSED}").into());
        variables.push(format!("{NAMES}={}", names.join(":")).into());
        let path = program.path().as_os_str().to_owned();
        let on_disk = c_strings([path]).pop().ok_or(io::ErrorKind::InvalidInput)?;
        let pid_variable = format!("{PID}={:0DIGITS$}\0", 0).into_bytes();
        Ok(Self {
            on_disk,
            words: List::of(c_strings(program.as_worker()), None),
            variables: List::of(c_strings(variables), Some(pid_variable.as_ptr().cast())),
            pid_variable,
            oom_score_adj,
        })
    }

    /// Starts a worker. The caller may have other threads: one that heals, for example.
    #[expect(unsafe_code, reason = "fork(2), and what follows in the child before execve(2)")]
    pub(crate) fn start(&mut self, image: Image, descriptors: [BorrowedFd<'_>; PASSED]) -> io::Result<(Pid, OwnedFd)> {
        let path: &CStr = match image {
            Image::OnDisk => &self.on_disk,
            Image::Own => c"/proc/self/exe",
        };
        let sources = descriptors.map(|descriptor| descriptor.as_raw_fd());
        // SAFETY: another thread may hold a lock, of the allocator's for example, which nobody lets go of in the child: so the
        // child makes system calls, counts and copies bytes until it is another program, and nothing else.
        match unsafe { fork() }.map_err(io::Error::from)? {
            ForkResult::Child => {
                write_pid(&mut self.pid_variable, std::process::id());
                let oom_score_adj = self.oom_score_adj.as_deref();
                become_worker(path, &self.words, &self.variables, sources, oom_score_adj)
            }
            ForkResult::Parent { child } => {
                let pid = Pid::from_raw(child.as_raw()).ok_or(io::ErrorKind::Other)?;
                // It is our child, so that its number stays its own until we have waited for it.
                Ok((pid, pidfd_open(pid, PidfdFlags::empty())?))
            }
        }
    }
}

/// Strings, and where they are, with a null pointer at the end.
#[derive(Debug)]
struct List {
    _strings: Vec<CString>,
    pointers: Vec<*const libc::c_char>,
}

impl List {
    fn of(strings: Vec<CString>, last: Option<*const libc::c_char>) -> Self {
        let mut pointers: Vec<_> = strings.iter().map(|string| string.as_ptr()).collect();
        pointers.extend(last);
        pointers.push(ptr::null());
        Self {
            _strings: strings,
            pointers,
        }
    }
}

/// What the child does. It does not return.
#[expect(unsafe_code, reason = "system calls between fork(2) and execve(2)")]
fn become_worker(
    path: &CStr,
    words: &List,
    variables: &List,
    sources: [RawFd; PASSED],
    oom_score_adj: Option<&[u8]>,
) -> ! {
    /// Above all that are overwritten.
    const ABOVE: RawFd = 64;
    // SAFETY: these calls take numbers and strings that end with a NUL byte, and lists of them that end with a null
    // pointer; a call that fails is noticed by the parent, whose child ends without having served.
    unsafe {
        // What the terminal sends to us is not for the worker.
        libc::setpgid(0, 0);
        if let Some(text) = oom_score_adj {
            let file = libc::open(c"/proc/self/oom_score_adj".as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC);
            libc::write(file, text.as_ptr().cast(), text.len());
        }
        let copies = sources.map(|source| libc::fcntl(source, libc::F_DUPFD_CLOEXEC, ABOVE));
        for (copy, number) in copies.into_iter().zip(FIRST..) {
            if libc::dup2(copy, number) == -1 {
                libc::_exit(126);
            }
        }
        libc::execve(path.as_ptr(), words.pointers.as_ptr(), variables.pointers.as_ptr());
        libc::_exit(127)
    }
}

/// Writes a pid before the NUL byte at the end.
fn write_pid(variable: &mut [u8], pid: u32) {
    let mut left = pid;
    for digit in variable.iter_mut().rev().skip(1).take(DIGITS) {
        let value = u8::try_from(left.checked_rem(10).unwrap_or_default()).unwrap_or_default();
        *digit = b'0'.saturating_add(value);
        left = left.checked_div(10).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pid_is_written_where_there_is_room_for_it() {
        let mut variable = format!("LISTEN_PID={:010}\0", 0).into_bytes();
        write_pid(&mut variable, 4_194_304);
        assert_eq!(variable, b"LISTEN_PID=0004194304\0");
        write_pid(&mut variable, u32::MAX);
        assert_eq!(variable, b"LISTEN_PID=4294967295\0");
    }
}
