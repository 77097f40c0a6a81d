//! The host and a container side by side, of real containers.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "this is test code")]
#![allow(clippy::disallowed_methods, reason = "tests read files")]

mod tool;

use lxcfs_testing::{Cgroup, Container, Limits, Machine, machine_has};
use serde_json::Value;
use tool::{output, stderr, text};

const LIMIT: u64 = 256 << 20;

/// What this machine has, in kB.
fn host_memory() -> u64 {
    let meminfo = std::fs::read_to_string("/proc/meminfo").unwrap();
    meminfo.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn the_limit_of_a_container_stands_beside_the_hosts_memory() {
    if !machine_has(&[Machine::Root, Machine::Cgroups]) {
        return;
    }
    let cgroup = Cgroup::new(&Limits::default().memory(LIMIT).cpu_percent(50));
    let container = Container::start(&cgroup);
    let said = text(&["compare", "--pid", &container.init().to_string()]);
    let line = |label: &str| said.lines().find(|line| line.starts_with(label)).unwrap();
    let memory = line("memory ");
    let (host, own) = (format!("{} kB", host_memory()), "262144 kB");
    assert!(memory.find(&host).unwrap() < memory.find(own).unwrap(), "{said}");
    assert!(
        memory.ends_with(if cgroup.version("memory") == Some(lxcfs_testing::Version::V1) {
            "memory.limit_in_bytes"
        } else {
            "memory.max"
        })
    );
    assert!(line("  quota").contains("0.5 CPUs"), "{said}");
    assert!(line("uptime").contains(&format!("start of process {}", container.init())));
    assert!(said.contains(&cgroup.path().display().to_string()), "{said}");
}

#[test]
fn programs_get_the_same_as_numbers() {
    if !machine_has(&[Machine::Root, Machine::Cgroups]) {
        return;
    }
    let cgroup = Cgroup::new(&Limits::default().memory(LIMIT).cpu_percent(50));
    let container = Container::start(&cgroup);
    let pid = container.init().to_string();
    let object: Value = serde_json::from_str(&text(&["compare", "--json", "--pid", &pid])).unwrap();
    assert_eq!(object["init"], container.init());
    let values = &object["values"];
    assert_eq!(values["memory_total"]["container"], LIMIT >> 10);
    assert_eq!(values["memory_total"]["host"], host_memory());
    assert_eq!(values["memory_total"]["unit"], "kB");
    assert!(
        values["memory_total"]["files"][0]["file"]
            .as_str()
            .unwrap()
            .contains("memory")
    );
    assert_eq!(values["cpus"]["container"], 1);
    assert_eq!(values["cpu_quota"]["container"], 0.5);
    assert_eq!(values["cpu_quota"]["host"], Value::Null);
    assert_eq!(values["processes"]["container"], 1);
    // The same as what is rendered.
    let meminfo = text(&["render", "meminfo", "--pid", &pid]);
    assert!(meminfo.starts_with("MemTotal:         262144 kB"));
}

#[test]
fn a_process_of_the_host_is_said_to_be_in_no_container() {
    let said = text(&["compare"]);
    assert!(said.contains("in no container"), "{said}");
    assert!(said.contains(&format!("{} kB", host_memory())), "{said}");
}

#[test]
fn a_process_that_is_not_there_is_named() {
    let output = output(&["compare", "--pid", "4194304"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    assert!(stderr(&output).contains("no process 4194304"), "{}", stderr(&output));
}
