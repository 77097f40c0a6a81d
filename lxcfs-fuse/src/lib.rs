//! The FUSE glue around [`lxcfs_core`]: the tree of virtual files as a file system, and the daemon `lxcfs`.
//!
//! ```text
//! kernel ─ request ─▶ fs: look up, ask, reply     tree: inode numbers    handles: what open files have read
//!                     │
//!                     serve: what is shown, and what is done when that fails
//!                     │
//!                     registry: thread → container     sources: kept descriptors, shared texts
//!                     │
//!                     lxcfs_core: facts → text         store: what outlives this process
//! ```
//!
//! Beside the threads that answer requests there are two: [the watchdog](watchdog) answers those that take too long, and
//! [the housekeeper](housekeeper) looks at tasks for load averages and forgets containers that have ended. Both sleep when
//! nobody reads. Once a caller has set [a pressure trigger](psi), there are
//! two more: one waits for the kernel's word, the other closes what the kernel is slow to close.
// The pure part of lxcfs-core lists these as disallowed; here is where clocks are read and files opened.
#![allow(clippy::disallowed_methods, reason = "the daemon reads clocks and opens files")]
#![allow(rustdoc::private_intra_doc_links, reason = "the modules are the architecture")]
#![cfg_attr(test, allow(clippy::arithmetic_side_effects, clippy::as_conversions))]

mod attributes;
mod callers;
mod counters;
pub mod daemon;
pub mod detached;
mod entry;
mod error;
mod failure;
mod fs;
mod handles;
pub mod heal;
mod housekeeper;
mod keeper;
mod metrics;
mod personality;
mod psi;
mod registry;
pub mod sandbox;
mod saved;
mod serve;
mod session;
mod settings;
mod socket_name;
mod sources;
pub mod status;
mod store;
mod texts;
mod throttle;
mod tree;
mod waiting;
mod watchdog;

pub use counters::{Counts, Gauges};
pub use error::MountError;
pub use session::{Buffers, Kept, KeptError, Mounted, begin, mount, serve};
pub use settings::{MountOptions, Resume, Settings};

/// The code of the README is tested as that of these pages.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
