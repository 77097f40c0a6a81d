//! Containers of real runtimes: how each is told to run a script in a limited container.

mod bundle;
mod podman;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::{Cgroup, Finished, Limits, Running};

/// A JVM in an emulated machine takes its time.
const PATIENCE: Duration = Duration::from_secs(600);

/// A runtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Runtime {
    /// runc.
    Runc,
    /// crun.
    Crun,
    /// Podman, which runs containers by runc.
    Podman,
}

/// What a container is to be.
#[derive(Debug, Clone)]
pub struct Contained<'a> {
    /// Its root; see [`rootfs`].
    pub rootfs: &'a Path,
    /// What it runs, as a shell script.
    pub script: &'a str,
    /// The most memory.
    pub memory: u64,
    /// The most CPU time, in hundredths of a CPU.
    pub quota_percent: Option<u32>,
    /// The CPUs that it may use.
    pub cpuset: Option<String>,
    /// Whether it has a user namespace, as far as it is made by hand.
    pub unprivileged: bool,
    /// How mounts of the host come into it, as far as it is made by hand: `rootfsPropagation`.
    pub root_propagation: Option<&'static str>,
    /// Mounts of an OCI specification; of no meaning to Podman.
    pub mounts: Vec<Value>,
    /// createContainer hooks of an OCI specification; of no meaning to Podman.
    pub hooks: Vec<Value>,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
    /// More arguments of `podman`, before `run`.
    pub podman_options: Vec<String>,
    /// More arguments of `podman run`.
    pub podman_arguments: Vec<String>,
    /// Environment variables of the runtime itself.
    pub environment: Vec<(String, String)>,
}

impl<'a> Contained<'a> {
    /// A container that runs a script with that much memory.
    #[must_use]
    pub fn new(rootfs: &'a Path, script: &'a str, memory: u64) -> Self {
        Self {
            rootfs,
            script,
            memory,
            quota_percent: None,
            cpuset: None,
            unprivileged: false,
            root_propagation: None,
            mounts: Vec::new(),
            hooks: Vec::new(),
            annotations: BTreeMap::new(),
            podman_options: Vec::new(),
            podman_arguments: Vec::new(),
            environment: Vec::new(),
        }
    }
}

impl Runtime {
    /// The name of its program.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Runc => "runc",
            Self::Crun => "crun",
            Self::Podman => "podman",
        }
    }

    /// What is not installed here.
    #[must_use]
    pub fn missing(self) -> Option<&'static str> {
        let works = Command::new(self.name()).arg("--version").output().is_ok();
        (!works).then_some(self.name())
    }

    /// Runs that container to its end.
    #[must_use]
    pub fn run(self, contained: &Contained<'_>) -> Finished {
        // Whatever the runtime leaves in it is removed with it.
        let above = Cgroup::new(&Limits::default());
        let name = above.path().to_str().unwrap();
        let dir = tempfile::tempdir().unwrap();
        // A directory of its own, to be mounted on one that is there in any root file system.
        std::fs::create_dir(dir.path().join("files")).unwrap();
        std::fs::write(dir.path().join("files/script"), contained.script).unwrap();
        let mut command = match self {
            Self::Podman => podman::command(dir.path(), name, contained),
            Self::Runc | Self::Crun => {
                bundle::write(dir.path(), name, contained);
                self.low_level(dir.path(), name)
            }
        };
        command.envs(contained.environment.iter().cloned());
        Running::start(command).finish_within(PATIENCE)
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

/// Where the clients are installed; made if it is not there.
#[must_use]
pub fn rootfs() -> Option<PathBuf> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.ci/rootfs");
    let made = Running::start(Command::new(script)).finish_within(PATIENCE);
    let path = made.text();
    made.status.success().then(|| PathBuf::from(path.trim_end()))
}
