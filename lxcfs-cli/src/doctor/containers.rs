//! Which containers have the daemon's files, whether these are alive, and if not, why.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;

use lxcfs_core::Pid;
use lxcfs_core::mountinfo::Device;
use lxcfs_fuse::heal::{MountNamespace, State, is_lxcfs, is_on_top, names, state_in, survey};

use super::PATIENCE;
use super::finding::Finding;
use crate::figures::plural;

pub(super) fn check() -> Vec<Finding> {
    let found = match survey() {
        Ok(found) => found,
        Err(error) => return vec![Finding::bad(format!("/proc: {error}"))],
    };
    let own = pid_namespace(std::process::id());
    // A mount namespace without a pid namespace is a service with a private /tmp, most often.
    let has_files = |one: &MountNamespace| {
        let mut ours = one.mounts.iter().filter(|mount| is_lxcfs(mount));
        ours.any(|mount| mount.point.starts_with("/proc") || mount.point.starts_with("/sys"))
    };
    let is_container =
        |one: &&MountNamespace| pid_namespace(one.pid).is_some_and(|its| Some(its) != own) || has_files(one);
    let mut states = BTreeMap::new();
    let mut findings: Vec<Finding> = found
        .namespaces
        .iter()
        .filter(is_container)
        .map(|one| of(one, &mut states))
        .collect();
    if findings.is_empty() {
        findings.push(Finding::ok("no container is running"));
    }
    let count = u64::try_from(found.unreadable.len()).unwrap_or(u64::MAX);
    if count > 0 {
        findings.push(Finding::warn(format!(
            "{} cannot be looked at: more rights are needed than ours",
            plural(count, "process", "processes")
        )));
    }
    findings
}

fn pid_namespace(pid: Pid) -> Option<u64> {
    fs::metadata(format!("/proc/{pid}/ns/pid"))
        .ok()
        .map(|namespace| namespace.ino())
}

/// What there is to say of a container. Each file system is asked once.
fn of(container: &MountNamespace, states: &mut BTreeMap<Device, State>) -> Finding {
    let ours = container
        .mounts
        .iter()
        .filter(|mount| is_lxcfs(mount) && is_on_top(mount, &container.mounts));
    let mut by_state: BTreeMap<&str, u32> = BTreeMap::new();
    let mut served = Vec::new();
    for mount in ours {
        let state = *states
            .entry(mount.device)
            .or_insert_with(|| state_in(container, mount, PATIENCE));
        let word = match state {
            State::Served => {
                served.push(&mount.point);
                "served"
            }
            State::Dead => "dead",
            State::Held => "held",
            _ => "unknown",
        };
        let count = by_state.entry(word).or_default();
        *count = count.saturating_add(1);
    }
    let who = format!("{} ({})", container.pid, container.name);
    let count = |word: &str| by_state.get(word).copied().unwrap_or(0);
    let (dead, held) = (count("dead"), count("held"));
    let finding = if dead > 0 {
        Finding::bad(format!("{who}: {dead} files are dead: their daemon has ended"))
            .mend(format!("lxcfs-cli remount --pid {}", container.pid))
    } else if held > 0 {
        Finding::bad(format!(
            "{who}: {held} files do not answer: readers wait for their daemon"
        ))
        .mend("systemctl restart lxcfs")
    } else if by_state.is_empty() {
        Finding::warn(format!(
            "{who}: sees the host's files: none of ours were mounted when it was started"
        ))
        .mend("let the runtime mount them, and start it again")
    } else {
        let missing: Vec<_> = names()
            .map(|(name, _)| format!("/{name}"))
            .filter(|path| !served.iter().any(|point| point.as_os_str() == path.as_str()))
            .collect();
        Finding::ok(match missing.as_slice() {
            [] => format!("{who}: all files are ours"),
            some => format!("{who}: {} files are ours, but not {}", served.len(), some.join(" ")),
        })
    };
    finding.about(container.pid)
}
