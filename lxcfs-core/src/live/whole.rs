//! Reading a kernel file whole, in as few reads as can be.

use std::cell::RefCell;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use bytes::Bytes;
use nix::errno::Errno;

use crate::source::SourceErrorKind;

/// More than nearly all kernel files have, so that one read gets the text and the next one its end.
const FIRST_SIZE: usize = 16 * 1024;

/// A thread that once read something larger than this gives the buffer back.
const LARGEST_KEPT: usize = 1024 * 1024;

thread_local! {
    /// Reading needs room for a text of unknown length; the answer then gets exactly what it needs.
    static ROOM: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Reads the whole file from its beginning, wherever it was read to before.
///
/// Kernel files say nothing true about their size, so this reads until there is no more. It does not begin with a
/// small probing read: some files (`/proc/sys`) give a second read nothing.
pub(super) fn read_whole(file: &File) -> io::Result<Bytes> {
    read_until(file, |_, more| more == 0)
}

/// Reads a file that the kernel prints in one piece: it ends where a read leaves room.
pub(super) fn read_piece(file: &File) -> io::Result<Bytes> {
    read_until(file, |room, more| more < room)
}

/// Reads until `is_end`, which is told how much room a read had and what it got.
fn read_until(file: &File, is_end: fn(usize, usize) -> bool) -> io::Result<Bytes> {
    ROOM.with_borrow_mut(|room| {
        if room.len() < FIRST_SIZE {
            room.resize(FIRST_SIZE, 0);
        }
        let mut filled: usize = 0;
        loop {
            if filled >= room.len() {
                room.resize(room.len().saturating_mul(2), 0);
            }
            let Some(free) = room.get_mut(filled..) else {
                break;
            };
            let at = u64::try_from(filled).unwrap_or(u64::MAX);
            let size = free.len();
            match file.read_at(free, at) {
                Ok(more) => {
                    filled = filled.saturating_add(more);
                    if is_end(size, more) {
                        break;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let text = Bytes::copy_from_slice(room.get(..filled).unwrap_or_default());
        if room.len() > LARGEST_KEPT {
            *room = Vec::new();
        }
        Ok(text)
    })
}

/// What an error number means for a reader.
pub(super) fn kind(error: &io::Error) -> SourceErrorKind {
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ENOENT | Errno::ENOTDIR) => SourceErrorKind::NotFound,
        Some(Errno::EACCES | Errno::EPERM) => SourceErrorKind::PermissionDenied,
        Some(Errno::ESRCH | Errno::ENODEV) => SourceErrorKind::Gone,
        Some(Errno::EOPNOTSUPP) => SourceErrorKind::NotSupported,
        // `Errno::from_raw` forgets numbers that it does not know.
        _ => SourceErrorKind::Errno(error.raw_os_error().unwrap_or(nix::libc::EIO)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn a_file_of_any_length_is_read_whole_and_again() {
        for length in [
            0,
            1,
            FIRST_SIZE - 1,
            FIRST_SIZE,
            FIRST_SIZE + 1,
            5 * FIRST_SIZE,
            LARGEST_KEPT + 1,
        ] {
            let mut file = tempfile::tempfile().unwrap();
            let text: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
            file.write_all(&text).unwrap();
            assert_eq!(read_whole(&file).unwrap(), text);
            assert_eq!(read_whole(&file).unwrap(), text);
        }
    }

    #[test]
    fn error_numbers_have_their_meaning() {
        let kind_of = |number| kind(&io::Error::from_raw_os_error(number));
        assert_eq!(kind_of(nix::libc::ENOENT), SourceErrorKind::NotFound);
        assert_eq!(kind_of(nix::libc::ENOTDIR), SourceErrorKind::NotFound);
        assert_eq!(kind_of(nix::libc::EPERM), SourceErrorKind::PermissionDenied);
        assert_eq!(kind_of(nix::libc::ENODEV), SourceErrorKind::Gone);
        assert_eq!(kind_of(nix::libc::ENOTSUP), SourceErrorKind::NotSupported);
        assert_eq!(kind_of(nix::libc::EISDIR), SourceErrorKind::Errno(nix::libc::EISDIR));
        assert_eq!(kind_of(4095), SourceErrorKind::Errno(4095));
    }
}
