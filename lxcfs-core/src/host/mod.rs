//! The host's own files, parsed without loss: what is not understood is kept where it stands.

pub mod cpuinfo;
pub mod diskstats;
pub mod loadavg;
pub mod meminfo;
pub mod pressure;
pub mod slabinfo;
pub mod stat;
pub mod swaps;
pub mod uptime;
