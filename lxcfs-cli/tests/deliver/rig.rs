//! The daemon, what containers are asked, and what they are to say.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use lxcfs_testing::runtime::{Contained, Runtime, rootfs};
use lxcfs_testing::{Daemon, Finished, Machine, Running, machine_has, skipped};
use tempfile::TempDir;

/// The tool under test.
pub(crate) const TOOL: &str = env!("CARGO_BIN_EXE_lxcfs-cli");

/// The limit of each container, and how its lines tell it.
pub(crate) const MEMORY: u64 = 256 << 20;
const MEM_TOTAL: &str = "MemTotal:         262144 kB\n";

/// How long a hook waits where it is to succeed: an emulated machine is slow.
pub(crate) const WITHIN: &str = "60000";

/// What each container is asked.
pub(crate) const SCRIPT: &str =
    "head -1 /proc/meminfo; free -m; nproc; uptime -p; grep fuse.lxcfs /proc/self/mountinfo";

/// A daemon, and a root for containers.
pub(crate) struct Rig {
    pub(crate) daemon: Daemon,
    pub(crate) rootfs: PathBuf,
    pub(crate) dir: TempDir,
}

impl Rig {
    /// None where this machine cannot have it, or where one of these programs is missing.
    pub(crate) fn new(runtimes: &[Runtime]) -> Option<Self> {
        if !machine_has(&[Machine::Root, Machine::Cgroups, Machine::Fuse]) {
            return None;
        }
        if let Some(missing) = runtimes.iter().find_map(|runtime| runtime.missing()) {
            skipped(missing);
            return None;
        }
        let Some(rootfs) = rootfs() else {
            skipped("a root file system: .ci/rootfs makes it from Debian's archives");
            return None;
        };
        let dir = tempfile::tempdir().unwrap();
        // Users of unprivileged containers are to come through.
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        Some(Self {
            daemon: daemon(dir.path()),
            rootfs,
            dir,
        })
    }

    /// A container that answers what each is asked.
    pub(crate) fn container(&self) -> Contained<'_> {
        self.container_of(SCRIPT)
    }

    pub(crate) fn container_of<'a>(&'a self, script: &'a str) -> Contained<'a> {
        Contained::new(&self.rootfs, script, MEMORY)
    }

    /// What `lxcfs-cli inject` prints for the files of this daemon.
    pub(crate) fn inject(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(TOOL);
        command.arg("inject").args(arguments);
        command.arg("--source").arg(self.daemon.mount());
        Running::start(command).finish().well().text()
    }

    /// The same as a file in a directory of its own, which is returned.
    pub(crate) fn install(&self, arguments: &[&str]) -> PathBuf {
        let dir = self.dir.path().join("installed");
        self.inject(&[arguments, &["--install", "--dir", dir.to_str().unwrap()]].concat());
        dir
    }
}

/// The daemon `lxcfs-cli mount`, which starts by a script as the daemon's tests start `lxcfs`.
fn daemon(dir: &Path) -> Daemon {
    let script = dir.join("daemon");
    std::fs::write(&script, format!("#!/bin/sh\nexec {TOOL} mount \"$@\"\n")).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    Daemon::start(&script, &[])
}

/// A container that has ended well has seen itself. Returns what it said.
pub(crate) fn sees_itself(how: &str, finished: Finished) -> String {
    let said = finished.well().text();
    assert!(said.starts_with(MEM_TOTAL), "{how}: {said}");
    let free = said.lines().find(|line| line.starts_with("Mem:")).unwrap_or_default();
    assert_eq!(free.split_whitespace().nth(1), Some("256"), "{how}: {said}");
    // With `--nocapture`, the container's own words.
    let told: Vec<_> = said.lines().take_while(|line| !line.contains("fuse.lxcfs")).collect();
    #[expect(clippy::print_stdout, reason = "a test's own output")]
    {
        println!("=== {how}\n{}", told.join("\n"));
    }
    said
}

/// A container that was started without the files sees the host.
pub(crate) fn sees_the_host(finished: Finished) {
    let said = finished.well().text();
    assert!(said.starts_with("MemTotal:") && !said.starts_with(MEM_TOTAL), "{said}");
}

/// How often something of the daemon is mounted at that place, by a container's mountinfo.
pub(crate) fn mounts_at(said: &str, place: &str) -> usize {
    said.lines()
        .filter(|line| line.contains(" - fuse.lxcfs ") && line.split(' ').nth(4) == Some(place))
        .count()
}
