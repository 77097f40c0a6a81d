//! Podman, in each way that it can be told.

use lxcfs_testing::runtime::Runtime;
use lxcfs_testing::{Machine, machine_has};

use crate::rig::{Rig, mounts_at, sees_itself, sees_the_host};

fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

#[test]
fn podman_has_the_files_by_its_own_flags() {
    let Some(rig) = Rig::new(&[Runtime::Podman, Runtime::Runc]) else {
        return;
    };
    let mut container = rig.container();
    container.podman_arguments = lines(&rig.inject(&["podman", "--runtime", "runc"]));
    let said = sees_itself("podman run --volume", Runtime::Podman.run(&container));
    assert_eq!(mounts_at(&said, "/sys/devices/system/cpu"), 1, "{said}");
    let options = said.lines().find(|line| line.contains(" /proc/meminfo ")).unwrap();
    assert!(options.contains(" ro,nosuid,nodev,noexec,"), "{options}");
}

#[test]
fn podman_has_the_files_by_the_flags_of_docker() {
    let Some(rig) = Rig::new(&[Runtime::Podman, Runtime::Runc]) else {
        return;
    };
    let mut container = rig.container();
    container.podman_arguments = lines(&rig.inject(&["docker", "--runtime", "runc"]));
    sees_itself("docker run --volume, by podman", Runtime::Podman.run(&container));
}

#[test]
fn podman_has_the_files_as_a_cdi_device() {
    let Some(rig) = Rig::new(&[Runtime::Podman, Runtime::Runc]) else {
        return;
    };
    let dir = rig.install(&["cdi", "--runtime", "runc"]);
    let mut container = rig.container();
    // Podman of this time reads /etc/cdi and /var/run/cdi only.
    let Some(_etc) = in_etc_cdi(&dir) else { return };
    container.podman_arguments = lines("--device=lxcfs.io/view=default");
    sees_itself("podman run --device", Runtime::Podman.run(&container));
    if machine_has(&[Machine::Pressure]) {
        container.podman_arguments = lines("--device=lxcfs.io/view=default\n--device=lxcfs.io/view=psi");
        let said = sees_itself("podman run --device, with pressure", Runtime::Podman.run(&container));
        assert_eq!(mounts_at(&said, "/proc/pressure/cpu"), 1, "{said}");
    }
}

/// Puts the file where Podman finds it for as long as what is returned lives; none if somebody's own is there.
fn in_etc_cdi(dir: &std::path::Path) -> Option<impl Drop + use<>> {
    struct Remove;
    impl Drop for Remove {
        fn drop(&mut self) {
            let _ = std::fs::remove_file(PLACE);
            let _ = std::fs::remove_dir("/var/run/cdi");
        }
    }
    const PLACE: &str = "/var/run/cdi/lxcfs-test.json";
    if std::path::Path::new("/etc/cdi/lxcfs.json").exists() {
        lxcfs_testing::skipped("no /etc/cdi/lxcfs.json of somebody else's");
        return None;
    }
    std::fs::create_dir_all("/var/run/cdi").unwrap();
    std::fs::copy(dir.join("lxcfs.json"), PLACE).unwrap();
    Some(Remove)
}

#[test]
fn podman_has_the_files_by_a_hook_if_the_container_asks() {
    let Some(rig) = Rig::new(&[Runtime::Podman, Runtime::Runc]) else {
        return;
    };
    let dir = rig.install(&["hook"]);
    let mut container = rig.container();
    container.podman_options = vec![format!("--hooks-dir={}", dir.display())];
    sees_the_host(Runtime::Podman.run(&rig_without_grep(&container)));

    container
        .annotations
        .insert("lxcfs.io/inject".to_owned(), "true".to_owned());
    let said = sees_itself("podman run --annotation, by a hook", Runtime::Podman.run(&container));
    if machine_has(&[Machine::Pressure]) {
        // What runc would refuse as a mount.
        assert_eq!(mounts_at(&said, "/proc/pressure/cpu"), 1, "{said}");
    }
}

/// The same container where nothing of the daemon's is mounted, which is no failure.
fn rig_without_grep<'a>(container: &lxcfs_testing::runtime::Contained<'a>) -> lxcfs_testing::runtime::Contained<'a> {
    let mut without = container.clone();
    without.script = "head -1 /proc/meminfo";
    without
}

#[test]
fn podman_has_the_files_in_all_containers_by_its_configuration() {
    let Some(rig) = Rig::new(&[Runtime::Podman, Runtime::Runc]) else {
        return;
    };
    let dir = rig.install(&["containers-conf", "--runtime", "runc"]);
    let mut container = rig.container();
    let file = dir.join("50-lxcfs.conf").display().to_string();
    container.environment = vec![("CONTAINERS_CONF".to_owned(), file)];
    sees_itself("containers.conf", Runtime::Podman.run(&container));
}
