//! Low-level runtimes, whose specification is written by hand.

use lxcfs_testing::runtime::Runtime;
use lxcfs_testing::{Machine, machine_has};
use serde_json::Value;

use crate::rig::{Rig, mounts_at, sees_itself};

/// What is appended to the mounts of a specification, for that runtime.
fn mounts(rig: &Rig, runtime: &str) -> Vec<Value> {
    serde_json::from_str(&rig.inject(&["oci", "--runtime", runtime])).unwrap()
}

#[test]
fn runc_has_the_files_that_it_allows_by_its_specification() {
    let Some(rig) = Rig::new(&[Runtime::Runc]) else { return };
    let mut container = rig.container();
    container.mounts = mounts(&rig, "runc");
    let said = sees_itself("runc", Runtime::Runc.run(&container));
    assert_eq!(mounts_at(&said, "/proc/loadavg"), 1, "{said}");
    assert_eq!(mounts_at(&said, "/proc/pressure/cpu"), 0, "{said}");
}

#[test]
fn runc_fails_a_container_with_a_file_that_the_table_leaves_out() {
    let Some(rig) = Rig::new(&[Runtime::Runc]) else { return };
    if !machine_has(&[Machine::Pressure]) {
        return;
    }
    let mut container = rig.container();
    container.mounts = mounts(&rig, "crun");
    let finished = Runtime::Runc.run(&container);
    assert!(!finished.status.success(), "{}", finished.text());
    assert!(finished.stderr.contains("/proc/pressure"), "{}", finished.stderr);
}

#[test]
fn crun_has_pressure_too_by_its_specification() {
    let Some(rig) = Rig::new(&[Runtime::Crun]) else { return };
    for unprivileged in [false, true] {
        let mut container = rig.container();
        container.mounts = mounts(&rig, "crun");
        container.unprivileged = unprivileged;
        let said = sees_itself("crun", Runtime::Crun.run(&container));
        let pressure = usize::from(machine_has(&[Machine::Pressure]));
        assert_eq!(mounts_at(&said, "/proc/pressure/cpu"), pressure, "{said}");
    }
}
