//! A mounted file system survives whoever serves it: real mounts, and workers that are killed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "this is test code"
)]

mod descriptors;
mod idle;
mod in_hand;
mod mount;
mod polls;
mod storm;
mod worker;

/// As the daemon has it.
#[global_allocator]
static ALLOCATOR: lxcfs_fuse::Buffers = lxcfs_fuse::Buffers;

/// What processes of this program do: see [`lxcfs_testing::act_if_told`].
#[test]
fn act() {
    lxcfs_testing::act_if_told(&[("work", worker::work), ("poll", polls::poll)]);
}
