//! A text that is longer than a message: in a memfd that is sealed, so that nobody changes it any more.
//!
//! Who is told has a descriptor of his own and reads when he likes; who tells has done with it.
//!
//! # References
//!
//! `memfd_create(2)`; fcntl(2), file sealing.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt as _;

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, fcntl_get_seals, memfd_create};
use rustix::io::Errno;

/// The longest text that is read: far more than is ever said.
const MOST: u64 = 256 << 20;

/// What nobody can do any more.
const SEALS: SealFlags = SealFlags::WRITE
    .union(SealFlags::GROW)
    .union(SealFlags::SHRINK)
    .union(SealFlags::SEAL);

/// Puts a text where whoever gets the descriptor can read it.
pub(crate) fn say(text: &[u8]) -> io::Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let memory = match memfd_create(c"lxcfs-said", flags | MemfdFlags::NOEXEC_SEAL) {
        // Before Linux 6.3.
        Err(Errno::INVAL) => memfd_create(c"lxcfs-said", flags)?,
        memory => memory?,
    };
    let file = File::from(memory);
    // The offset stays where the reader is to begin.
    file.write_all_at(text, 0)?;
    fcntl_add_seals(&file, SEALS)?;
    Ok(file.into())
}

/// Reads what somebody has said.
pub(crate) fn hear(said: OwnedFd) -> io::Result<Vec<u8>> {
    let invalid = |what| io::Error::new(io::ErrorKind::InvalidData, what);
    let seals = fcntl_get_seals(&said).map_err(|_| invalid("the answer is no memfd"))?;
    if !seals.contains(SEALS) {
        return Err(invalid("the answer could still be changed"));
    }
    let file = File::from(said);
    let length = file.metadata()?.len();
    if length > MOST {
        return Err(invalid("the answer is too long"));
    }
    let mut text = Vec::new();
    file.take(length).read_to_end(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_heard_and_cannot_be_changed() {
        let said = say(b"a text").unwrap();
        let again = File::from(said.try_clone().unwrap());
        assert!(again.write_all_at(b"x", 0).is_err());
        assert!(again.set_len(0).is_err());
        assert_eq!(hear(said).unwrap(), b"a text");
    }

    #[test]
    fn what_could_still_be_changed_is_not_heard() {
        let open = memfd_create(c"lxcfs-test", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).unwrap();
        assert!(hear(open).is_err());
        assert!(hear(tempfile::tempfile().unwrap().into()).is_err());
    }
}
