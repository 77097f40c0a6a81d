//! Block I/O of a cgroup, as plain data.

/// What a cgroup has done on one block device, since the cgroup was made.
///
/// ```
/// use lxcfs_core::MemorySource;
/// use lxcfs_core::cgroup::{CgroupReader, Cgroups};
///
/// let machine = MemorySource::new()
///     .with("/sys/fs/cgroup/web/io.stat", "254:0 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=0 dios=0\n");
/// let cgroups = Cgroups::unified("/sys/fs/cgroup", "/web");
/// let devices = CgroupReader::new(&machine, &cgroups).io().unwrap().unwrap();
/// assert_eq!((devices[0].major, devices[0].minor), (254, 0));
/// assert_eq!((devices[0].write.requests, devices[0].write.bytes), (2, 8192));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct IoDevice {
    /// The device's number, its first part.
    pub major: u32,
    /// The device's number, its second part.
    pub minor: u32,
    /// Reads.
    pub read: IoCount,
    /// Writes.
    pub write: IoCount,
    /// Discards.
    pub discard: IoCount,
}

/// One kind of I/O. What the kernel does not account for a cgroup is 0.
///
/// ```
/// use lxcfs_core::cgroup::{IoCount, IoDevice};
///
/// // A disk that has only been read from.
/// let read = IoCount { requests: 1, bytes: 4096, ..IoCount::default() };
/// let disk = IoDevice { major: 8, read, ..IoDevice::default() };
/// assert_eq!(disk.write, IoCount::default());
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct IoCount {
    /// Requests.
    pub requests: u64,
    /// Requests that were merged into others (v1 with the CFQ or BFQ scheduler only).
    pub merged: u64,
    /// Bytes.
    pub bytes: u64,
    /// Nanoseconds from the request's start to its end (v1 with the CFQ or BFQ scheduler only).
    pub time_nsec: u64,
}

impl IoDevice {
    /// Whether nothing has been done on it.
    #[must_use]
    pub(crate) fn is_idle(&self) -> bool {
        [self.read, self.write, self.discard]
            .iter()
            .all(|count| *count == IoCount::default())
    }
}
