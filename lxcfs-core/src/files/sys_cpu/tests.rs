//! The tree as a container with some of a host's CPUs sees it.

use std::time::Duration;

use super::*;
use crate::cgroup::{CgroupPath, Cgroups, Controller, Version};
use crate::container::Container;
use crate::cpu_list::cpu_of_name;
use crate::files::{Place, TABLE, find};
use crate::options::{CpuIds, ViewOptions};
use crate::source::{EntryKind, MemorySource, SourceErrorKind};

/// Four CPUs of two threads each, and one that is offline.
fn machine() -> MemorySource {
    let mut machine = MemorySource::new()
        .with("/c/ct/cpuset.cpus.effective", "1-2\n")
        .with("/c/ct/cgroup.procs", "7\n")
        .with("/v1/ct/cpuset.effective_cpus", "1-2\n");
    for (name, text) in [
        ("online", "0-3\n"),
        ("offline", "4-7\n"),
        ("present", "0-4\n"),
        ("possible", "0-7\n"),
        ("isolated", "2-3\n"),
        ("kernel_max", "8191\n"),
        ("uevent", ""),
        ("modalias", "cpu:type:x86\n"),
        ("vulnerabilities/meltdown", "Not affected\n"),
        ("smt/active", "1\n"),
        ("cpufreq/policy0/scaling_governor", "performance\n"),
        ("microcode/reload", ""),
    ] {
        machine.insert(format!("/{DIR}/{name}"), text);
    }
    for cpu in 0..4 {
        let pair = if cpu < 2 {
            ("0-1\n", "00000003\n")
        } else {
            ("2-3\n", "0000000c\n")
        };
        for (name, text) in [
            ("topology/core_id", "1\n"),
            ("topology/thread_siblings_list", pair.0),
            ("topology/thread_siblings", pair.1),
            ("topology/package_cpus_list", "0-3\n"),
            ("cache/index0/level", "1\n"),
            ("cache/index0/shared_cpu_map", pair.1),
            ("cache/index0/shared_cpu_list", pair.0),
            ("cache/index0/power/control", "auto\n"),
            ("cache/uevent", ""),
            ("hotplug/state", "237\n"),
            ("uevent", "DRIVER=processor\n"),
        ] {
            machine.insert(format!("/{DIR}/cpu{cpu}/{name}"), text);
        }
        machine = machine
            .with_error(
                format!("/{DIR}/cpu{cpu}/topology/ppin"),
                SourceErrorKind::PermissionDenied,
            )
            .with_error(
                format!("/{DIR}/cpu{cpu}/crash_notes"),
                SourceErrorKind::PermissionDenied,
            )
            .with_link(format!("/{DIR}/cpu{cpu}/node0"), "../../node/node0")
            .with_link(
                format!("/{DIR}/cpu{cpu}/driver"),
                "../../../../bus/cpu/drivers/processor",
            )
            .with_link(format!("/{DIR}/cpu{cpu}/subsystem"), "../../../../bus/cpu");
    }
    machine
}

/// One container on one machine.
struct Asking(MemorySource, Container, ViewOptions);

impl Asking {
    fn new(cgroups: Cgroups, options: ViewOptions) -> Self {
        Self(
            machine(),
            Container {
                caller: 7,
                init: None,
                cgroups,
            },
            options,
        )
    }

    fn v2(ids: CpuIds) -> Self {
        Self::new(
            Cgroups::unified("/c", "/ct"),
            ViewOptions {
                cpu_ids: ids,
                ..ViewOptions::default()
            },
        )
    }

    fn view(&self) -> ContainerView<'_> {
        ContainerView::new(&self.0, &self.1, Duration::ZERO).with_options(self.2)
    }

    fn read(&self, below: &str) -> Result<String, CaptureError> {
        let path = format!("{DIR}/{below}");
        find(&path)
            .unwrap()
            .render(&self.view())
            .map(|text| String::from_utf8(text.to_vec()).unwrap())
    }

    fn list(&self, below: &str) -> Vec<String> {
        let path = if below.is_empty() {
            DIR.to_owned()
        } else {
            format!("{DIR}/{below}")
        };
        let entries = find(&path).unwrap().list(&self.view()).unwrap();
        entries.into_iter().map(|entry| entry.name).collect()
    }

    fn lists(&self) -> [String; 5] {
        ["online", "present", "possible", "offline", "isolated"].map(|name| self.read(name).unwrap())
    }
}

fn place(below: &str) -> Place<'_> {
    Place {
        file: TABLE.iter().find(|row| row.path == DIR).unwrap(),
        below,
    }
}

fn is_none_such<T: std::fmt::Debug>(result: &Result<T, CaptureError>) -> bool {
    matches!(result.as_ref().unwrap_err(), CaptureError::NoSuchFile { .. })
}

#[test]
fn the_lists_agree_on_the_cpus_that_are_shown() {
    assert_eq!(
        Asking::v2(CpuIds::Host).lists(),
        ["1-2\n", "1-2\n", "1-2\n", "\n", "2\n"]
    );
    assert_eq!(
        Asking::v2(CpuIds::Dense).lists(),
        ["0-1\n", "0-1\n", "0-1\n", "\n", "1\n"]
    );
    let v1 = Cgroups::none().with(Controller::Cpuset, CgroupPath::new(Version::V1, "/v1", "/ct"));
    let v1 = Asking::new(v1, ViewOptions::default());
    assert_eq!(v1.lists(), Asking::v2(CpuIds::Host).lists());
    assert_eq!(v1.read("kernel_max").unwrap(), "8191\n");
}

#[test]
fn all_of_the_hosts_cpus_are_the_hosts_lists() {
    let host = Asking::new(Cgroups::none(), ViewOptions::default());
    assert_eq!(host.lists(), ["0-3\n", "0-4\n", "0-7\n", "4-7\n", "2-3\n"]);
    assert_eq!(host.read("cpu3/topology/thread_siblings").unwrap(), "0000000c\n");
}

#[test]
fn a_directory_has_what_is_let_through_and_no_more() {
    let asking = Asking::v2(CpuIds::Host);
    assert_eq!(
        asking.list(""),
        [
            "cpu1",
            "cpu2",
            "isolated",
            "kernel_max",
            "modalias",
            "offline",
            "online",
            "possible",
            "present",
            "smt",
            "uevent",
            "vulnerabilities"
        ]
    );
    assert_eq!(
        asking.list("cpu1"),
        ["cache", "node0", "subsystem", "topology", "uevent"]
    );
    assert_eq!(asking.list("cpu1/cache"), ["index0", "uevent"]);
    assert_eq!(
        asking.list("cpu1/cache/index0"),
        ["level", "shared_cpu_list", "shared_cpu_map"]
    );
    assert_eq!(
        asking.list("cpu2/topology"),
        [
            "core_id",
            "package_cpus_list",
            "thread_siblings",
            "thread_siblings_list"
        ]
    );
    assert_eq!(Asking::v2(CpuIds::Dense).list("")[..2], ["cpu0", "cpu1"]);
}

#[test]
fn sets_of_cpus_are_cut_to_the_shown() {
    let asking = Asking::v2(CpuIds::Host);
    assert_eq!(asking.read("cpu1/topology/thread_siblings_list").unwrap(), "1\n");
    assert_eq!(asking.read("cpu1/topology/thread_siblings").unwrap(), "00000002\n");
    assert_eq!(asking.read("cpu2/topology/package_cpus_list").unwrap(), "1-2\n");
    assert_eq!(asking.read("cpu2/cache/index0/shared_cpu_map").unwrap(), "00000004\n");
    assert_eq!(asking.read("cpu2/topology/core_id").unwrap(), "1\n");
    let dense = Asking::v2(CpuIds::Dense);
    assert_eq!(
        dense.read("cpu1/topology/thread_siblings").unwrap(),
        "00000002\n",
        "the host's cpu2"
    );
    assert_eq!(dense.read("cpu0/cache/index0/shared_cpu_list").unwrap(), "0\n");
}

#[test]
fn a_set_that_is_not_understood_is_not_shown() {
    let mut asking = Asking::v2(CpuIds::Host);
    asking.0.insert(format!("/{DIR}/cpu1/topology/new_cpus"), "0-3 (all)\n");
    assert!(matches!(
        asking.read("cpu1/topology/new_cpus").unwrap_err(),
        CaptureError::Parse { .. }
    ));
}

#[test]
fn what_is_listed_can_be_read_and_nothing_else() {
    let asking = Asking::v2(CpuIds::Host);
    let mut directories = vec![String::new()];
    while let Some(dir) = directories.pop() {
        for entry in place(&dir).list(&asking.view()).unwrap() {
            let below = format!("{dir}/{}", entry.name).trim_start_matches('/').to_owned();
            match entry.kind {
                EntryKind::Directory => directories.push(below),
                EntryKind::Symlink => {
                    assert!(place(&below).read_link(&asking.view()).is_ok(), "{below}");
                }
                _ => assert!(place(&below).render(&asking.view()).is_ok(), "{below}"),
            }
        }
    }
    for below in [
        "cpu0/uevent",
        "cpu3/topology/core_id",
        "cpu1/topology/ppin",
        "cpu1/crash_notes",
        "cpu1/hotplug/state",
        "cpu1/cache/index0/power/control",
        "cpu1/cache/index/level",
        "cpu1/topology",
        "cpu1/topology/nothing",
        "cpu1/subsystem",
        "cpufreq/policy0/scaling_governor",
        "vulnerabilities/..",
        "smt/./active",
        "uevent/x",
    ] {
        let place = place(below);
        assert!(is_none_such(&place.render(&asking.view())), "{below}");
        assert!(
            below == "cpu1/topology" || is_none_such(&place.list(&asking.view())),
            "{below}"
        );
        assert!(
            below == "cpu1/subsystem" || is_none_such(&place.read_link(&asking.view())),
            "{below}"
        );
    }
}

#[test]
fn links_are_those_that_resolve_in_the_containers_own_sysfs() {
    let asking = Asking::v2(CpuIds::Host);
    let link = |below: &str| {
        find(&format!("{DIR}/{below}"))
            .unwrap()
            .read_link(&asking.view())
            .unwrap()
    };
    assert_eq!(link("cpu1/subsystem"), Path::new("../../../../bus/cpu"));
    assert_eq!(link("cpu1/node0"), Path::new("../../node/node0"));
}

#[test]
fn a_kernel_without_a_file_lists_none() {
    let mut asking = Asking::v2(CpuIds::Host);
    asking.0.remove(Path::new("/sys/devices/system/cpu/isolated"));
    assert!(!asking.list("").contains(&"isolated".to_owned()));
    assert!(is_none_such(&asking.read("isolated")));
}

#[test]
fn a_snapshot_without_the_directories_still_has_its_cpus() {
    let machine = MemorySource::new().with(format!("/{DIR}/online"), "0-1\n");
    let asking = Asking(machine, Container::host(7), ViewOptions::default());
    let cpus = |name: &String| cpu_of_name(name.as_bytes()).is_some();
    assert_eq!(
        asking.list("").into_iter().filter(cpus).collect::<Vec<_>>(),
        ["cpu0", "cpu1"]
    );
    assert!(asking.list("cpu1").is_empty());
}

#[test]
fn passthrough_is_the_hosts_tree_without_what_is_roots() {
    let options = ViewOptions {
        passthrough: true,
        ..ViewOptions::default()
    };
    let asking = Asking::new(Cgroups::unified("/c", "/ct"), options);
    assert!(asking.list("").contains(&"cpufreq".to_owned()));
    assert_eq!(
        asking.list("cpu0"),
        ["cache", "driver", "hotplug", "node0", "subsystem", "topology", "uevent"]
    );
    assert_eq!(asking.read("cpu0/hotplug/state").unwrap(), "237\n");
    assert_eq!(asking.read("present").unwrap(), "0-4\n");
    assert!(is_none_such(&asking.read("cpu0/crash_notes")));
    assert!(
        is_none_such(&asking.read("cpu0/node0/meminfo")),
        "links are not followed"
    );
    let link = find(&format!("{DIR}/cpu0/driver")).unwrap().read_link(&asking.view());
    assert_eq!(link.unwrap(), Path::new("../../../../bus/cpu/drivers/processor"));
}
