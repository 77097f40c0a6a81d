//! An OCI bundle: the file that tells a low-level runtime what a container is.
//!
//! # References
//!
//! OCI runtime specification, `config.md` and `config-linux.md`.

#![allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "JSON is written here, and numbers of percents"
)]

use std::path::Path;

use serde_json::{Value, json};

use super::Contained;

/// What an engine gives to containers that ask for nothing.
const CAPABILITIES: [&str; 11] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_NET_BIND_SERVICE",
    "CAP_SETFCAP",
    "CAP_SETGID",
    "CAP_SETPCAP",
    "CAP_SETUID",
    "CAP_SYS_CHROOT",
];

/// Writes `config.json` for a container below that cgroup, that runs `files/script` of that directory.
pub(super) fn write(dir: &Path, above: &str, contained: &Contained<'_>) {
    let rootfs = contained.rootfs;
    // The user of an unprivileged container has to come through.
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(dir, open).unwrap();

    let mut mounts = usual_mounts();
    mounts.push(json!({
        "destination": "/mnt", "source": dir.join("files"), "type": "bind", "options": ["rbind"],
    }));
    mounts.extend(contained.mounts.iter().cloned());

    let mut namespaces: Vec<Value> = ["pid", "ipc", "uts", "mount", "cgroup", "network"]
        .iter()
        .map(|kind| json!({"type": kind}))
        .collect();
    let mut linux = json!({
        "cgroupsPath": format!("/{above}/container"),
        "resources": resources(contained),
        "maskedPaths": ["/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/sched_debug"],
        "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
    });
    if contained.unprivileged {
        namespaces.push(json!({"type": "user"}));
        let ids = json!([{"containerID": 0, "hostID": 100_000, "size": 65_536}]);
        linux["uidMappings"] = ids.clone();
        linux["gidMappings"] = ids;
    }
    if let Some(propagation) = contained.root_propagation {
        linux["rootfsPropagation"] = propagation.into();
    }
    linux["namespaces"] = namespaces.into();
    let config = json!({
        "ociVersion": "1.0.2",
        "hostname": "container",
        "root": {"path": rootfs, "readonly": true},
        "process": {
            "terminal": false,
            "user": {"uid": 0, "gid": 0},
            "args": ["sh", "/mnt/script"],
            "env": [
                "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                "TERM=xterm", "LC_ALL=C", "HOME=/tmp",
            ],
            "cwd": "/",
            "noNewPrivileges": true,
            "capabilities": {"bounding": CAPABILITIES, "effective": CAPABILITIES, "permitted": CAPABILITIES},
        },
        "mounts": mounts,
        "annotations": contained.annotations,
        "hooks": {"createContainer": contained.hooks},
        "linux": linux,
    });
    std::fs::write(dir.join("config.json"), config.to_string()).unwrap();
}

fn usual_mounts() -> Vec<Value> {
    let mount = |kind: &str, destination: &str, options: &[&str]| json!({"destination": destination, "type": kind, "source": kind, "options": options});
    vec![
        mount("proc", "/proc", &[]),
        mount("tmpfs", "/dev", &["nosuid", "mode=755", "size=65536k"]),
        mount(
            "devpts",
            "/dev/pts",
            &["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"],
        ),
        mount("tmpfs", "/tmp", &["nosuid", "mode=1777"]),
        mount("sysfs", "/sys", &["nosuid", "noexec", "nodev", "ro"]),
        mount(
            "cgroup",
            "/sys/fs/cgroup",
            &["nosuid", "noexec", "nodev", "relatime", "ro"],
        ),
    ]
}

fn resources(contained: &Contained<'_>) -> Value {
    let mut cpu = json!({});
    if let Some(percent) = contained.quota_percent {
        cpu["quota"] = (i64::from(percent) * 1000).into();
        cpu["period"] = 100_000.into();
    }
    if let Some(cpus) = &contained.cpuset {
        cpu["cpus"] = cpus.as_str().into();
    }
    json!({
        "memory": {"limit": contained.memory},
        "cpu": cpu,
        "devices": [{"allow": false, "access": "rwm"}],
    })
}
