//! The FUSE glue around [`lxcfs_core`]: the tree of virtual files as a file system, and the daemon `lxcfs`.
// The pure part of lxcfs-core lists these as disallowed; here is where clocks are read and files opened.
#![allow(clippy::disallowed_methods, reason = "the daemon reads clocks and opens files")]

mod error;
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "the file system that asks for triggers is being written")
)]
mod psi;
mod session;
mod settings;

pub use error::MountError;
pub use session::{Mounted, mount};
pub use settings::{MountOptions, Settings};
