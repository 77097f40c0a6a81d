//! What a daemon says of itself, for Prometheus: over HTTP, at a socket of this machine.
//!
//! ```text
//! scrape ─▶ server: listener, clients ─▶ http: what is asked
//!                                         │
//!            Status, from who has it ─────┴─▶ list × text ─▶ answer
//! ```
//!
//! Whoever has the control socket has this socket too. A thread of its own answers, so that no scrape delays a keeper.

mod client;
mod http;
mod list;
mod listener;
mod place;
mod server;
mod text;

pub(crate) use place::{BESIDE, Place};
pub(crate) use server::Server;
