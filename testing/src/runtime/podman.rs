//! What Podman is told.

use std::path::Path;
use std::process::Command;

use super::Contained;

pub(super) fn command(dir: &Path, name: &str, contained: &Contained<'_>) -> Command {
    let mut command = Command::new("podman");
    let at = |name: &str| dir.join(name).into_os_string();
    command.arg("--root").arg(at("storage")).arg("--runroot").arg(at("run"));
    command.args([
        "--storage-driver=vfs",
        "--cgroup-manager=cgroupfs",
        "--events-backend=none",
        "--runtime=runc",
    ]);
    command.args(&contained.podman_options);
    command.args(["run", "--rm", "--network=none", "--log-driver=none"]);
    // More than that may not be asked for everywhere.
    command.args(["--ulimit=nofile=1024:1024", "--ulimit=nproc=1000:1000"]);
    command
        .arg(format!("--name={name}"))
        .arg(format!("--cgroup-parent=/{name}"));
    command.arg(format!("--memory={}", contained.memory));
    if let Some(percent) = contained.quota_percent {
        command.arg(format!("--cpus={}.{:02}", percent / 100, percent % 100));
    }
    if let Some(cpus) = &contained.cpuset {
        command.arg(format!("--cpuset-cpus={cpus}"));
    }
    for (key, value) in &contained.annotations {
        command.arg(format!("--annotation={key}={value}"));
    }
    command.args(&contained.podman_arguments);
    command.args(["--env=LC_ALL=C", "--env=TERM=xterm"]);
    command.arg(format!("--volume={}:/mnt", dir.join("files").display()));
    command
        .arg("--rootfs")
        .arg(contained.rootfs)
        .args(["sh", "/mnt/script"]);
    command
}
