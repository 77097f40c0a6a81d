//! Containers of real engines and runtimes that come by the daemon's files in each way that `inject` and `hook` know.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "this is test code"
)]

mod docker;
mod hook;
mod lxc;
mod podman;
mod propagation;
mod rig;
mod spec;
