//! What the container in which this runs sees.

use std::collections::BTreeMap;
use std::path::Path;

use lxcfs_core::mountinfo::Device;
use lxcfs_fuse::heal::{State, is_lxcfs, is_on_top, names, state_of, survey_of};

use super::PATIENCE;
use super::finding::Finding;

pub(super) fn check() -> Vec<Finding> {
    let Some(own) = survey_of(&[std::process::id()]).namespaces.pop() else {
        return vec![Finding::bad("/proc/self/mountinfo cannot be read").mend("mount -t proc proc /proc")];
    };
    let mut states: BTreeMap<Device, State> = BTreeMap::new();
    let mut findings = Vec::new();
    let mut ours = false;
    for (name, _) in names() {
        let path = format!("/{name}");
        let point = Path::new(&path);
        let mount = own
            .mounts
            .iter()
            .rfind(|mount| mount.point == point && is_on_top(mount, &own.mounts))
            .filter(|mount| is_lxcfs(mount));
        let finding = match mount {
            None if !is_there(point, &own.mounts) => continue,
            None => Finding::warn(format!("{path}: the host's")),
            Some(mount) => {
                ours = true;
                let state = *states.entry(mount.device).or_insert_with(|| state_of(point, PATIENCE));
                match state {
                    State::Served => Finding::ok(format!("{path}: this container's own")),
                    State::Dead => Finding::bad(format!("{path}: dead: the daemon has ended"))
                        .mend("on the host: lxcfs-cli remount"),
                    State::Held => {
                        Finding::bad(format!("{path}: does not answer")).mend("on the host: systemctl restart lxcfs")
                    }
                    _ => Finding::warn(format!("{path}: cannot be looked at")),
                }
            }
        };
        findings.push(finding);
    }
    if !ours {
        findings.insert(
            0,
            Finding::bad("no file here is ours: this is the host, or a container without our files")
                .mend("on the host: lxcfs-cli doctor"),
        );
    }
    findings
}

/// Whether there is such a file, asked only where nothing of ours is in the way.
fn is_there(point: &Path, mounts: &[lxcfs_core::mountinfo::Mount]) -> bool {
    let in_ours = mounts
        .iter()
        .any(|mount| is_lxcfs(mount) && point.starts_with(&mount.point));
    !in_ours && std::fs::symlink_metadata(point).is_ok()
}
