//! `lxcfs-load`: reads the files of LXCFS-like trees from inside containers, measures, and compares.
//!
//! One binary in several roles. `outside` catches signals and clears up; `inside` is the init of a pid and mount namespace
//! in which all else happens: it starts the candidates and the containers, gives the orders and measures. In each
//! container there are an `init`, which only waits, and a `caller`, which reads. `null` is a FUSE server that does
//! nothing but answer: the floor for all others. `busy` only takes up CPU time, if that is asked for.

// Everything here is about clocks, files and processes.
#![allow(clippy::disallowed_methods, reason = "a load generator reads clocks and files")]
#![cfg_attr(test, allow(clippy::arithmetic_side_effects))]

#[cfg(not(target_os = "linux"))]
compile_error!("lxcfs-load is made of cgroups, namespaces and FUSE: it runs on Linux only");

mod args;
mod busy;
mod caller;
mod candidate;
mod cgroup;
mod clock;
mod container;
mod failure;
mod fleet;
mod histogram;
mod inside;
mod measure;
mod million;
mod namespaces;
mod order;
mod outside;
mod process;
mod report;
mod soak;
mod statistics;
mod stop;
mod strace;
mod tally;
mod virtual_file;

use std::io::Write as _;
use std::process::ExitCode;

/// The first argument of the roles that only this program itself starts.
mod role {
    pub(crate) const INSIDE: &str = "__inside";
    pub(crate) const INIT: &str = "__init";
    pub(crate) const CALLER: &str = "__caller";
    pub(crate) const BUSY: &str = "__busy";
    pub(crate) const NULL: &str = "__null";
}

fn main() -> ExitCode {
    let role = std::env::args().nth(1);
    let done = match role.as_deref() {
        Some(role::INSIDE) => inside::inside(),
        Some(role::INIT) => container::wait_for_the_end(),
        Some(role::CALLER) => caller::obey(),
        Some(role::BUSY) => busy::be_busy(),
        Some(role::NULL) => candidate::serve_null(),
        _ => return outside::outside(),
    };
    done.unwrap_or_else(|failure| {
        note(&failure);
        ExitCode::FAILURE
    })
}

/// Says something that is not a result.
fn note(what: &dyn std::fmt::Display) {
    // There is nobody left to tell if this fails.
    let _ = writeln!(std::io::stderr(), "lxcfs-load: {what}");
}
