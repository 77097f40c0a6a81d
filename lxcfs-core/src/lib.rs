//! A container's own view of `/proc` and `/sys`: a snapshot of host and cgroup in, the text of the virtual files out.
//!
//! A process in a container that reads `/proc/meminfo`, `/proc/stat` or `/sys/devices/system/cpu/online` is told about
//! the whole host. This crate renders what it should be told instead: memory within its limit, the CPUs that its cpuset
//! and quota leave it, its own load and uptime — on cgroup v1, v2 and both together.
//!
//! ```text
//!  kernel files ──▶ Source ──▶ host::*  parsed without loss ─┐
//!  (or a recorded               cgroup::*  v1 or v2, then     ├─▶ ContainerView ─▶ TABLE[i].produce ─▶ Text ─▶ Bytes
//!   machine, or a                 plain data in v2's words ───┤      │
//!   map in memory)              state::*  what is remembered ─┘      └─ cpu_model: the CPUs that every file agrees on
//! ```
//!
//! # Invariants
//!
//! * **Rendering is pure and cannot fail.** Nothing outside [`live`] does I/O or reads a clock; all that can fail happens
//!   while facts are gathered, before rendering starts. Without the feature `live` the crate has no I/O at all and forbids
//!   `unsafe`.
//! * **The host's files survive.** Parsing and printing gives back the same bytes. A line that next year's kernel adds is
//!   kept in place.
//! * **No value comes from the host by accident.** Each line of each file has a [`Class`]; what no cgroup accounts for is 0.
//! * **[`cgroup`] alone knows v1 from v2.**
//! * **Everything enumerates [`TABLE`].** A new virtual file is one module and one row.
//! * **State is explicit**: `advance(old, now) -> new`, kept in a [`Remembered`] by whoever serves many reads.
//!
//! # A rendering
//!
//! An embedder that knows its container can bring the facts itself, here as texts in memory:
//!
//! ```
//! use std::time::Duration;
//! use lxcfs_core::{cgroup::Cgroups, find, Container, ContainerView, Init, MemorySource};
//!
//! let machine = MemorySource::new()
//!     .with("/proc/meminfo", "MemTotal:       24684096 kB\nMemFree:        20000000 kB\nMemAvailable:   22000000 kB\n")
//!     .with("/sys/fs/cgroup/web/memory.max", "268435456\n")
//!     .with("/sys/fs/cgroup/web/memory.current", "67108864\n")
//!     .with("/sys/fs/cgroup/web/memory.stat", "anon 50331648\nfile 16777216\ninactive_file 16777216\n");
//! let container = Container {
//!     caller: 4711,
//!     init: Some(Init { pid: 4700, start_ticks: 1000 }),
//!     cgroups: Cgroups::unified("/sys/fs/cgroup", "/web"),
//! };
//! let view = ContainerView::new(&machine, &container, Duration::from_secs(3600));
//!
//! let meminfo = find("proc/meminfo").unwrap().render(&view).unwrap();
//! assert_eq!(
//!     meminfo,
//!     "MemTotal:         262144 kB\nMemFree:          196608 kB\nMemAvailable:     212992 kB\n"
//! );
//! ```
//!
//! On a running kernel, [`live`] finds the container of a pid and reads the files:
//!
//! ```
//! # #[cfg(feature = "live")] {
//! use lxcfs_core::{find, live, ContainerView};
//!
//! let host = live::Root::host();
//! let container = live::container_of(&host, &live::hierarchies(&host).unwrap(), std::process::id()).unwrap();
//! let view = ContainerView::new(&host, &container, live::boot_time());
//! let meminfo = find("meminfo").unwrap().render(&view).unwrap();
//! assert!(meminfo.starts_with(b"MemTotal:"));
//! # }
//! ```
//!
//! Whoever serves many reads keeps one [`Remembered`] for each container, so that counters go on from read to read and
//! never fall, and gives it to every view with [`ContainerView::with_remembered`].
//!
//! # Where to go from here
//!
//! * [`files`]: the virtual files and what each line means; [`explain`](mod@explain) tells it of a real container.
//! * [`CpuModel`]: which CPUs a container sees, and why every file agrees.
//! * [`state::cpu_account`]: how the counters of `/proc/stat` come about.
//! * [`cgroup`]: what is read of a cgroup, on either version.
//! * [`mountinfo`]: which mounts a mount namespace has.
//! * [`live`]: how the container of a pid is found, and recording a machine.

#![cfg_attr(not(feature = "live"), forbid(unsafe_code))]
#![cfg_attr(test, allow(clippy::arithmetic_side_effects, clippy::as_conversions))]

pub mod cgroup;
pub mod container;
pub mod cpu_list;
pub mod cpu_model;
pub mod error;
pub mod explain;
pub mod files;
pub mod host;
#[cfg(feature = "inject")]
pub mod inject;
#[cfg(feature = "live")]
pub mod live;
pub mod mountinfo;
pub mod options;
pub mod parse;
pub mod source;
pub mod state;
#[cfg(any(test, feature = "synthetic"))]
pub mod synthetic;
mod tasks;
pub mod text;
pub mod view;

pub use container::{Container, Init, Pid};
pub use cpu_list::{CpuId, CpuList};
pub use cpu_model::CpuModel;
pub use error::{CaptureError, ParseError};
pub use files::{Class, Fact, Line, Place, TABLE, VirtualFile, find, mounted};
pub use options::{CpuIds, CpuView, ViewOptions};
pub use source::{Entry, EntryKind, MemorySource, Source, SourceError, SourceErrorKind};
pub use state::Remembered;
pub use text::Text;
pub use view::ContainerView;

/// The length of a clock tick in nanoseconds. What the kernel shows to user space in ticks is always in hundredths of a
/// second (`USER_HZ`), whatever `HZ` it was built with.
pub const TICK_NSEC: u64 = 10_000_000;

/// The code of the README is tested as that of these pages.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
