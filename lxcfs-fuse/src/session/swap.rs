//! dup3(2) over a descriptor that a library has taken.

use std::io;
use std::os::fd::{BorrowedFd, RawFd};

use nix::fcntl::OFlag;
use nix::unistd::dup3_raw;

/// Behind that number is that descriptor from now on, and what was there is closed. System calls that have begun go on with
/// what was there.
#[expect(
    unsafe_code,
    reason = "whose number it is has no way to say so; the caller keeps it open meanwhile"
)]
pub(super) fn swap(by: BorrowedFd<'_>, number: RawFd) -> io::Result<()> {
    // SAFETY: the number belongs to a descriptor that the caller keeps open, and that is used for reads and writes only,
    // which are as good on any other.
    let swapped = unsafe { dup3_raw(by, number, OFlag::O_CLOEXEC) }?;
    // Its owner has it.
    std::mem::forget(swapped);
    Ok(())
}
