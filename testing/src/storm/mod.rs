//! A storm: readers in containers that check all they are shown, while something happens to who shows it.
//!
//! A test program has an act ([`act_if_told`](crate::act_if_told)) that is [`read`], and starts a [`Crowd`] of them:
//!
//! ```no_run
//! use std::path::Path;
//! use lxcfs_testing::storm::{Crowd, Size, read};
//! use lxcfs_testing::{Daemon, act_if_told};
//!
//! #[test]
//! fn act() {
//!     act_if_told(&[("storm", read)]);
//! }
//!
//! let daemon = Daemon::start(Path::new("target/debug/lxcfs"), &[]);
//! let fleet = lxcfs_testing::storm::Fleet::new(&Size::default());
//! let containers = fleet.containers();
//! let crowd = Crowd::start(&daemon, &containers, "storm", &["proc/meminfo", "proc/stat"], &Size::default());
//! // Here something happens to the daemon.
//! let report = crowd.finish();
//! report.assert_faultless();
//! ```
//!
//! What a reader checks: that values are its container's and none of them the host's; that counters never fall, whoever
//! read them in its process before; that each text is one whole rendering; that the text of an open file stays the same
//! until it is read from its beginning again.

mod canary;
mod check;
mod clock;
mod counters;
mod crowd;
mod fleet;
mod look;
mod modes;
mod pauses;
mod reader;
mod report;
mod told;
mod waiter;

pub use canary::Canary;
pub use clock::now;
pub use crowd::Crowd;
pub use fleet::{Fleet, Member};
pub use pauses::{Outage, Pauses};
pub use reader::read;
pub use report::Report;
pub use told::Size;
