//! An OCI bundle: the file that tells a low-level runtime what a container is.
//!
//! # References
//!
//! OCI runtime specification, `config.md` and `config-linux.md`.

use std::path::Path;

use serde_json::{Value, json};

use crate::runtime::Limits;

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
pub(crate) fn write(
    dir: &Path,
    rootfs: &Path,
    above: &str,
    limits: &Limits,
    binds: &[(String, String)],
    unprivileged: bool,
) {
    // The user of an unprivileged container has to come through.
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(dir, open).unwrap();

    let mut mounts = usual_mounts();
    let bind = |from: &str, to: &str| json!({"destination": to, "source": from, "type": "bind", "options": ["rbind"]});
    mounts.push(bind(dir.join("files").to_str().unwrap(), "/mnt"));
    mounts.extend(binds.iter().map(|(from, to)| bind(from, to)));

    let mut namespaces: Vec<Value> = ["pid", "ipc", "uts", "mount", "cgroup", "network"]
        .iter()
        .map(|kind| json!({"type": kind}))
        .collect();
    let mut linux = json!({
        "cgroupsPath": format!("/{above}/container"),
        "resources": resources(limits),
        "maskedPaths": ["/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/sched_debug"],
        "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
    });
    if unprivileged {
        namespaces.push(json!({"type": "user"}));
        let ids = json!([{"containerID": 0, "hostID": 100_000, "size": 65_536}]);
        linux["uidMappings"] = ids.clone();
        linux["gidMappings"] = ids;
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

fn resources(limits: &Limits) -> Value {
    let mut cpu = json!({});
    if let Some(percent) = limits.quota_percent {
        cpu["quota"] = (i64::from(percent) * 1000).into();
        cpu["period"] = 100_000.into();
    }
    if let Some(cpus) = &limits.cpuset {
        cpu["cpus"] = cpus.as_str().into();
    }
    json!({
        "memory": {"limit": limits.memory},
        "cpu": cpu,
        "devices": [{"allow": false, "access": "rwm"}],
    })
}
