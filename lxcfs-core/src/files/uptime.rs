//! `/proc/uptime`: how long the container has been running, and how long its CPUs were idle.
//!
//! # References
//!
//! proc(5); `fs/proc/uptime.c`.

use std::time::Duration;

use super::{Class, Fact, Kind, Line, VirtualFile, stat};
use crate::error::CaptureError;
use crate::text::Text;
use crate::view::ContainerView;

pub(super) const FILE: VirtualFile = VirtualFile {
    path: "proc/uptime",
    about: "seconds since the container started, and seconds that its CPUs were idle",
    lines: &[Line {
        key: "*",
        class: Class::Container,
        from: &[
            Fact::InitStart,
            Fact::CpuTime,
            Fact::CpuQuota,
            Fact::Cpuset,
            Fact::OnlineCpus,
        ],
        formula: "now - start of the container's first process; sum of idle of the CPUs in /proc/stat. In the host's pid namespace the first is the host's, in an unconfined cgroup both are",
    }],
    kind: Kind::File(produce),
};

fn produce(view: &ContainerView<'_>, out: &mut Text) -> Result<(), CaptureError> {
    if view.container().init.is_none() && view.shares_the_hosts_cpus() {
        out.push(view.host("/proc/uptime")?);
        return Ok(());
    }
    render(view.age(), stat::idle_ticks(view)?, out);
    Ok(())
}

/// A tick is a hundredth of a second, which is the precision of this file.
fn render(age: Duration, idle_ticks: u64, out: &mut Text) {
    let age = u64::try_from(age.as_millis() / 10).unwrap_or(u64::MAX);
    out.hundredths(age).push(" ").hundredths(idle_ticks).push("\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_times_are_in_hundredths() {
        let mut out = Text::new();
        render(Duration::from_millis(12_349), 700, &mut out);
        assert_eq!(out.take(), "12.34 7.00\n");
    }
}
