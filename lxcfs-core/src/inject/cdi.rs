//! Container Device Interface: the files as a device that a command line asks for.

use serde_json::{Value, json};

use super::hook::Hook;
use super::plan::Plan;

/// The kind of the devices; `lxcfs.io/view=default` is one.
pub const CDI_KIND: &str = "lxcfs.io/view";

/// The lowest version that has all the fields used, and that Podman 4 knows: it ignores a file that says 0.6.0 or later.
const CDI_VERSION: &str = "0.4.0";

/// A CDI file with the devices `default`, which are the mounts of the plan, and `psi`, which is the hook, for runtimes that
/// do not let pressure be mounted.
///
/// # References
///
/// cncf-tags/container-device-interface, `SPEC.md`.
///
/// ```
/// use lxcfs_core::inject::{Plan, cdi};
///
/// let file = cdi(&Plan::new("/var/lib/lxcfs").allowed_everywhere(), None);
/// assert_eq!(file["kind"], "lxcfs.io/view");
/// let mounts = &file["devices"][0]["containerEdits"]["mounts"];
/// assert_eq!(mounts[0]["hostPath"], "/var/lib/lxcfs/proc/cpuinfo");
/// ```
#[must_use]
pub fn cdi(plan: &Plan, psi: Option<&Hook>) -> Value {
    let mounts: Vec<_> = plan
        .mounts()
        .into_iter()
        .map(|mount| {
            json!({
                "hostPath": mount.source,
                "containerPath": mount.destination,
                "type": "bind",
                "options": mount.options,
            })
        })
        .collect();
    let mut devices = vec![json!({ "name": "default", "containerEdits": { "mounts": mounts } })];
    if let Some(hook) = psi {
        let edit = json!({
            "hookName": "createContainer",
            "path": hook.program,
            "args": hook.arguments(),
            "timeout": Hook::TIMEOUT_SEC,
        });
        devices.push(json!({ "name": "psi", "containerEdits": { "hooks": [edit] } }));
    }
    json!({ "cdiVersion": CDI_VERSION, "kind": CDI_KIND, "devices": devices })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pressure_is_a_device_of_its_own() {
        let hook = Hook {
            program: "/usr/bin/lxcfs-cli".into(),
            source: "/s".into(),
            psi: true,
            strict: false,
        };
        let file = cdi(&Plan::new("/s").allowed_everywhere(), Some(&hook));
        assert_eq!(file["devices"][1]["name"], "psi");
        assert_eq!(
            file["devices"][1]["containerEdits"]["hooks"][0]["hookName"],
            "createContainer"
        );
        assert_eq!(
            file["devices"][0]["containerEdits"]["mounts"].as_array().unwrap().len(),
            8
        );
        assert!(cdi(&Plan::new("/s"), None)["devices"][1].is_null());
    }
}
