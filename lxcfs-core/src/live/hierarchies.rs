//! Which cgroup hierarchies this process can see, and where.

use std::path::Path;

use crate::cgroup::Hierarchies;
use crate::error::CaptureError;
use crate::source::Source;

/// Reads the mounted hierarchies from `/proc/self/mountinfo`.
///
/// Mounts change rarely: read them once and again on a signal, not for every request.
///
/// # Errors
///
/// [`CaptureError::Source`] if the file cannot be read. A host without cgroups is no error:
/// [`Hierarchies::is_empty`].
///
/// ```
/// use lxcfs_core::{MemorySource, live};
///
/// let machine = MemorySource::new()
///     .with("/proc/self/mountinfo", "35 24 0:30 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
/// assert_eq!(live::hierarchies(&machine).unwrap().iter().count(), 1);
/// ```
pub fn hierarchies(source: &(impl Source + ?Sized)) -> Result<Hierarchies, CaptureError> {
    Ok(Hierarchies::parse(&source.read(Path::new("/proc/self/mountinfo"))?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::MemorySource;

    #[test]
    fn a_source_without_mounts_is_an_error_and_one_without_cgroups_is_not() {
        assert!(hierarchies(&MemorySource::new()).is_err());
        let machine = MemorySource::new().with("/proc/self/mountinfo", "1 0 0:1 / / rw - ext4 a rw\n");
        assert!(hierarchies(&machine).unwrap().is_empty());
    }
}
