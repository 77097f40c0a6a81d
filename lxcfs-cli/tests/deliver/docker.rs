//! Docker: a daemon of its own, unpacked and not installed, in a mount namespace of its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use lxcfs_testing::runtime::Runtime;
use lxcfs_testing::{Cgroup, Finished, Limits, Running, skipped};

use crate::rig::{Rig, SCRIPT, TOOL, mounts_at, sees_itself};

/// Where Docker is unpacked; made if it is not there.
fn unpacked() -> Option<PathBuf> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.ci/docker");
    let made = Running::start(Command::new(script)).finish();
    let path = made.text();
    made.status.success().then(|| PathBuf::from(path.trim_end()))
}

/// Starts Docker and this tool's daemon on a shared mount, as everything is under systemd, and runs a script there with `docker` in its
/// PATH and `FILES` as the place of the daemon's files.
fn with_docker(rig: &Rig, docker: &Path, script: &str) -> Finished {
    // Docker's socket has to be a short path.
    let dir = tempfile::Builder::new().prefix("lxcfs-docker").tempdir().unwrap();
    // What Docker leaves in it is removed with it.
    let above = Cgroup::new(&Limits::default());
    let script = format!(
        r#"
        cd {dir}
        mount --bind . . && mount --make-shared . && cd {dir}
        mkdir files
        {TOOL} mount -f -p {dir}/pid files 2>lxcfs.log & served=$!
        dockerd --host=unix://{dir}/socket --data-root={dir}/data --exec-root={dir}/exec --pidfile={dir}/docker.pid --bridge=none \
            --iptables=false --ip6tables=false --storage-driver=vfs --exec-opt=native.cgroupdriver=cgroupfs \
            --cgroup-parent=/{above} >docker.log 2>&1 & dockerd=$!
        export DOCKER_HOST=unix://{dir}/socket FILES={dir}/files
        finish() {{
            status=$?
            set +e
            [ $status = 0 ] || tail -n 20 docker.log lxcfs.log >&2
            kill $dockerd $served
            wait $dockerd $served
            umount -lR {dir}
            exit $status
        }}
        trap finish EXIT
        for attempt in $(seq 300); do docker version >/dev/null 2>&1 && [ -e files/proc/meminfo ] && break; sleep 0.2; done
        # A small part of the root: it is copied more than once.
        tar -C {rootfs} -c --exclude=./usr/lib/jvm --exclude=./usr/share . | docker import - local >/dev/null
        set -e
        {script}"#,
        dir = dir.path().display(),
        above = above.path().display(),
        rootfs = rig.rootfs.display(),
    );
    let mut command = Command::new("unshare");
    // Whatever happens: with its first process, all processes of a pid namespace end.
    command.args([
        "--pid",
        "--fork",
        "--kill-child",
        "--mount-proc",
        "--propagation",
        "private",
    ]);
    command.args(["bash", "-c", &script]);
    let path = std::env::var("PATH").unwrap_or_default();
    let docker = docker.display();
    command.env("PATH", format!("{docker}/usr/sbin:{docker}/usr/bin:{path}"));
    Running::start(command).finish()
}

const RUN: &str = "docker run --rm --network=none --memory=256m --ulimit=nofile=1024:1024";

#[test]
fn docker_has_the_files_by_its_flags() {
    let Some(rig) = Rig::new(&[Runtime::Runc]) else { return };
    let Some(docker) = unpacked() else {
        return skipped("Docker: .ci/docker unpacks it from Debian's archives");
    };
    let run = format!("{RUN} $({TOOL} inject docker --runtime runc --source $FILES) local sh -c '{SCRIPT}'");
    let said = sees_itself("docker run --volume", with_docker(&rig, &docker, &run));
    assert_eq!(mounts_at(&said, "/proc/meminfo"), 1, "{said}");
    assert_eq!(mounts_at(&said, "/sys/devices/system/cpu"), 1, "{said}");
    // It follows what the host mounts, and the host does not follow it.
    assert!(said.contains(" master:") && !said.contains(" shared:"), "{said}");
}

#[test]
fn docker_fails_a_container_with_a_file_that_the_table_leaves_out() {
    let Some(rig) = Rig::new(&[Runtime::Runc]) else { return };
    let Some(docker) = unpacked() else {
        return skipped("Docker: .ci/docker unpacks it from Debian's archives");
    };
    if !lxcfs_testing::machine_has(&[lxcfs_testing::Machine::Pressure]) {
        return;
    }
    let run = format!("{RUN} --volume $FILES/proc/pressure/cpu:/proc/pressure/cpu:ro,rslave local true");
    let finished = with_docker(&rig, &docker, &run);
    assert!(!finished.status.success(), "{}", finished.text());
    assert!(finished.stderr.contains("/proc/pressure"), "{}", finished.stderr);
}
