//! Block I/O of a cgroup, as plain data.

/// What a cgroup has done on one block device, since the cgroup was made.
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
    pub fn is_idle(&self) -> bool {
        [self.read, self.write, self.discard]
            .iter()
            .all(|count| *count == IoCount::default())
    }
}
