//! One read of one file, in the way that was asked for, and how long it took.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::stat::fstat;

use crate::args::Mode;
use crate::clock;
use crate::order::Target;

/// What cat takes.
const LARGE: usize = 128 << 10;
/// What C's stdio takes.
const SMALL: usize = 4 << 10;

/// Reads, with what is kept from one read to the next.
#[derive(Debug)]
pub(crate) struct Once {
    buffer: Vec<u8>,
    kept: Vec<(PathBuf, File)>,
}

/// A read that was all right.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Took {
    pub(crate) nanos: u64,
    pub(crate) bytes: u64,
    pub(crate) finished: u64,
}

/// How far a text has come.
#[derive(Debug, Default)]
struct Seen {
    bytes: u64,
    last: Option<u8>,
}

impl Once {
    pub(crate) fn new() -> Self {
        Self {
            buffer: vec![0; LARGE],
            kept: Vec::new(),
        }
    }

    /// Reads one file to its end; the error is the name of what went wrong.
    pub(crate) fn read(&mut self, target: &Target, mode: Mode) -> Result<Took, String> {
        if mode == Mode::Pread {
            // Opened once, so not part of the time.
            self.keep(&target.path).map_err(|error| name(&error))?;
        }
        let start = clock::now();
        let seen = match mode {
            Mode::Open => self.read_and_close(&target.path, LARGE, false),
            Mode::Stdio => self.read_and_close(&target.path, SMALL, true),
            Mode::Pread => self.read_kept(&target.path),
        };
        let finished = clock::now();
        let seen = seen.map_err(|error| name(&error))?;
        match seen.last {
            None if !target.may_be_empty => Err("empty".to_owned()),
            // All of these files end so; one that does not has been cut off.
            Some(last) if last != b'\n' => Err("cut off".to_owned()),
            _ => Ok(Took {
                nanos: finished.saturating_sub(start),
                bytes: seen.bytes,
                finished,
            }),
        }
    }

    fn read_and_close(&mut self, path: &Path, size: usize, stat: bool) -> io::Result<Seen> {
        let mut file = File::open(path)?;
        if stat {
            fstat(&file)?;
        }
        let buffer = self.buffer.get_mut(..size).unwrap_or_default();
        let mut seen = Seen::default();
        loop {
            let count = file.read(buffer)?;
            if count == 0 {
                break;
            }
            seen.add(buffer, count);
        }
        // Not by dropping it, which would hide an error.
        nix::unistd::close(OwnedFd::from(file))?;
        Ok(seen)
    }

    fn read_kept(&mut self, path: &Path) -> io::Result<Seen> {
        let mut seen = Seen::default();
        let kept = self.kept.iter().find(|(kept, _)| kept == path);
        let (_, file) = kept.ok_or(io::ErrorKind::NotFound)?;
        // One call: a second one would only say that this was the end.
        let count = file.read_at(&mut self.buffer, 0)?;
        seen.add(&self.buffer, count);
        Ok(seen)
    }

    fn keep(&mut self, path: &Path) -> io::Result<()> {
        if !self.kept.iter().any(|(kept, _)| kept == path) {
            self.kept.push((path.to_path_buf(), File::open(path)?));
        }
        Ok(())
    }
}

impl Seen {
    fn add(&mut self, buffer: &[u8], count: usize) {
        self.bytes = self.bytes.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
        self.last = count
            .checked_sub(1)
            .and_then(|last| buffer.get(last))
            .copied()
            .or(self.last);
    }
}

/// The kernel's name of an error.
pub(crate) fn name(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(number) => format!("{:?}", Errno::from_raw(number)),
        None => error.kind().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(text: &str, dir: &tempfile::TempDir, may_be_empty: bool) -> Target {
        let path = dir.path().join("file");
        std::fs::write(&path, text).unwrap();
        Target {
            name: String::new(),
            path,
            may_be_empty,
        }
    }

    #[test]
    fn all_modes_read_all() {
        let dir = tempfile::tempdir().unwrap();
        let target = target(&"0123456789abcde\n".repeat(1000), &dir, false);
        for mode in [Mode::Open, Mode::Pread, Mode::Stdio] {
            assert_eq!(Once::new().read(&target, mode).unwrap().bytes, 16_000);
        }
    }

    #[test]
    fn what_is_not_a_whole_text_is_a_failure() {
        let dir = tempfile::tempdir().unwrap();
        let mut once = Once::new();
        let mut read = |target: &Target| once.read(target, Mode::Open).map(|took| took.bytes);
        assert_eq!(read(&target("", &dir, false)), Err("empty".to_owned()));
        assert_eq!(read(&target("", &dir, true)), Ok(0));
        assert_eq!(read(&target("MemTotal: 1", &dir, false)), Err("cut off".to_owned()));
        let missing = Target {
            name: String::new(),
            path: dir.path().join("missing"),
            may_be_empty: true,
        };
        assert_eq!(read(&missing), Err("ENOENT".to_owned()));
    }
}
