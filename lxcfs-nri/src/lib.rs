//! An NRI plugin that gives containers their own `/proc` and `/sys` as they are created.
//!
//! containerd, CRI-O and Docker call plugins of the node when a container is created. This one answers with the mounts that
//! bring the files of the daemon, `lxcfs`, into it: by what the pod's annotations ask for, and else by the node's default.
//! What runs already when the plugin comes is given the files by [`Give`].
//!
//! A container never fails because of it: what is in doubt, it leaves alone, and counts ([`Health`]).
//!
//! ```no_run
//! use std::path::Path;
//! use std::sync::Arc;
//!
//! use lxcfs_nri::{Give, Given, Health, Mounted, Options, Policy, Running, Stop, run};
//!
//! struct Nothing;
//!
//! impl Give for Nothing {
//!     fn give(&mut self, _: &Running) -> Given {
//!         Given::No("nobody is there to do it".to_owned())
//!     }
//! }
//!
//! let options = Options {
//!     socket: "/var/run/nri/nri.sock".into(),
//!     name: "lxcfs".to_owned(),
//!     index: "10".to_owned(),
//!     policy: Policy::default(),
//! };
//! let mut sources = Mounted::below(Path::new("/var/lib/lxcfs"))?;
//! run(&options, &mut sources, &mut Nothing, &Arc::new(Health::default()), &Stop::default())?;
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! There is no async runtime in it and no FUSE: a thread that answers, one that looks at the daemon's files, and one that
//! gives files to running containers.

// The pure core takes bytes and times as arguments; this crate talks to a runtime.
#![allow(clippy::disallowed_methods, reason = "a plugin reads clocks and mountinfo")]
#![forbid(unsafe_code)]
#![cfg_attr(
    test,
    allow(
        clippy::arithmetic_side_effects,
        clippy::unwrap_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

mod adjustment;
mod connection;
mod error;
mod give;
mod health;
// The wire is no part of what is promised: it is public for the runtime of the tests, which is the other side of it.
#[doc(hidden)]
pub mod messages;
#[doc(hidden)]
pub mod mux;
mod plugin;
pub mod policy;
mod prefix;
mod service;
mod sources;
#[doc(hidden)]
pub mod ttrpc;

pub use error::Error;
pub use give::{Give, Given, Running};
pub use health::{Count, Health};
pub use messages::{Container, PodSandbox};
pub use plugin::EVENTS;
pub use policy::{ByDefault, Policy};
pub use service::{Options, Stop, run};
pub use sources::{Available, Mounted, Sources, Unavailable};

/// The code of the README is tested as that of these pages.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
