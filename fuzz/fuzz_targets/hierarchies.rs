//! `/proc/PID/mountinfo`, a NUL, and `/proc/PID/cgroup`: whatever they say, a cgroup lies below where its hierarchy is mounted.
#![no_main]

use std::path::Component;

use libfuzzer_sys::fuzz_target;
use lxcfs_core::cgroup::Hierarchies;

fuzz_target!(|input: &[u8]| {
    let mut texts = input.splitn(2, |byte| *byte == 0);
    let (mountinfo, cgroup) = (texts.next().unwrap_or_default(), texts.next().unwrap_or_default());
    let hierarchies = Hierarchies::parse(mountinfo);
    assert_eq!(hierarchies.is_empty(), hierarchies.iter().next().is_none());
    for (_, path) in hierarchies.cgroups(cgroup).iter() {
        assert!(hierarchies.iter().any(|one| one.mount == path.mount()));
        let below = path.dir().strip_prefix(path.mount()).expect("below its mount");
        assert!(
            below.components().all(|part| matches!(part, Component::Normal(_))),
            "{below:?}"
        );
        assert_eq!(path.is_root(), path.levels().next().is_none());
        assert!(
            path.levels()
                .all(|level| level.starts_with(path.mount()) && level != path.mount())
        );
        assert!(path.parent().contains(path));
        let _ = path.path();
    }
});
