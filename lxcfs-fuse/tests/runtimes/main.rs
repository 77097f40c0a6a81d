//! Containers of real runtimes, and what real clients print in them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "this is test code"
)]

mod clients;
#[path = "../rig/mod.rs"]
mod rig;
mod runtime;

use lxcfs_testing::runtime::{Runtime, rootfs};
use lxcfs_testing::{Daemon, skipped};
use runtime::Limits;

/// Runs all clients in a container of that runtime.
fn clients_in(runtime: Runtime, limits: &Limits, unprivileged: bool) {
    clients_with(&[], runtime, limits, unprivileged);
}

/// The same, with a daemon that was started with these arguments.
fn clients_with(arguments: &[&str], runtime: Runtime, limits: &Limits, unprivileged: bool) {
    let Some(daemon) = rig::mounted_with(arguments) else {
        return;
    };
    if let Some(missing) = runtime.missing() {
        return skipped(missing);
    }
    let Some(rootfs) = rootfs() else {
        return skipped("a root file system: .ci/rootfs makes it from Debian's archives");
    };
    let script = clients::script();
    let finished = runtime::run(runtime, &daemon, &rootfs, limits, unprivileged, &script);
    let said = finished.text();
    assert!(
        finished.status.success(),
        "{}\n{said}\n{}",
        finished.status,
        finished.stderr
    );
    check(&daemon, limits, &said);
}

fn check(daemon: &Daemon, limits: &Limits, said: &str) {
    let failures = clients::failures(limits, said);
    assert!(failures.is_empty(), "{}\n{said}\n{}", failures.join("\n"), daemon.log());
    if std::env::var_os("LXCFS_TESTS_SHOW").is_some() {
        #[expect(clippy::print_stdout, reason = "somebody wants to see it")]
        {
            println!("{said}");
        }
    }
}

#[test]
fn clients_in_a_container_of_runc_see_its_quota() {
    clients_in(Runtime::Runc, &Limits::quota(), false);
}

#[test]
fn clients_in_a_container_of_runc_see_its_cpuset() {
    clients_in(Runtime::Runc, &Limits::cpuset(), false);
}

#[test]
fn clients_see_cpus_that_are_numbered_from_0() {
    let mut limits = Limits::cpuset();
    limits.shown = vec![0];
    clients_with(&["--cpu-ids", "dense"], Runtime::Runc, &limits, false);
}

#[test]
fn clients_in_a_container_of_crun_see_its_quota() {
    clients_in(Runtime::Crun, &Limits::quota(), false);
}

#[test]
fn clients_in_an_unprivileged_container_of_crun_see_its_quota() {
    clients_in(Runtime::Crun, &Limits::quota(), true);
}

#[test]
fn clients_in_a_container_of_podman_see_its_quota() {
    clients_in(Runtime::Podman, &Limits::quota(), false);
}
