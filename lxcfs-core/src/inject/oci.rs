//! Mounts of an OCI specification.

use std::path::PathBuf;

use serde::Serialize;

use super::plan::Plan;

/// An entry of `mounts` of an OCI runtime's `config.json`.
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
