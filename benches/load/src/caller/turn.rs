//! Fewer readers than containers: a pipe with as many bytes in it as may read at the same time.
//!
//! Who waits for a pipe is woken alone and in the order of arrival, so that all containers get their turn.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::Path;

/// The pipe, open in both directions, so that it never ends.
#[derive(Debug)]
pub(crate) struct TurnPipe(File);

impl TurnPipe {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        OpenOptions::new().read(true).write(true).open(path).map(Self)
    }

    /// Lets one more read.
    pub(crate) fn add(&self) -> io::Result<()> {
        (&self.0).write_all(b"t")
    }

    /// Waits until it is our turn.
    pub(crate) fn take(&self) -> io::Result<Turn<'_>> {
        (&self.0).read_exact(&mut [0])?;
        Ok(Turn(self))
    }
}

/// Our turn; dropping it makes it the next one's.
#[derive(Debug)]
pub(crate) struct Turn<'a>(&'a TurnPipe);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        // There is room for the byte: it was taken from there.
        let _ = self.0.add();
    }
}
