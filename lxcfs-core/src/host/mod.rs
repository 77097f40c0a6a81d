//! The host's own files, parsed without loss: what is not understood is kept where it stands.

pub mod loadavg;
pub mod meminfo;
pub mod stat;
pub mod swaps;
pub mod uptime;
