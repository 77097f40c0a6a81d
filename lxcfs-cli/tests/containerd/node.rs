//! A node: containerd, the daemon and the plugin in mount and pid namespaces of their own, gone when it is dropped.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use lxcfs_testing::{
    Cgroup, Finished, Limits, Machine, PATIENCE, Running, becomes_true, machine_has, skipped, wait_until,
};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::cri::{self, call};

/// What every node's process 1 does. The programs of the other Debian are there only after the last mount.
const SET_UP: &str = r#"
mount --make-rshared / &&
mount -t proc proc /proc &&
mount -t tmpfs none /run &&
mount --bind "$1/usr" /usr &&
: >"$2/ready" &&
exec /usr/bin/busybox sleep 3600
"#;

const IMAGE: &str = "localhost/lxcfs-test:latest";

pub(crate) struct Node {
    // What runs goes before what it runs in.
    processes: Running<'static>,
    first: u32,
    cgroup: Cgroup,
    dir: TempDir,
    root: PathBuf,
}

/// A process in a node.
pub(crate) struct Inside {
    running: Running<'static>,
    pid: u32,
}

impl Inside {
    /// What it has said, on either output.
    pub(crate) fn said(&self) -> String {
        self.running.said()
    }

    /// Waits until it has said that.
    pub(crate) fn says(&mut self, what: &str) {
        let said = becomes_true(PATIENCE, || self.said().contains(what) || !self.running.is_running());
        assert!(
            said && self.said().contains(what),
            "does not say {what:?}: {}",
            self.said()
        );
    }

    /// Tells it to end, and waits until it has.
    pub(crate) fn end(self) -> Finished {
        self.signal(Signal::SIGTERM);
        self.running.finish()
    }

    /// Kills it.
    pub(crate) fn kill(self) {
        self.signal(Signal::SIGKILL);
        let _ = self.running.finish();
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.pid).unwrap()), signal).unwrap();
    }
}

impl Node {
    /// One with the containerd of that suite of Debian, if this machine can have one.
    pub(crate) fn start(suite: &str) -> Option<Self> {
        if !machine_has(&[Machine::Root, Machine::Cgroups, Machine::Fuse]) {
            return None;
        }
        let root = containerd_of(suite)?;
        let dir = tempfile::Builder::new().prefix("nri").tempdir_in("/tmp").unwrap();
        fs::create_dir(dir.path().join("lxcfs")).unwrap();
        fs::create_dir(dir.path().join("log")).unwrap();
        fs::write(dir.path().join("config.toml"), configuration(dir.path())).unwrap();
        let cgroup = Cgroup::new(&Limits::default());
        // It goes with us however we end, and all that is in the node goes with it.
        let mut command = Command::new("setpriv");
        command
            .args([
                "--pdeathsig=KILL",
                "unshare",
                "--mount",
                "--pid",
                "--fork",
                "--kill-child=KILL",
                "--propagation",
                "private",
            ])
            .args(["sh", "-c", SET_UP, "sh"])
            .args([&root, dir.path()]);
        let processes = Running::start(command);
        let first = only_child(processes.pid());
        let node = Self {
            processes,
            first,
            cgroup,
            dir,
            root,
        };
        let ready = node.path("ready");
        wait_until("the node is there", || ready.exists());
        Some(node)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Its first process, for who looks from outside.
    pub(crate) fn first(&self) -> u32 {
        assert_ne!(self.processes.pid(), self.first);
        self.first
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--target={}", self.first()))
            .args(["--mount", "--pid", "--"])
            // Both outputs in one.
            .args(["/usr/bin/busybox", "sh", "-c", "exec \"$@\" 2>&1", "sh"])
            .args(words);
        command
    }

    /// Runs something to its end.
    pub(crate) fn run(&self, words: &[&str]) -> String {
        let finished = Running::start(self.command(words)).finish().well();
        finished.text()
    }

    /// Starts something that goes on.
    pub(crate) fn begin(&self, words: &[&str]) -> Inside {
        let running = Running::start(self.command(words));
        let pid = only_child(running.pid());
        Inside { running, pid }
    }

    /// Starts containerd, and waits until it answers.
    pub(crate) fn containerd(&self) -> Inside {
        let config = self.path("config.toml");
        let mut containerd = self.begin(&["containerd", "--config", config.to_str().unwrap()]);
        let socket = self.path("c.sock");
        let answers = becomes_true(PATIENCE, || {
            let version: Result<cri::Version, _> = call(&socket, "Version", &cri::Nothing {});
            version.is_ok() || !containerd.running.is_running()
        });
        assert!(answers && containerd.running.is_running(), "{}", containerd.said());
        containerd
    }

    /// Has containerd import the image that containers run.
    pub(crate) fn import(&self) {
        let (socket, image) = (self.path("c.sock"), self.root.join("image.tar"));
        let (socket, image) = (socket.to_str().unwrap(), image.to_str().unwrap());
        self.run(&[
            "ctr",
            "--address",
            socket,
            "--namespace",
            "k8s.io",
            "images",
            "import",
            "--local",
            "--snapshotter",
            "native",
            image,
        ]);
    }

    /// Starts the daemon, and waits until it is mounted.
    pub(crate) fn lxcfs(&self) -> Inside {
        let (pid_file, mountpoint) = (self.path("lxcfs.pid"), self.path("lxcfs"));
        let (pid_file, mountpoint) = (pid_file.to_str().unwrap(), mountpoint.to_str().unwrap());
        let mut lxcfs = self.begin(&[env!("CARGO_BIN_EXE_lxcfs-cli"), "mount", "-p", pid_file, mountpoint]);
        lxcfs.says(" settings ");
        lxcfs
    }

    /// Starts the plugin, and waits until the runtime has taken it and told what runs.
    pub(crate) fn plugin(&self, arguments: &[&str]) -> Inside {
        let mut plugin = self.begin_plugin(arguments);
        plugin.says("what runs already");
        plugin
    }

    /// Starts the plugin.
    pub(crate) fn begin_plugin(&self, arguments: &[&str]) -> Inside {
        let (socket, source) = (self.path("nri.sock"), self.path("lxcfs"));
        let mut words = vec![
            env!("CARGO_BIN_EXE_lxcfs-cli"),
            "nri",
            "--log-level=debug",
            "--socket",
            socket.to_str().unwrap(),
            "--source",
            source.to_str().unwrap(),
        ];
        words.extend(arguments);
        self.begin(&words)
    }

    /// Starts a container of 256 MiB and one and a half CPUs, in a pod of its own with those annotations.
    pub(crate) fn container(&self, name: &str, annotations: &[(&str, &str)]) -> Pod<'_> {
        let namespaces = cri::NamespaceOption { network: 2, pid: 1 };
        let pod_config = cri::PodConfig {
            metadata: Some(cri::Metadata {
                name: name.to_owned(),
                uid: name.to_owned(),
                namespace: "default".to_owned(),
            }),
            log_directory: self.path("log").display().to_string(),
            annotations: annotations
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect::<BTreeMap<_, _>>(),
            linux: Some(cri::LinuxPod {
                cgroup_parent: format!("/{}", self.cgroup.path().display()),
                security: Some(cri::PodSecurity {
                    namespaces: Some(namespaces.clone()),
                }),
            }),
        };
        let run = cri::RunPod {
            config: Some(pod_config.clone()),
        };
        let pod: cri::Id = self.cri("RunPodSandbox", &run);
        let create = cri::CreateContainer {
            pod: pod.id.clone(),
            config: Some(cri::ContainerConfig {
                metadata: Some(cri::Id { id: "web".to_owned() }),
                image: Some(cri::Image {
                    image: IMAGE.to_owned(),
                }),
                log_path: format!("{name}.log"),
                linux: Some(cri::LinuxContainer {
                    resources: Some(cri::Resources {
                        cpu_period: 100_000,
                        cpu_quota: 100_000,
                        memory: 256 << 20,
                    }),
                    security: Some(cri::ContainerSecurity {
                        namespaces: Some(namespaces),
                    }),
                }),
            }),
            pod_config: Some(pod_config),
        };
        let container: cri::Id = self.cri("CreateContainer", &create);
        let _: cri::Nothing = self.cri("StartContainer", &container);
        Pod {
            node: self,
            pod: pod.id,
            container: container.id,
        }
    }

    fn cri<T: prost::Message + Default>(&self, method: &str, argument: &impl prost::Message) -> T {
        call(&self.path("c.sock"), method, argument).unwrap_or_else(|error| panic!("{method}: {error}"))
    }
}

/// A pod with one container, removed with its drop if containerd is there.
pub(crate) struct Pod<'n> {
    node: &'n Node,
    pod: String,
    container: String,
}

impl Pod<'_> {
    /// What a command says in it.
    pub(crate) fn says(&self, command: &str) -> String {
        let exec = cri::Exec {
            container: self.container.clone(),
            command: ["sh", "-c", command].map(str::to_owned).to_vec(),
            timeout: 60,
        };
        let done: cri::Executed = self.node.cri("ExecSync", &exec);
        let stdout = String::from_utf8(done.stdout).unwrap();
        assert_eq!(
            done.status,
            0,
            "{command}: {stdout}{}",
            String::from_utf8_lossy(&done.stderr)
        );
        stdout
    }

    /// The total memory that it sees, in MiB.
    pub(crate) fn memory(&self) -> u64 {
        let said = self.says("/bin/free -m");
        let line = said.lines().find_map(|line| line.strip_prefix("Mem:")).unwrap();
        line.split_whitespace().next().unwrap().parse().unwrap()
    }
}

impl Drop for Pod<'_> {
    fn drop(&mut self) {
        let pod = cri::Id { id: self.pod.clone() };
        for method in ["StopPodSandbox", "RemovePodSandbox"] {
            // The node ends whatever is left.
            let _: Result<cri::Nothing, _> = call(&self.node.path("c.sock"), method, &pod);
        }
    }
}

/// Where the containerd of a suite is.
fn containerd_of(suite: &str) -> Option<PathBuf> {
    for tool in ["mmdebstrap", "curl"] {
        let found = std::env::split_paths(&std::env::var_os("PATH").unwrap()).any(|dir| dir.join(tool).exists());
        if !found {
            skipped(tool);
            return None;
        }
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../.ci/containerd");
    let said = Command::new(script).arg(suite).output().unwrap();
    if !said.status.success() {
        skipped(&format!(
            "packages of Debian's {suite}: {}",
            String::from_utf8_lossy(&said.stderr)
        ));
        return None;
    }
    Some(String::from_utf8(said.stdout).unwrap().trim().into())
}

fn only_child(pid: u32) -> u32 {
    let mut child = None;
    wait_until("a process has started another", || {
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        child = children.trim().parse().ok();
        child.is_some()
    });
    child.unwrap()
}

/// The configuration of containerd, in the form that 1.7 and 2 understand.
fn configuration(dir: &Path) -> String {
    let dir = dir.display();
    format!(
        r#"version = 2
root = "{dir}/root"
state = "{dir}/state"
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.internal.v1.tracing"]

[grpc]
address = "{dir}/c.sock"

[ttrpc]
address = "{dir}/c.sock.ttrpc"

[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{IMAGE}"
restrict_oom_score_adj = true

[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "{dir}/none"
conf_dir = "{dir}/none"

[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "native"

[plugins."io.containerd.nri.v1.nri"]
disable = false
disable_connections = false
socket_path = "{dir}/nri.sock"
plugin_path = "{dir}/none"
plugin_config_path = "{dir}/none"
"#
    )
}
