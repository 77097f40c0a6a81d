//! Whether the mounts of type `fuse.lxcfs` on this host are served.

use std::collections::BTreeMap;
use std::path::Path;

use lxcfs_core::mountinfo::Mount;
use lxcfs_fuse::heal::{State, is_lxcfs, is_on_top, state_of, survey_of};

use super::PATIENCE;
use super::finding::Finding;

pub(super) fn check(mountpoint: Option<&Path>) -> Vec<Finding> {
    let mounts: Vec<Mount> = survey_of(&[std::process::id()])
        .namespaces
        .into_iter()
        .flat_map(|own| own.mounts)
        .collect();
    let seen = mounts
        .iter()
        .filter(|mount| is_lxcfs(mount) && is_on_top(mount, &mounts));
    let asked = seen.filter(|mount| mountpoint.is_none_or(|asked| mount.point == asked));
    // One place for each file system: where all of it is mounted, if that can be seen.
    let mut by_device: BTreeMap<_, &Mount> = BTreeMap::new();
    for mount in asked {
        let best = by_device.entry(mount.device).or_insert(mount);
        if best.original_root() != Path::new("/") && mount.original_root() == Path::new("/") {
            *best = mount;
        }
    }
    if by_device.is_empty() {
        let place = mountpoint.unwrap_or(Path::new("/var/lib/lxcfs")).display();
        let what = mountpoint.map_or_else(
            || "no file system of type fuse.lxcfs is mounted".to_owned(),
            |asked| {
                format!(
                    "{}: no file system of type fuse.lxcfs is mounted there",
                    asked.display()
                )
            },
        );
        return vec![Finding::bad(what).mend(format!("systemctl start lxcfs, or: lxcfs {place}"))];
    }
    by_device.values().map(|mount| of(mount)).collect()
}

fn of(mount: &Mount) -> Finding {
    let place = format!("{} ({})", mount.point.display(), mount.device);
    match state_of(&mount.point, PATIENCE) {
        State::Served => Finding::ok(format!("{place} is served")),
        State::Dead => Finding::bad(format!("{place} is dead: its daemon has ended")).mend(format!(
            "systemctl restart lxcfs, or: lxcfs {}; then lxcfs-cli remount",
            mount.point.display()
        )),
        State::Held => Finding::bad(format!(
            "{place} does not answer: its connection is held, or its daemon hangs; readers wait"
        ))
        .mend(format!(
            "systemctl restart lxcfs; if that is of no use: echo 1 > /sys/fs/fuse/connections/{}/abort",
            mount.device.minor
        )),
        _ => Finding::warn(format!("{place} cannot be looked at")),
    }
}
