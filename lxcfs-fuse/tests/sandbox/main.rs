//! What processes of ours can still do once they run, and that it is enough.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::arithmetic_side_effects,
    unreachable_pub,
    reason = "this is test code"
)]

#[path = "../rig/mod.rs"]
mod rig;
#[path = "../started/mod.rs"]
mod started;

mod document;
mod enough;
mod kept;
mod refused;

use lxcfs_testing::act_if_told;

#[test]
fn act() {
    act_if_told(&[
        ("confined", |arguments| refused::confined(arguments)),
        ("rows", |arguments| enough::rows(arguments)),
    ]);
}
