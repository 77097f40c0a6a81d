//! cgroup v1: its file names, keys and quirks, turned into v2's words.
//!
//! # References
//!
//! `Documentation/admin-guide/cgroup-v1/{memory,cpuacct,cpusets,blkio-controller,hugetlb}.rst`,
//! `Documentation/scheduler/sched-bwc.rst`.

use bytes::Bytes;

use super::io::{IoCount, IoDevice};
use super::level::{self, nearest, tightest};
use super::memory::{Hugetlb, Memory, MemoryStat, Swap};
use super::v2::device_number;
use super::{CgroupPath, CpuBandwidth, CpuTime, CpuTimes, Reading};
use crate::cpu_list::CpuList;
use crate::error::CaptureError;
use crate::parse;
use crate::source::{Source, SourceErrorKind};

/// "No limit" is the page counter's greatest value in bytes, which depends on the page size (2^63 rounded down to a
/// page of 4 to 64 KiB); nothing real comes near.
const UNLIMITED: u64 = (1 << 63) - (1 << 20);

/// A limit file of the memory or hugetlb controller.
fn limit(text: &[u8]) -> Option<u64> {
    parse::limit(text).filter(|bytes| *bytes < UNLIMITED)
}

pub(super) fn memory(source: &dyn Source, path: &CgroupPath) -> Reading<Memory> {
    let mut memory: Option<Memory> = None;
    for (levels_up, dir) in path.levels().enumerate() {
        let max = limit(&source.read_in(dir, "memory.limit_in_bytes")?);
        if memory.is_some() && max.is_none() {
            continue;
        }
        let usage = parse::limit(&source.read_in(dir, "memory.usage_in_bytes")?).unwrap_or(0);
        let stat = MemoryStat::parse_v1(&source.read_in(dir, "memory.stat")?);
        // The soft limit is not memory.high: it is a hint for reclaim under global pressure and throttles nobody.
        memory
            .get_or_insert(Memory {
                usage,
                stat,
                ..Memory::default()
            })
            .bound(levels_up, max, None, usage, &stat);
    }
    Ok(memory)
}

/// v1 counts memory and swap together (`memsw`).
pub(super) fn swap(source: &dyn Source, path: &CgroupPath) -> Reading<Swap> {
    let Some(usage) = swap_usage(source, path.dir())? else {
        return Ok(None);
    };
    let mut swap = Swap {
        usage,
        ..Swap::default()
    };
    for (levels_up, dir) in path.levels().enumerate() {
        let max = source.read_in_optional(dir, "memory.memsw.limit_in_bytes")?;
        let Some(value) = max.as_deref().and_then(limit) else {
            continue;
        };
        let both = source.read_in_optional(dir, "memory.memsw.usage_in_bytes")?;
        let both = both.as_deref().and_then(parse::limit).unwrap_or(0);
        swap.limit = Some(level::Limit { value, levels_up }.tighter(swap.limit));
        swap.free = level::lower(swap.free, value.saturating_sub(both));
    }
    let swappiness = source.read_in_optional(path.dir(), "memory.swappiness")?;
    if swappiness.as_deref().and_then(parse::limit) == Some(0) {
        // Nothing more will be swapped out: what is used is all there is.
        swap.limit = Some(level::Limit {
            value: usage,
            levels_up: 0,
        });
        swap.free = Some(0);
    }
    Ok(Some(swap))
}

fn swap_usage(source: &dyn Source, dir: &std::path::Path) -> Reading<u64> {
    let Some(both) = source.read_in_optional(dir, "memory.memsw.usage_in_bytes")? else {
        return Ok(None);
    };
    let memory = source.read_in(dir, "memory.usage_in_bytes")?;
    let number = |text: &[u8]| parse::limit(text).unwrap_or(0);
    Ok(Some(number(&both).saturating_sub(number(&memory))))
}

pub(super) fn hugetlb(source: &dyn Source, path: &CgroupPath, size: &str) -> Reading<Hugetlb> {
    let Some((_, usage)) = nearest(source, path, &format!("hugetlb.{size}.usage_in_bytes"))? else {
        return Ok(None);
    };
    let (limit, _) = tightest(source, path, &format!("hugetlb.{size}.limit_in_bytes"), limit)?;
    Ok(Some(Hugetlb {
        limit,
        usage: parse::limit(&usage).unwrap_or(0),
    }))
}

pub(super) fn cpu_bandwidth(source: &dyn Source, path: &CgroupPath) -> Reading<CpuBandwidth> {
    let mut tightest: Option<CpuBandwidth> = None;
    for (levels_up, dir) in path.levels().enumerate() {
        // Without CONFIG_CFS_BANDWIDTH there is no such file; −1 is no quota.
        let Some(quota) = source.read_in_optional(dir, "cpu.cfs_quota_us")? else {
            continue;
        };
        let Some(quota_usec) = parse::limit(&quota) else {
            continue;
        };
        let period = parse::limit(&source.read_in(dir, "cpu.cfs_period_us")?);
        if let Some(period_usec @ 1..) = period {
            tightest = Some(
                CpuBandwidth {
                    quota_usec,
                    period_usec,
                    levels_up,
                }
                .tighter(tightest),
            );
        }
    }
    Ok(tightest)
}

/// `cpuacct.usage_all` (Linux 4.10): `cpu user system`, then a line a CPU in nanoseconds. Before, `cpuacct.stat` in
/// ticks. v1 does not tell nice time from other user time.
pub(super) fn cpu_time(source: &dyn Source, path: &CgroupPath) -> Reading<CpuTime> {
    if let Some(text) = source.read_in_optional(path.dir(), "cpuacct.usage_all")? {
        let mut time = CpuTime::default();
        for line in parse::lines(&text) {
            let mut numbers = parse::words(line).map_while(parse::number);
            let (Some(cpu), Some(user), Some(system)) = (numbers.next(), numbers.next(), numbers.next()) else {
                continue;
            };
            let Ok(cpu) = u32::try_from(cpu) else { continue };
            let times = CpuTimes { user, nice: 0, system };
            time.total = time.total.plus(&times);
            time.per_cpu.push((cpu, times));
        }
        return Ok(Some(time));
    }
    let Some((_, text)) = nearest(source, path, "cpuacct.stat")? else {
        return Ok(None);
    };
    let nsec = |key: &[u8]| {
        parse::flat_key(&text, key)
            .unwrap_or(0)
            .saturating_mul(crate::TICK_NSEC)
    };
    let total = CpuTimes {
        user: nsec(b"user"),
        nice: 0,
        system: nsec(b"system"),
    };
    Ok(Some(CpuTime {
        total,
        per_cpu: Vec::new(),
    }))
}

pub(super) fn cpuset(source: &dyn Source, path: &CgroupPath) -> Reading<CpuList> {
    // cpuset.effective_cpus came with Linux 3.17.
    for name in ["cpuset.effective_cpus", "cpuset.cpus"] {
        let Some((dir, text)) = nearest(source, path, name)? else {
            continue;
        };
        return CpuList::parse(&text)
            .map(Some)
            .map_err(|error| CaptureError::parse(dir.join(name), error));
    }
    Ok(None)
}

/// The files of one fact, the best first: throttling counts all I/O of every scheduler; the others belong to BFQ and CFQ.
const IO_REQUESTS: [&str; 3] = [
    "blkio.throttle.io_serviced_recursive",
    "blkio.bfq.io_serviced_recursive",
    "blkio.io_serviced_recursive",
];
const IO_BYTES: [&str; 3] = [
    "blkio.throttle.io_service_bytes_recursive",
    "blkio.bfq.io_service_bytes_recursive",
    "blkio.io_service_bytes_recursive",
];
const IO_MERGED: [&str; 2] = ["blkio.bfq.io_merged_recursive", "blkio.io_merged_recursive"];
const IO_SERVICE_TIME: [&str; 2] = ["blkio.bfq.io_service_time_recursive", "blkio.io_service_time_recursive"];
const IO_WAIT_TIME: [&str; 2] = ["blkio.bfq.io_wait_time_recursive", "blkio.io_wait_time_recursive"];

pub(super) fn io(source: &dyn Source, path: &CgroupPath) -> Reading<Vec<IoDevice>> {
    let mut devices: Vec<IoDevice> = Vec::new();
    let mut found = false;
    let mut fill = |names: &[&str], field: fn(&mut IoCount) -> &mut u64| -> Result<(), CaptureError> {
        for name in names {
            let Some(text) = source.read_in_optional(path.dir(), name)? else {
                continue;
            };
            found = true;
            let mut any = false;
            for line in parse::lines(&text) {
                let Some((major, minor, count, value)) = io_line(line) else {
                    continue;
                };
                any = true;
                let known = devices
                    .iter_mut()
                    .find(|device| (device.major, device.minor) == (major, minor));
                let device = match known {
                    Some(device) => device,
                    None => {
                        devices.push(IoDevice {
                            major,
                            minor,
                            ..IoDevice::default()
                        });
                        let Some(device) = devices.last_mut() else { continue };
                        device
                    }
                };
                let slot = field(count(device));
                *slot = slot.saturating_add(value);
            }
            if any {
                break;
            }
        }
        Ok(())
    };
    fill(&IO_REQUESTS, |count| &mut count.requests)?;
    fill(&IO_BYTES, |count| &mut count.bytes)?;
    fill(&IO_MERGED, |count| &mut count.merged)?;
    fill(&IO_SERVICE_TIME, |count| &mut count.time_nsec)?;
    fill(&IO_WAIT_TIME, |count| &mut count.time_nsec)?;
    if !found {
        level::exists(source, path.dir())?;
        return Ok(None);
    }
    devices.sort_unstable_by_key(|device| (device.major, device.minor));
    Ok(Some(devices))
}

type Kind = fn(&mut IoDevice) -> &mut IoCount;

/// `8:0 Read 123`. `Sync` and `Async` say the same once more; `Total` is their sum.
fn io_line(line: &[u8]) -> Option<(u32, u32, Kind, u64)> {
    let mut words = parse::words(line);
    let (major, minor) = device_number(words.next()?)?;
    let kind: Kind = match words.next()? {
        b"Read" => |device| &mut device.read,
        b"Write" => |device| &mut device.write,
        b"Discard" => |device| &mut device.discard,
        _ => return None,
    };
    Some((major, minor, kind, parse::number(words.next()?)?))
}

pub(super) fn slabinfo(source: &dyn Source, path: &CgroupPath) -> Reading<Bytes> {
    match source.read_in_optional(path.dir(), "memory.kmem.slabinfo") {
        // Linux 5.9 and later have the file and refuse to read it, or read it as empty.
        Err(error) if matches!(error.kind, SourceErrorKind::NotSupported | SourceErrorKind::Errno(_)) => Ok(None),
        Ok(text) => Ok(text.filter(|text| !text.is_empty())),
        Err(error) => Err(error.into()),
    }
}
