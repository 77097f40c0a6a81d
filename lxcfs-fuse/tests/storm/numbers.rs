//! How big storms are: short by default, and as the environment says.

use std::time::Duration;

use lxcfs_testing::storm::Size;

/// A number of the environment, `LXCFS_STORM_NAME`, or what it is by default.
pub(crate) fn number(name: &str, usually: u32) -> u32 {
    let name = format!("LXCFS_STORM_{name}");
    match std::env::var(&name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")),
        Err(_) => crate::rig::rounds(usually),
    }
}

/// How many containers, and how they read: all together about as much, however many there are.
pub(crate) fn size() -> Size {
    let containers = number("CONTAINERS", 4).max(2);
    Size {
        containers,
        rest: Duration::from_micros(500).saturating_mul(containers),
        ..Size::default()
    }
}
