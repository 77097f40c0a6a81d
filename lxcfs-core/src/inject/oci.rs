//! Mounts of an OCI specification.

use std::path::PathBuf;

use serde::Serialize;

use super::plan::Plan;

/// An entry of `mounts` of an OCI runtime's `config.json`.
///
/// ```
/// use lxcfs_core::inject::{Plan, oci_mounts};
///
/// let mounts = oci_mounts(&Plan::new("/var/lib/lxcfs").only(|file| file == "proc/uptime"));
/// assert_eq!(mounts[0].kind, "bind");
/// assert_eq!(serde_json::to_value(&mounts[0]).unwrap()["source"], "/var/lib/lxcfs/proc/uptime");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OciMount {
    /// Where it goes.
    pub destination: PathBuf,
    /// Always `bind`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Where it comes from.
    pub source: PathBuf,
    /// Its options.
    pub options: Vec<&'static str>,
}

/// What is appended to `mounts`, which must have the mounts of `/proc` and `/sys` before.
///
/// For what the host mounts later to come into the container, crun wants `linux.rootfsPropagation` to be `rslave`, which is what
/// runc takes by default.
///
/// ```
/// use lxcfs_core::inject::{Plan, oci_mounts};
///
/// let mut spec = serde_json::json!({ "mounts": [{ "destination": "/proc", "type": "proc", "source": "proc" }] });
/// let mounts = oci_mounts(&Plan::new("/var/lib/lxcfs").allowed_by(&["runc@1.1.5".parse().unwrap()]));
/// let list = spec["mounts"].as_array_mut().unwrap();
/// list.extend(mounts.iter().map(|mount| serde_json::to_value(mount).unwrap()));
/// assert!(spec["mounts"].as_array().unwrap().iter().any(|mount| mount["destination"] == "/proc/meminfo"));
/// ```
#[must_use]
pub fn oci_mounts(plan: &Plan) -> Vec<OciMount> {
    let mounts = plan.mounts().into_iter().map(|mount| OciMount {
        destination: mount.destination,
        kind: "bind",
        source: mount.source,
        options: mount.options,
    });
    mounts.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_mount_is_what_the_specification_asks_for() {
        let plan = Plan::new("/var/lib/lxcfs").only(|file| file == "proc/meminfo");
        let expected = json!([{
            "destination": "/proc/meminfo",
            "type": "bind",
            "source": "/var/lib/lxcfs/proc/meminfo",
            "options": ["bind", "ro", "nosuid", "nodev", "noexec", "rslave"],
        }]);
        assert_eq!(json!(oci_mounts(&plan)), expected);
    }
}
