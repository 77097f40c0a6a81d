//! Volumes, as engines are given them on a command line or in a compose file.

use super::plan::{Mount, Plan};
use super::text::quoted;

/// Arguments of `docker run`, which takes no other options of a bind. It does without: no file of the tree can be run, and none is a
/// device.
///
/// ```
/// use lxcfs_core::inject::{Plan, docker_flags};
///
/// let plan = Plan::new("/var/lib/lxcfs").only(|file| file == "proc/meminfo");
/// assert_eq!(docker_flags(&plan), ["--volume=/var/lib/lxcfs/proc/meminfo:/proc/meminfo:ro,rslave"]);
/// ```
#[must_use]
pub fn docker_flags(plan: &Plan) -> Vec<String> {
    let propagation = plan.propagation().option();
    let flag = |mount: Mount| format!("--volume={}:ro,{propagation}", places(&mount));
    plan.mounts().into_iter().map(flag).collect()
}

/// Arguments of `podman run`.
///
/// ```
/// use lxcfs_core::inject::{Plan, podman_flags};
///
/// let plan = Plan::new("/var/lib/lxcfs").only(|file| file == "proc/meminfo");
/// assert_eq!(
///     podman_flags(&plan),
///     ["--volume=/var/lib/lxcfs/proc/meminfo:/proc/meminfo:ro,nosuid,nodev,noexec,rslave"]
/// );
/// ```
#[must_use]
pub fn podman_flags(plan: &Plan) -> Vec<String> {
    volumes(plan).map(|volume| format!("--volume={volume}")).collect()
}

/// A file for `docker compose` to merge services from: `extends`, or `<<: *lxcfs`.
///
/// ```
/// use lxcfs_core::inject::{Plan, compose};
///
/// let text = compose(&Plan::new("/var/lib/lxcfs").only(|file| file == "proc/stat"));
/// assert!(text.starts_with("services:\n  lxcfs-view:\n    volumes:\n"));
/// assert!(text.contains("target: \"/proc/stat\", read_only: true"));
/// ```
#[must_use]
pub fn compose(plan: &Plan) -> String {
    let mut text = "services:\n  lxcfs-view:\n    volumes:\n".to_owned();
    for mount in plan.mounts() {
        text.push_str(&format!(
            "      - {{type: bind, source: {}, target: {}, read_only: true, bind: {{propagation: {}, create_host_path: false}}}}\n",
            quoted(&mount.source.display().to_string()),
            quoted(&mount.destination.display().to_string()),
            plan.propagation().option(),
        ));
    }
    text
}

/// As Podman takes them: `SOURCE:DESTINATION:OPTIONS`. That it is a bind it knows.
pub(super) fn volumes(plan: &Plan) -> impl Iterator<Item = String> {
    plan.mounts().into_iter().map(|mount| {
        let options: Vec<_> = mount
            .options
            .iter()
            .filter(|option| **option != "bind")
            .copied()
            .collect();
        format!("{}:{}", places(&mount), options.join(","))
    })
}

fn places(mount: &Mount) -> String {
    format!("{}:{}", mount.source.display(), mount.destination.display())
}

#[cfg(test)]
mod tests {
    use super::super::plan::Propagation;
    use super::*;

    fn plan() -> Plan {
        Plan::new("/s").only(|file| file == "proc/uptime")
    }

    #[test]
    fn docker_is_told_no_option_that_it_refuses() {
        assert_eq!(
            docker_flags(&plan()),
            ["--volume=/s/proc/uptime:/proc/uptime:ro,rslave"]
        );
        let private = plan().with_propagation(Propagation::Private);
        assert_eq!(
            docker_flags(&private),
            ["--volume=/s/proc/uptime:/proc/uptime:ro,rprivate"]
        );
    }

    #[test]
    fn podman_is_told_all_options() {
        let expected = "--volume=/s/proc/uptime:/proc/uptime:ro,nosuid,nodev,noexec,rslave";
        assert_eq!(podman_flags(&plan()), [expected]);
    }

    #[test]
    fn compose_makes_no_source_that_is_missing() {
        assert_eq!(
            compose(&plan()),
            "services:\n  lxcfs-view:\n    volumes:\n      - {type: bind, source: \"/s/proc/uptime\", target: \"/proc/uptime\", \
             read_only: true, bind: {propagation: rslave, create_host_path: false}}\n"
        );
    }
}
