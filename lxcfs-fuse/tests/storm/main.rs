//! Readers in containers, and what happens to the daemon meanwhile. Needs root, cgroups and /dev/fuse.
//!
//! The numbers are for a test that is run often. `LXCFS_STORM_CONTAINERS`, `LXCFS_STORM_KILLS` and their like make a storm as
//! long as it is wanted; `-- --nocapture` shows what came of it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "this is test code"
)]

#[path = "../rig/mod.rs"]
mod rig;

mod calm;
mod embedder;
mod installed;
mod killed;
mod lost;
mod numbers;
mod out_of_memory;
mod replaced;
mod stopped;
mod storm;
mod taken_over;

use lxcfs_core::TABLE;
use lxcfs_testing::act_if_told;
use lxcfs_testing::storm::read;

/// What requests lie in survives workers.
#[global_allocator]
static ALLOCATOR: lxcfs_fuse::Buffers = lxcfs_fuse::Buffers;

#[test]
fn act() {
    act_if_told(&[("storm", read), ("keep", embedder::keep), ("work", embedder::work)]);
}

/// All files.
fn files() -> Vec<&'static str> {
    TABLE
        .iter()
        .filter(|row| !row.is_directory())
        .map(|row| row.path)
        .collect()
}
