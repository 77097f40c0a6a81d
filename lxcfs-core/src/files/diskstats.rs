//! `/proc/diskstats`: what the container has read from and written to each block device.
//!
//! # References
//!
//! `Documentation/admin-guide/iostats.rst`; `Documentation/admin-guide/cgroup-v2.rst`, `io.stat`.

use std::collections::BTreeMap;

use super::{Class, Fact, Kind, Line, VirtualFile};
use crate::cgroup::{Controller, IoDevice};
use crate::error::CaptureError;
use crate::host::diskstats::Diskstats;
use crate::text::Text;
use crate::view::ContainerView;

pub(super) const FILE: VirtualFile = VirtualFile {
    path: "proc/diskstats",
    about: "block I/O of the container, a line for each device that it has used",
    lines: &[Line {
        key: "*",
        class: Class::Container,
        from: &[Fact::Io, Fact::HostFile],
        formula: "number, name, order and number of columns are the host's; requests, merges, sectors of 512 bytes \
                  and milliseconds of reads, writes and discards are the container's; time in queue = the sum of those \
                  times; what a cgroup does not account for is 0 (on v2 merges and times; I/O in flight, I/O ticks, \
                  flushes); no line for a device that the container has not used",
    }],
    kind: Kind::File(produce),
};

fn produce(view: &ContainerView<'_>, out: &mut Text) -> Result<(), CaptureError> {
    let host = view.host("/proc/diskstats")?;
    if view.cgroup().confined(Controller::Io).is_none() {
        out.push(host);
        return Ok(());
    }
    // Where no level has the controller, the container's I/O is not known; the host's is not its own.
    render(&Diskstats::parse(&host), &view.cgroup().io()?.unwrap_or_default(), out);
    Ok(())
}

fn render(host: &Diskstats<'_>, used: &[IoDevice], out: &mut Text) {
    let used: BTreeMap<_, _> = used
        .iter()
        .filter(|device| !device.is_idle())
        .map(|device| ((device.major, device.minor), device))
        .collect();
    for disk in host.disks() {
        let Some(device) = disk.device().and_then(|number| used.get(&number)) else {
            continue;
        };
        out.push(disk.prefix());
        let mut own = columns(device).into_iter();
        // A kernel before 4.18 has no discards, one before 5.5 no flushes; a later one may have more.
        for _ in disk.counters() {
            out.push(" ").number(own.next().unwrap_or(0));
        }
        out.push("\n");
    }
}

/// The counters that a cgroup can tell, in the kernel's order.
fn columns(device: &IoDevice) -> [u64; 17] {
    let IoDevice {
        read, write, discard, ..
    } = device;
    let msec = |nsec: u64| nsec / 1_000_000;
    let queue_nsec = read
        .time_nsec
        .saturating_add(write.time_nsec)
        .saturating_add(discard.time_nsec);
    [
        read.requests,
        read.merged,
        read.bytes / 512,
        msec(read.time_nsec),
        write.requests,
        write.merged,
        write.bytes / 512,
        msec(write.time_nsec),
        // In flight, and the time during which anything was.
        0,
        0,
        msec(queue_nsec),
        discard.requests,
        discard.merged,
        discard.bytes / 512,
        msec(discard.time_nsec),
        // Flushes belong to the device, not to a cgroup.
        0,
        0,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cgroup::{CgroupPath, Cgroups, Version};
    use crate::container::Container;
    use crate::source::MemorySource;
    use std::time::Duration;

    const HOST: &str = "   7       0 loop0 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9\n \
                        254       0 vda 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9\n \
                        254       1 vda1 9 9 9 9 9 9 9 9 9 9 9\n   \
                        8       0 sda 9 9 9 9\n";

    fn machine() -> MemorySource {
        MemorySource::new()
            .with("/proc/diskstats", HOST)
            .with("/c/ct/cgroup.procs", "7\n")
    }

    fn diskstats(machine: &MemorySource, cgroups: Cgroups) -> String {
        let container = Container {
            caller: 7,
            init: None,
            cgroups,
        };
        let view = ContainerView::new(machine, &container, Duration::ZERO);
        let text = super::super::find("proc/diskstats").unwrap().render(&view).unwrap();
        String::from_utf8(text.to_vec()).unwrap()
    }

    #[test]
    fn v2_shows_requests_and_sectors_of_the_devices_in_use() {
        let machine = machine().with(
            "/c/ct/io.stat",
            "8:0 rbytes=512 wbytes=0 rios=1 wios=0 dbytes=0 dios=0\n(unknown) rbytes=1\n9:9 rbytes=512 rios=1\n\
             254:0 rbytes=1024 wbytes=5120 rios=3 wios=4 dbytes=8192 dios=1\n7:0\n",
        );
        assert_eq!(
            diskstats(&machine, Cgroups::unified("/c", "/ct")),
            " 254       0 vda 3 0 2 0 4 0 10 0 0 0 0 1 0 16 0 0 0\n   8       0 sda 1 0 1 0\n"
        );
    }

    #[test]
    fn v1_shows_times_too_where_the_scheduler_tells() {
        let machine = machine()
            .with(
                "/c/ct/blkio.throttle.io_serviced_recursive",
                "254:1 Read 2\n254:1 Write 1\nTotal 3\n",
            )
            .with(
                "/c/ct/blkio.throttle.io_service_bytes_recursive",
                "254:1 Read 1024\n254:1 Write 512\n",
            )
            .with(
                "/c/ct/blkio.bfq.io_service_time_recursive",
                "254:1 Read 1500000\n254:1 Write 2600000\n",
            );
        let cgroups = Cgroups::none().with(Controller::Io, CgroupPath::new(Version::V1, "/c", "/ct"));
        assert_eq!(
            diskstats(&machine, cgroups),
            " 254       1 vda1 2 0 2 1 1 0 1 2 0 0 4\n"
        );
    }

    #[test]
    fn without_the_controller_the_containers_io_is_unknown_and_not_the_hosts() {
        assert_eq!(diskstats(&machine(), Cgroups::unified("/c", "/ct")), "");
    }

    #[test]
    fn the_hosts_own_view_is_the_hosts_file() {
        assert_eq!(diskstats(&machine(), Cgroups::none()), HOST);
        assert_eq!(diskstats(&machine(), Cgroups::unified("/c", "/")), HOST);
    }

    #[test]
    fn a_column_of_a_later_kernel_is_zero() {
        let mut out = Text::new();
        let host = Diskstats::parse(b"8 0 sda 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1\n");
        let mut device = IoDevice {
            major: 8,
            ..IoDevice::default()
        };
        device.write.requests = u64::MAX;
        render(&host, &[device], &mut out);
        assert_eq!(
            out.take(),
            "8 0 sda 0 0 0 0 18446744073709551615 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n"
        );
    }
}
