//! The FUSE glue around [`lxcfs_core`]: the tree of virtual files as a file system, and the daemon `lxcfs`.
// The pure part of lxcfs-core lists these as disallowed; here is where clocks are read and files opened.
#![allow(clippy::disallowed_methods, reason = "the daemon reads clocks and opens files")]

pub mod daemon;
mod error;
mod session;
mod settings;
#[allow(dead_code, reason = "for the code that serves requests")]
mod throttle;

pub use error::MountError;
pub use session::{Mounted, mount};
pub use settings::{MountOptions, Settings};
