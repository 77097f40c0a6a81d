//! The name of a socket in the file system: it goes with the socket, unless another socket has it by then.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// A name, and which socket has it.
#[derive(Debug)]
pub(crate) struct SocketName {
    path: PathBuf,
    /// Device and inode. `None`: nobody has it.
    numbers: Option<(u64, u64)>,
}

impl SocketName {
    /// That name, for the socket that has it now.
    pub(crate) fn of(path: &Path) -> Self {
        Self {
            numbers: numbers(path),
            path: path.to_owned(),
        }
    }

    /// Takes the name away, if it is still that of this socket.
    pub(crate) fn remove(&self) {
        if self.numbers.is_some() && numbers(&self.path) == self.numbers {
            // If it cannot be removed, the next one does it.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn numbers(path: &Path) -> Option<(u64, u64)> {
    let metadata = path.symlink_metadata().ok()?;
    Some((metadata.dev(), metadata.ino()))
}
