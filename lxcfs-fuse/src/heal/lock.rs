//! Two sweeps at once would each put a mount in the same place: they come one after the other.

use std::fs::File;
use std::io;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};

use super::error::HealError;

const PAUSE: Duration = Duration::from_millis(50);

/// The lock, until it is dropped. The file stays.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Waits for it, but not for longer than that.
    pub(super) fn take(path: &Path, limit: Duration) -> Result<Self, HealError> {
        let failed = |source: io::Error| HealError::Lock {
            lock: path.to_path_buf(),
            source,
        };
        let file = File::options().create(true).append(true).open(path).map_err(failed)?;
        let start = Instant::now();
        loop {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Self { _file: file }),
                Err(rustix::io::Errno::WOULDBLOCK | rustix::io::Errno::INTR) if start.elapsed() < limit => sleep(PAUSE),
                Err(rustix::io::Errno::WOULDBLOCK) => {
                    return Err(HealError::Locked {
                        lock: path.to_path_buf(),
                        waited: limit,
                    });
                }
                Err(error) => return Err(failed(error.into())),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_waits_for_the_first_and_gives_up_in_the_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let first = Lock::take(&path, Duration::ZERO).unwrap();
        let second = Lock::take(&path, Duration::from_millis(60));
        assert!(matches!(second, Err(HealError::Locked { .. })), "{second:?}");
        drop(first);
        Lock::take(&path, Duration::ZERO).unwrap();
    }
}
