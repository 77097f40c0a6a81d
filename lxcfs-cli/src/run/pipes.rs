//! Pipes into a child process, by way of descriptors that it inherits.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd, RawFd};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};

/// What is said when all is well. Nothing, and the end of the pipe, is said by a process that dies.
const WORD: &[u8] = b"go\n";

/// Lets child processes inherit the descriptor; its number tells them where.
pub(crate) fn inheritable(descriptor: BorrowedFd<'_>) -> nix::Result<RawFd> {
    fcntl(descriptor, FcntlArg::F_SETFD(FdFlag::empty()))?;
    Ok(descriptor.as_raw_fd())
}

/// Opens an inherited pipe by its number, and closes the inherited descriptor, so that the other side sees the end.
pub(crate) fn inherited(number: RawFd, write: bool) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(!write)
        .write(write)
        .open(format!("/proc/self/fd/{number}"))?;
    nix::unistd::close(number)?;
    Ok(file)
}

/// Says the word.
pub(crate) fn say(mut pipe: impl io::Write) -> io::Result<()> {
    pipe.write_all(WORD)
}

/// Waits for the word; `false` if the pipe ends without it.
pub(crate) fn hear(mut pipe: impl io::Read) -> io::Result<bool> {
    let mut said = Vec::new();
    pipe.read_to_end(&mut said)?;
    Ok(said == WORD)
}
