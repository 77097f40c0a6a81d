//! Readers that see other things below `/proc` than the daemon does, or are other users: nothing of it counts.

use std::fs;

use lxcfs_testing::{Cgroup, Container, Limits, Running, wait_until};

use super::worker::Served;

/// What each of these shell scripts prints in a mount namespace of the container is its own; `$1` is the daemon's file.
const SCRIPTS: &[&str] = &[
    // Nothing below /proc; and then a lie.
    r#"mount -t tmpfs none /proc && cat "$1""#,
    r#"mount -t tmpfs none /proc && mkdir /proc/self /proc/1 && echo '0::/' > /proc/self/cgroup && cat "$1""#,
    r#"mkdir "$2/p" && mount -t proc proc "$2/p" && mount --bind "$2/p/1" /proc && cat "$1""#,
    // Its own /proc, with much hidden.
    r#"mount -t proc -o hidepid=2 proc /proc && cat "$1""#,
    r#"mount -t proc -o subset=pid proc /proc && cat "$1""#,
    // The file elsewhere: over others, by links, over itself.
    r#"touch "$2/x" && mount --bind "$1" "$2/x" && cat "$2/x""#,
    r#"mount --bind "$1" /etc/hostname && cat /etc/hostname"#,
    r#"ln -s "$1" "$2/l" && ln -s "$2/l" "$2/m" && cat "$2/m""#,
    r#"mount -t proc proc /proc && mount --bind "$1" /proc/meminfo && cat /proc/self/root/proc/meminfo"#,
    r#"mount --bind "$1" "$1" && mount --bind "$1" "$1" && cat "$1""#,
    r#"cat < "$1""#,
    r#"exec 3< "$1" && cat <&3"#,
    // As other users, and in other namespaces.
    r#"setpriv --reuid 65534 --regid 65534 --clear-groups --bounding-set -all --inh-caps -all cat "$1""#,
    r#"unshare --user --map-root-user cat "$1""#,
    r#"unshare --user --map-root-user --pid --mount --fork cat "$1""#,
    r#"unshare --user --map-root-user --cgroup --net --uts --ipc cat "$1""#,
];

#[test]
fn whatever_is_mounted_and_whoever_reads_it_is_the_containers_own() {
    let Some(served) = Served::start(&[]) else { return };
    let cgroup = Cgroup::new(&Limits::default().memory(64 << 20));
    let container = Container::start(&cgroup);
    for script in SCRIPTS {
        let dir = tempfile::tempdir().unwrap();
        let dir_name = dir.path().to_str().unwrap();
        let path = served.meminfo();
        let words = [
            "unshare",
            "--mount",
            "--propagation",
            "private",
            "sh",
            "-ec",
            script,
            "sh",
            &path,
            dir_name,
        ];
        for _ in 0..2 {
            let said = container.caller().run(&words);
            assert!(said.status.success(), "{script}: {}", said.stderr);
            let text = said.text();
            assert!(text.starts_with("MemTotal:          65536 kB"), "{script}: {text}");
            // The next time the directory is as it was.
            for entry in fs::read_dir(dir.path()).unwrap().flatten() {
                let _ = fs::remove_file(entry.path());
                let _ = fs::remove_dir(entry.path());
            }
        }
    }
    served.is_well();
}

/// A cgroup whose processes can be stopped by the kernel.
struct Freezer<'c>(&'c Cgroup);

impl Freezer<'_> {
    fn write(&self, frozen: bool) -> bool {
        let v1 = self.0.dir("freezer").map(|dir| dir.join("freezer.state"));
        let v2 = self.0.dir("unified").map(|dir| dir.join("cgroup.freeze"));
        match (v1, v2) {
            (Some(file), _) if file.exists() => fs::write(file, if frozen { "FROZEN" } else { "THAWED" }).is_ok(),
            (_, Some(file)) if file.exists() => fs::write(file, if frozen { "1" } else { "0" }).is_ok(),
            _ => false,
        }
    }
}

impl Drop for Freezer<'_> {
    fn drop(&mut self) {
        self.write(false);
    }
}

#[test]
fn readers_that_are_frozen_while_they_read_hold_up_nobody_and_go_on_afterwards() {
    let Some(served) = Served::start(&[]) else { return };
    let [cold, warm] = [64, 96].map(|size: u64| Cgroup::new(&Limits::default().memory(size << 20)));
    let freezer = Freezer(&cold);
    if !freezer.write(false) {
        return lxcfs_testing::kernel_lacks("a freezer of cgroups");
    }
    let container = Container::start(&cold);
    let other = Container::start(&warm);
    let path = served.meminfo();
    let readers: Vec<Running<'_>> = (0..4).map(|_| container.caller().act("for ever", &[&path])).collect();
    for reader in &readers {
        wait_until("the reader reads", || reader.said().contains("reading"));
    }
    for _ in 0..20 {
        assert!(freezer.write(true));
        for _ in 0..3 {
            assert_eq!(served.memory(other.caller()), 96);
        }
        assert!(freezer.write(false));
        assert_eq!(served.memory(container.caller()), 64);
    }
    drop(readers);
    served.is_well();
}
