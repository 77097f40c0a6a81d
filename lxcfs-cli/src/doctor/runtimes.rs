//! Which container runtimes are installed, and of which version.

use super::command::{find, version};
use super::finding::Finding;

/// What is looked for: those that manage containers, and those that start them.
const RUNTIMES: [&str; 12] = [
    "containerd",
    "crio",
    "dockerd",
    "podman",
    "buildah",
    "lxc-start",
    "incusd",
    "lxd",
    "systemd-nspawn",
    "runc",
    "crun",
    "youki",
];

pub(super) fn check() -> Vec<Finding> {
    let found: Vec<Finding> = RUNTIMES.into_iter().filter_map(look).collect();
    if found.is_empty() {
        return vec![Finding::warn("no container runtime that is known is installed")];
    }
    found
}

fn look(name: &str) -> Option<Finding> {
    let path = find(name)?;
    Some(match version(&path) {
        Ok(said) if said.is_empty() => Finding::ok(format!("{name}: {}", path.display())),
        Ok(said) => Finding::ok(format!("{name}: {said}")),
        Err(error) => Finding::warn(format!("{name}: {} --version: {error}", path.display())),
    })
}
