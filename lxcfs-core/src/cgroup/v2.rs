//! cgroup v2: its file names, keys and quirks.
//!
//! # References
//!
//! `Documentation/admin-guide/cgroup-v2.rst`.

use bytes::Bytes;

use super::io::IoDevice;
use super::level::{self, nearest, tightest};
use super::memory::{Hugetlb, Memory, MemoryStat, Swap};
use super::{CgroupPath, CpuBandwidth, CpuTime, CpuTimes, Reading};
use crate::cpu_list::CpuList;
use crate::error::CaptureError;
use crate::parse;
use crate::source::Source;

pub(super) fn memory(source: &dyn Source, path: &CgroupPath) -> Reading<Memory> {
    let mut memory: Option<Memory> = None;
    for (levels_up, dir) in path.levels().enumerate() {
        let max = source.read_in_optional(dir, "memory.max")?;
        if max.is_none() {
            // The controller is not enabled down here, or the cgroup has gone.
            if levels_up == 0 {
                level::exists(source, dir)?;
            }
            continue;
        }
        let max = max.as_deref().and_then(parse::limit);
        let high = source
            .read_in_optional(dir, "memory.high")?
            .as_deref()
            .and_then(parse::limit);
        if memory.is_some() && max.is_none() && high.is_none() {
            continue;
        }
        let usage = parse::limit(&source.read_in(dir, "memory.current")?).unwrap_or(0);
        let stat = MemoryStat::parse_v2(&source.read_in(dir, "memory.stat")?);
        memory
            .get_or_insert(Memory {
                usage,
                stat,
                ..Memory::default()
            })
            .bound(levels_up, max, high, usage, &stat);
    }
    Ok(memory)
}

pub(super) fn swap(source: &dyn Source, path: &CgroupPath) -> Reading<Swap> {
    let Some((_, usage)) = nearest(source, path, "memory.swap.current")? else {
        return Ok(None);
    };
    let mut swap = Swap {
        usage: parse::limit(&usage).unwrap_or(0),
        ..Swap::default()
    };
    for (levels_up, dir) in path.levels().enumerate() {
        let max = source.read_in_optional(dir, "memory.swap.max")?;
        let Some(value) = max.as_deref().and_then(parse::limit) else {
            continue;
        };
        let usage = source.read_in_optional(dir, "memory.swap.current")?;
        let usage = usage.as_deref().and_then(parse::limit).unwrap_or(0);
        swap.limit = Some(level::Limit { value, levels_up }.tighter(swap.limit));
        swap.free = level::lower(swap.free, value.saturating_sub(usage));
    }
    Ok(Some(swap))
}

pub(super) fn hugetlb(source: &dyn Source, path: &CgroupPath, size: &str) -> Reading<Hugetlb> {
    let Some((_, usage)) = nearest(source, path, &format!("hugetlb.{size}.current"))? else {
        return Ok(None);
    };
    let (limit, _) = tightest(source, path, &format!("hugetlb.{size}.max"), parse::limit)?;
    Ok(Some(Hugetlb {
        limit,
        usage: parse::limit(&usage).unwrap_or(0),
    }))
}

pub(super) fn cpu_bandwidth(source: &dyn Source, path: &CgroupPath) -> Reading<CpuBandwidth> {
    let mut tightest: Option<CpuBandwidth> = None;
    for (levels_up, dir) in path.levels().enumerate() {
        let Some(text) = source.read_in_optional(dir, "cpu.max")? else {
            continue;
        };
        let mut words = parse::words(&text).map(parse::number);
        if let (Some(Some(quota_usec)), Some(Some(period_usec @ 1..))) = (words.next(), words.next()) {
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

pub(super) fn cpu_time(source: &dyn Source, path: &CgroupPath) -> Reading<CpuTime> {
    let Some((_, text)) = nearest(source, path, "cpu.stat")? else {
        return Ok(None);
    };
    let (mut user, mut nice, mut system) = (0, 0, 0);
    for (key, value) in parse::flat_keyed(&text) {
        match key {
            b"user_usec" => user = value,
            b"nice_usec" => nice = value,
            b"system_usec" => system = value,
            _ => {}
        }
    }
    let nsec = |usec: u64| usec.saturating_mul(1000);
    // user_usec has the nice time in it (kernel/cgroup/rstat.c, __cgroup_account_cputime_field).
    let total = CpuTimes {
        user: nsec(user.saturating_sub(nice)),
        nice: nsec(nice),
        system: nsec(system),
    };
    Ok(Some(CpuTime {
        total,
        per_cpu: Vec::new(),
    }))
}

pub(super) fn cpuset(source: &dyn Source, path: &CgroupPath) -> Reading<CpuList> {
    let name = "cpuset.cpus.effective";
    let Some((dir, text)) = nearest(source, path, name)? else {
        return Ok(None);
    };
    CpuList::parse(&text)
        .map(Some)
        .map_err(|error| CaptureError::parse(dir.join(name), error))
}

pub(super) fn io(source: &dyn Source, path: &CgroupPath) -> Reading<Vec<IoDevice>> {
    let Some((_, text)) = nearest(source, path, "io.stat")? else {
        return Ok(None);
    };
    Ok(Some(parse::lines(&text).filter_map(io_device).collect()))
}

/// One line of `io.stat`. A device that has gone is called `(unknown)` and passed over.
fn io_device(line: &[u8]) -> Option<IoDevice> {
    let (major, minor) = device_number(parse::words(line).next()?)?;
    let mut device = IoDevice {
        major,
        minor,
        ..IoDevice::default()
    };
    for (key, value) in parse::nested_pairs(line) {
        match key {
            b"rbytes" => device.read.bytes = value,
            b"wbytes" => device.write.bytes = value,
            b"dbytes" => device.discard.bytes = value,
            b"rios" => device.read.requests = value,
            b"wios" => device.write.requests = value,
            b"dios" => device.discard.requests = value,
            _ => {}
        }
    }
    Some(device)
}

/// `MAJ:MIN`.
pub(super) fn device_number(word: &[u8]) -> Option<(u32, u32)> {
    let (major, minor) = parse::split_once(word, b':')?;
    let part = |bytes| parse::number(bytes).and_then(|number| u32::try_from(number).ok());
    Some((part(major)?, part(minor)?))
}

pub(super) fn pressure_name(kind: &str) -> String {
    format!("{kind}.pressure")
}

pub(super) fn pressure(source: &dyn Source, path: &CgroupPath, kind: &str) -> Reading<Bytes> {
    let text = source.read_in_optional(path.dir(), &pressure_name(kind))?;
    if text.is_none() {
        level::exists(source, path.dir())?;
    }
    Ok(text)
}
