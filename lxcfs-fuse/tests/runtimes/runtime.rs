//! The runtimes: how each is told to run a script in a limited container with the daemon's files.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use lxcfs_testing::{Cgroup, Daemon, Finished, Running};

use crate::bundle;
use crate::rig::host_cpus;

/// A JVM in an emulated machine takes its time.
const PATIENCE: Duration = Duration::from_secs(600);

/// What runc lets be mounted below `/proc`; it refuses all else.
const RUNC_ALLOWS: [&str; 8] = [
    "cpuinfo",
    "diskstats",
    "loadavg",
    "meminfo",
    "slabinfo",
    "stat",
    "swaps",
    "uptime",
];

/// What a container is limited to, and so what it sees.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    pub(crate) memory: u64,
    pub(crate) quota_percent: Option<u32>,
    pub(crate) cpuset: Option<String>,
    /// The CPUs that it sees.
    pub(crate) shown: Vec<u32>,
    /// The number of CPUs that the scheduler gives it, which is what `sched_getaffinity(2)` tells.
    pub(crate) affinity: usize,
}

impl Limits {
    const MEMORY: u64 = 384 << 20;

    /// Half a CPU less than as many as are shown, and fewer than there are.
    pub(crate) fn quota() -> Self {
        let mut shown = host_cpus();
        let affinity = shown.len();
        shown.truncate((affinity / 2).max(1));
        Self {
            memory: Self::MEMORY,
            quota_percent: Some(u32::try_from(shown.len()).unwrap() * 100 - 50),
            cpuset: None,
            shown,
            affinity,
        }
    }

    /// The last CPU.
    pub(crate) fn cpuset() -> Self {
        let shown = vec![*host_cpus().last().unwrap()];
        Self {
            memory: Self::MEMORY,
            quota_percent: None,
            cpuset: Some(shown.first().unwrap().to_string()),
            shown,
            affinity: 1,
        }
    }
}

/// A runtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Runtime {
    Runc,
    Crun,
    Podman,
}

impl Runtime {
    fn name(self) -> &'static str {
        match self {
            Self::Runc => "runc",
            Self::Crun => "crun",
            Self::Podman => "podman",
        }
    }

    /// What is not installed here.
    pub(crate) fn missing(self) -> Option<&'static str> {
        let works = Command::new(self.name()).arg("--version").output().is_ok();
        (!works).then_some(self.name())
    }

    /// Runs that script.
    pub(crate) fn run(
        self,
        daemon: &Daemon,
        rootfs: &Path,
        limits: &Limits,
        unprivileged: bool,
        script: &str,
    ) -> Finished {
        // Whatever the runtime leaves in it is removed with it.
        let above = Cgroup::new(&lxcfs_testing::Limits::default());
        let name = above.path().to_str().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let mut binds = daemon.binds();
        binds.retain(|(_, to)| self.allows(to));
        // A directory of its own, to be mounted on one that is there in any root file system.
        std::fs::create_dir(dir.path().join("files")).unwrap();
        std::fs::write(dir.path().join("files/script"), script).unwrap();
        let command = match self {
            Self::Podman => podman(dir.path(), name, rootfs, limits, &binds),
            Self::Runc | Self::Crun => {
                bundle::write(dir.path(), rootfs, name, limits, &binds, unprivileged);
                self.low_level(dir.path(), name)
            }
        };
        Running::start(command).finish_within(PATIENCE)
    }

    fn allows(self, path: &str) -> bool {
        // podman runs containers by runc.
        self == Self::Crun
            || path
                .strip_prefix("/proc/")
                .is_none_or(|name| RUNC_ALLOWS.contains(&name))
    }

    fn low_level(self, dir: &Path, name: &str) -> Command {
        let run = format!(
            "{} --root {dir}/state run --bundle {dir} {name}",
            self.name(),
            dir = dir.display()
        );
        let mut command = Command::new("unshare");
        // crun does not run where a controller is on v2 and others are on v1: it is not shown that one.
        let hide = if self == Self::Crun && Path::new("/sys/fs/cgroup/unified").exists() {
            "umount /sys/fs/cgroup/unified; "
        } else {
            ""
        };
        command.args([
            "--mount",
            "--propagation",
            "slave",
            "sh",
            "-c",
            &format!("{hide}exec {run}"),
        ]);
        command
    }
}

fn podman(dir: &Path, name: &str, rootfs: &Path, limits: &Limits, binds: &[(String, String)]) -> Command {
    let mut command = Command::new("podman");
    let at = |name: &str| dir.join(name).into_os_string();
    command.arg("--root").arg(at("storage")).arg("--runroot").arg(at("run"));
    command.args([
        "--storage-driver=vfs",
        "--cgroup-manager=cgroupfs",
        "--events-backend=none",
    ]);
    command.args(["--runtime=runc", "run", "--rm", "--network=none", "--log-driver=none"]);
    // More than that may not be asked for everywhere.
    command.args(["--ulimit=nofile=1024:1024", "--ulimit=nproc=1000:1000"]);
    command
        .arg(format!("--name={name}"))
        .arg(format!("--cgroup-parent=/{name}"));
    command.arg(format!("--memory={}", limits.memory));
    if let Some(percent) = limits.quota_percent {
        command.arg(format!("--cpus={}.{:02}", percent / 100, percent % 100));
    }
    if let Some(cpus) = &limits.cpuset {
        command.arg(format!("--cpuset-cpus={cpus}"));
    }
    for (from, to) in binds {
        command.arg(format!("--volume={from}:{to}"));
    }
    command.args(["--env=LC_ALL=C", "--env=TERM=xterm"]);
    command.arg(format!("--volume={}:/mnt", dir.join("files").display()));
    command.arg("--rootfs").arg(rootfs).args(["sh", "/mnt/script"]);
    command
}

/// Where the clients are installed; made if it is not there.
pub(crate) fn rootfs() -> Option<PathBuf> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.ci/rootfs");
    let made = Running::start(Command::new(script)).finish_within(PATIENCE);
    let path = made.text();
    made.status.success().then(|| PathBuf::from(path.trim_end()))
}
