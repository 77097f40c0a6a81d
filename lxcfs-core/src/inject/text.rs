//! Configuration files that are not JSON: Podman's, and LXC's.

use super::flags::volumes;
use super::plan::Plan;

/// The first line of such a file, by which it is known as one that may be written again.
pub const MADE_BY: &str = "# Made by `lxcfs-cli inject`; it is overwritten without asking.";

/// A file of `containers.conf.d`: every container of Podman has the files, without a word on the command line.
///
/// # References
///
/// containers.conf(5), `volumes`.
///
/// ```
/// use lxcfs_core::inject::{MADE_BY, Plan, containers_conf};
///
/// let text = containers_conf(&Plan::new("/var/lib/lxcfs").only(|file| file == "proc/meminfo"));
/// assert!(text.starts_with(MADE_BY));
/// assert!(text.contains("volumes = [\n  \"/var/lib/lxcfs/proc/meminfo:/proc/meminfo:ro,"));
/// ```
#[must_use]
pub fn containers_conf(plan: &Plan) -> String {
    let mut text = format!("{MADE_BY}\n[containers]\nvolumes = [\n");
    for volume in volumes(plan) {
        text.push_str(&format!("  {},\n", quoted(&volume)));
    }
    text.push_str("]\n");
    text
}

/// A file for `lxc.include`, or for LXC's `common.conf.d`. What is not there, a container does without.
///
/// # References
///
/// lxc.container.conf(5), `lxc.mount.entry`.
///
/// ```
/// use lxcfs_core::inject::{Plan, lxc_include};
///
/// let text = lxc_include(&Plan::new("/var/lib/lxcfs").only(|file| file == "proc/meminfo"));
/// assert!(text.contains("lxc.mount.entry = /var/lib/lxcfs/proc/meminfo proc/meminfo none bind,ro,"));
/// ```
#[must_use]
pub fn lxc_include(plan: &Plan) -> String {
    let mut text = format!("{MADE_BY}\n");
    for mount in plan.mounts() {
        text.push_str(&format!(
            "lxc.mount.entry = {} {} none {},optional 0 0\n",
            fstab(&mount.source.display().to_string()),
            mount.file,
            mount.options.join(","),
        ));
    }
    text
}

/// A string in double quotes, as JSON, TOML and YAML all understand it.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A word of an fstab line.
fn fstab(text: &str) -> String {
    text.replace('\\', "\\134").replace(' ', "\\040").replace('\t', "\\011")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(source: &str) -> Plan {
        Plan::new(source).only(|file| file == "proc/uptime")
    }

    #[test]
    fn the_file_of_podman_is_toml() {
        assert_eq!(
            containers_conf(&plan("/a \"b\"")),
            format!(
                "{MADE_BY}\n[containers]\nvolumes = [\n  \"/a \\\"b\\\"/proc/uptime:/proc/uptime:ro,nosuid,nodev,noexec,rslave\",\n]\n"
            )
        );
    }

    #[test]
    fn the_target_of_lxc_is_below_the_root_of_the_container() {
        assert_eq!(
            lxc_include(&plan("/a b")),
            format!(
                "{MADE_BY}\nlxc.mount.entry = /a\\040b/proc/uptime proc/uptime none bind,ro,nosuid,nodev,noexec,rslave,optional 0 0\n"
            )
        );
    }
}
