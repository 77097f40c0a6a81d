//! LXC, with the mount hook as it is packaged.

use std::path::Path;
use std::process::Command;

use lxcfs_testing::{
    Cgroup, Finished, Hierarchy, Limits, Machine, Running, Version, hierarchies, machine_has, skipped,
};

use crate::rig::{MEMORY, Rig, SCRIPT, TOOL, WITHIN, mounts_at, sees_itself};

const HOOK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../packaging/lxc/lxc.mount.hook");

/// What a container of LXC is to be.
struct Order<'a> {
    unprivileged: bool,
    /// Lines of the configuration by which it has the files.
    delivery: &'a str,
    /// LXCFS_CLI of the hook.
    cli: &'a str,
}

fn has_lxc() -> bool {
    let found = Command::new("lxc-execute").arg("--version").output().is_ok();
    if !found {
        skipped("lxc-execute");
    }
    found
}

fn run(rig: &Rig, order: &Order<'_>) -> Finished {
    let above = Cgroup::new(&Limits::default());
    let name = above.path().to_str().unwrap().trim_start_matches('/').to_owned();
    let dir = rig.dir.path().join("lxc");
    std::fs::create_dir_all(&dir).unwrap();
    // A directory, to be mounted on one that is there in any root file system.
    let files = rig.dir.path().join("files");
    std::fs::create_dir_all(&files).unwrap();
    std::fs::write(files.join("script"), SCRIPT).unwrap();
    std::fs::write(dir.join("config"), configuration(rig, order, &name, &files)).unwrap();

    let execute = format!(
        "exec lxc-execute --lxcpath {dir} --name {name} --rcfile {dir}/config --logfile {dir}/log --logpriority INFO -- sh /mnt/script",
        dir = dir.display(),
    );
    // newuidmap(1) gives root only what these files say, here and nowhere else.
    let ids = "printf 'root:100000:65536\\n' >/tmp/ids; mount --bind /tmp/ids /etc/subuid; mount --bind /tmp/ids /etc/subgid; ";
    let before = if order.unprivileged {
        format!("mount -t tmpfs none /mnt; {}", ids.replace("/tmp/ids", "/mnt/ids"))
    } else {
        String::new()
    };
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "slave", "sh", "-ec", &(before + &execute)]);
    command
        .env("LXCFS_SOURCE", rig.daemon.mount())
        .env("LXCFS_STRICT", "1")
        .env("LXCFS_WITHIN", WITHIN)
        .env("LXCFS_CLI", order.cli);
    let finished = Running::start(command).finish();
    if !finished.status.success() {
        let log = std::fs::read_to_string(dir.join("log")).unwrap_or_default();
        panic!("{}\n{}\n{log}", finished.text(), finished.stderr);
    }
    finished
}

fn configuration(rig: &Rig, order: &Order<'_>, name: &str, files: &Path) -> String {
    let is_v1 = |one: &Hierarchy| one.version == Version::V1 && one.has("memory");
    let limit = if hierarchies().iter().any(is_v1) {
        format!("lxc.cgroup.memory.limit_in_bytes = {MEMORY}\n")
    } else {
        format!("lxc.cgroup2.memory.max = {MEMORY}\n")
    };
    let user = if order.unprivileged {
        "lxc.include = /usr/share/lxc/config/userns.conf\nlxc.idmap = u 0 100000 65536\nlxc.idmap = g 0 100000 65536\n"
    } else {
        ""
    };
    format!(
        "lxc.include = /usr/share/lxc/config/common.conf\n\
         {user}\
         lxc.uts.name = container\n\
         lxc.apparmor.profile = unconfined\n\
         lxc.net.0.type = empty\n\
         lxc.rootfs.path = dir:{rootfs}\n\
         lxc.rootfs.options = ro\n\
         lxc.autodev = 1\n\
         lxc.cgroup.dir = {name}\n\
         {limit}\
         lxc.mount.auto = proc:mixed sys:mixed\n\
         lxc.mount.entry = {files} mnt none bind,ro 0 0\n\
         {delivery}",
        rootfs = rig.rootfs.display(),
        files = files.display(),
        delivery = order.delivery,
    )
}

fn hook() -> String {
    format!("lxc.hook.mount = {HOOK}\n")
}

fn container_sees_itself(unprivileged: bool, cli: &str) {
    if !has_lxc() {
        return;
    }
    let Some(rig) = Rig::new(&[]) else { return };
    let delivery = hook();
    let said = sees_itself(
        "lxc.mount.hook",
        run(
            &rig,
            &Order {
                unprivileged,
                delivery: &delivery,
                cli,
            },
        ),
    );
    assert_eq!(mounts_at(&said, "/proc/meminfo"), 1, "{said}");
    assert_eq!(mounts_at(&said, "/sys/devices/system/cpu"), 1, "{said}");
    let pressure = usize::from(machine_has(&[Machine::Pressure]));
    assert_eq!(mounts_at(&said, "/proc/pressure/cpu"), pressure, "{said}");
}

#[test]
fn a_container_of_lxc_has_the_files_by_the_mount_hook() {
    container_sees_itself(false, TOOL);
}

#[test]
fn an_unprivileged_container_of_lxc_has_the_files_by_the_mount_hook() {
    container_sees_itself(true, TOOL);
}

#[test]
fn the_mount_hook_of_lxc_works_without_the_tool() {
    container_sees_itself(false, "");
}

#[test]
fn the_mount_hook_of_lxc_works_without_the_tool_in_a_user_namespace() {
    container_sees_itself(true, "");
}

#[test]
fn a_container_of_lxc_has_the_files_by_mount_entries() {
    if !has_lxc() {
        return;
    }
    let Some(rig) = Rig::new(&[]) else { return };
    let delivery = rig.inject(&["lxc"]);
    let order = Order {
        unprivileged: false,
        delivery: &delivery,
        cli: "",
    };
    sees_itself("lxc.mount.entry", run(&rig, &order));
}
