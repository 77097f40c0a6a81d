//! Containers that outlive their daemon: what they see when another comes. Needs root, /dev/fuse and cgroups.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "this is test code"
)]

mod foreign;
mod host;
mod restart;
mod slots;
mod sweep;
mod watch;

use lxcfs_testing::{Cgroup, Limits, Machine, act_if_told, machine_has};

/// The cgroup of whoever reads in a container, if this machine can have one.
fn cgroup() -> Option<Cgroup> {
    machine_has(&[Machine::Root, Machine::Fuse, Machine::Cgroups])
        .then(|| Cgroup::new(&Limits::default().memory(64 << 20)))
}

#[test]
fn act() {
    act_if_told(&[("watch", watch::watch)]);
}
