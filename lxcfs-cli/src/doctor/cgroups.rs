//! How cgroups are mounted.

use std::path::Path;

use lxcfs_core::cgroup::{Controller, Hierarchies, Version};
use lxcfs_core::live::{self, Root};

use super::finding::Finding;

pub(super) fn check() -> Vec<Finding> {
    let hierarchies = match live::hierarchies(&Root::host()) {
        Ok(hierarchies) => hierarchies,
        Err(error) => return vec![Finding::bad(error.to_string())],
    };
    let mut found = vec![layout(&hierarchies)];
    let root = hierarchies.cgroups(&everywhere(&hierarchies));
    for (name, controller) in [
        ("memory", Controller::Memory),
        ("cpu", Controller::Cpu),
        ("cpuset", Controller::Cpuset),
    ] {
        if root.get(controller).is_none() {
            found.push(Finding::warn(format!(
                "no hierarchy has the controller {name}: its limits are not shown"
            )));
        }
    }
    found.push(if Path::new("/proc/pressure/cpu").exists() {
        Finding::ok("pressure is told")
    } else {
        Finding::warn("no /proc/pressure: there are no pressure files").mend("boot with psi=1")
    });
    found
}

/// What a process that is at the root of each hierarchy has in its `/proc/PID/cgroup`.
fn everywhere(hierarchies: &Hierarchies) -> Vec<u8> {
    let lines = hierarchies.iter().zip(1_u32..).map(|(one, number)| match one.version {
        Version::V2 => "0::/\n".to_owned(),
        Version::V1 => format!("{number}:{}:/\n", one.controllers.join(",")),
    });
    lines.collect::<String>().into_bytes()
}

fn layout(hierarchies: &Hierarchies) -> Finding {
    let has = |version| hierarchies.iter().any(|one| one.version == version);
    match (has(Version::V1), has(Version::V2)) {
        (false, true) => Finding::ok("cgroup v2"),
        (true, false) => Finding::ok("cgroup v1"),
        (true, true) => Finding::ok("cgroup v1 and v2 side by side"),
        (false, false) => {
            Finding::bad("no cgroups are mounted: limits are not known").mend("mount -t cgroup2 cgroup2 /sys/fs/cgroup")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Grade;
    use super::*;

    #[test]
    fn the_layout_is_named_and_none_is_bad() {
        let of = |text: &str| layout(&Hierarchies::parse(text.as_bytes()));
        let v1 = "1 0 0:1 / /cg/memory rw - cgroup cgroup rw,memory\n";
        let v2 = "2 0 0:2 / /cg/unified rw - cgroup2 cgroup2 rw\n";
        assert_eq!(of(v1).what, "cgroup v1");
        assert_eq!(of(&format!("{v1}{v2}")).what, "cgroup v1 and v2 side by side");
        assert_eq!(of("").grade, Grade::Bad);
    }
}
