//! A node: a directory that stands for its `/run/lxcfs`, pods with the daemon, and containers that read.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use lxcfs_core::mountinfo::mounts;
use lxcfs_testing::runtime::{Runtime, rootfs};
use lxcfs_testing::{Cgroup, Finished, Limits, Machine, PATIENCE, Running, becomes_true, machine_has, skipped};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use tempfile::TempDir;

use crate::example;
use crate::reader::{self, Reader};

const TOOL: &str = env!("CARGO_BIN_EXE_lxcfs-cli");
const NONE: Option<&str> = None;

pub(crate) struct Node {
    number: AtomicU32,
    rootfs: PathBuf,
    // What is left in it ends with it, and then its directory can go.
    cgroup: Cgroup,
    dir: TempDir,
}

impl Node {
    /// None where this machine cannot have it.
    pub(crate) fn new() -> Option<Self> {
        if !machine_has(&[Machine::Root, Machine::Cgroups, Machine::Fuse]) {
            return None;
        }
        if let Some(missing) = [Runtime::Podman, Runtime::Runc].iter().find_map(|one| one.missing()) {
            skipped(missing);
            return None;
        }
        let Some(rootfs) = rootfs() else {
            skipped("a root file system: .ci/rootfs makes it from Debian's archives");
            return None;
        };
        let dir = tempfile::tempdir().unwrap();
        for name in ["run", "programs", "files"] {
            fs::create_dir(dir.path().join(name)).unwrap();
        }
        // The image has `lxcfs` there; it is the same daemon.
        let program = dir.path().join("programs/lxcfs");
        fs::write(&program, "#!/bin/sh\nexec /mnt/lxcfs-cli mount \"$@\"\n").unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let node = Self {
            number: AtomicU32::new(0),
            rootfs,
            cgroup: Cgroup::new(&Limits::default()),
            dir,
        };
        // As `/run` is on a node: on a shared mount.
        let run = node.run_dir();
        mount(Some(&run), &run, NONE, MsFlags::MS_BIND, NONE).unwrap();
        mount(NONE, &run, NONE, MsFlags::MS_SHARED, NONE).unwrap();
        Some(node)
    }

    /// What `/run/lxcfs` is on a node.
    pub(crate) fn run_dir(&self) -> PathBuf {
        self.dir.path().join("run")
    }

    /// A directory for what a container of that number and its test tell each other.
    pub(crate) fn files(&self, number: u32) -> PathBuf {
        self.dir.path().join("files").join(number.to_string())
    }

    fn podman(&self) -> Command {
        let mut command = Command::new("podman");
        let at = |name: &str| self.dir.path().join(name).into_os_string();
        command
            .arg("--root")
            .arg(at("storage"))
            .arg("--runroot")
            .arg(at("podman"));
        command.args([
            "--storage-driver=vfs",
            "--cgroup-manager=cgroupfs",
            "--events-backend=none",
            "--runtime=runc",
        ]);
        command
    }

    fn name(&self, number: u32) -> String {
        format!("{}-{number}", self.cgroup.path().display())
            .trim_start_matches('/')
            .to_owned()
    }

    /// The beginning of `podman run`, for a container with a number of its own.
    fn run(&self) -> (u32, Command) {
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        fs::create_dir(self.files(number)).unwrap();
        let mut command = self.podman();
        command.args(["run", "--network=none", "--tmpfs=/run"]);
        command.arg("--log-driver=k8s-file");
        command.arg(format!("--log-opt=path={}", self.log_file(number).display()));
        // More than that may not be asked for everywhere.
        command.args(["--ulimit=nofile=1024:1024", "--ulimit=nproc=1000:1000"]);
        command.arg(format!("--name={}", self.name(number)));
        command.arg(format!("--cgroup-parent={}", self.cgroup.path().display()));
        (number, command)
    }

    fn log_file(&self, number: u32) -> PathBuf {
        self.dir.path().join(format!("log-{number}"))
    }

    /// What all containers have said, for a test that fails.
    pub(crate) fn log(&self) -> String {
        let all = (0..self.number.load(Ordering::Relaxed)).map(|number| {
            let text = fs::read_to_string(self.log_file(number)).unwrap_or_default();
            format!("=== container {number}\n{text}")
        });
        all.collect()
    }

    /// The daemon of the example in a pod, once it serves. `more` are arguments before those that it has.
    pub(crate) fn pod(&self, more: &[&str]) -> Pod<'_> {
        let example = example::daemon();
        let (number, mut command) = self.run();
        command.args(["--privileged", "--pid=host", "--cgroupns=host"]);
        for [volume, place, propagation] in &example.mounts {
            let source = match volume.as_str() {
                "run-lxcfs" => self.run_dir(),
                "cgroup" => PathBuf::from("/sys/fs/cgroup"),
                other => panic!("a volume {other} that is not known here"),
            };
            let option = match propagation.as_str() {
                "Bidirectional" => "rshared",
                "HostToContainer" => "rslave",
                other => panic!("a propagation {other}"),
            };
            command.arg(format!("--volume={}:{place}:{option}", source.display()));
        }
        command.arg(format!("--volume={}:/mnt", self.dir.path().join("programs").display()));
        command.arg(format!("--volume={TOOL}:/mnt/lxcfs-cli:ro"));
        command.arg("--rootfs").arg(&self.rootfs);
        let (program, arguments) = example.words.split_first().unwrap();
        command.arg(in_pod(program)).args(more).args(arguments);
        let mut pod = Pod {
            node: self,
            number,
            example,
            podman: Running::start(command),
        };
        let serves = || fs::read_to_string(self.log_file(number)).is_ok_and(|log| log.contains("a worker serves"));
        let served = becomes_true(PATIENCE, || serves() || !pod.podman.is_running());
        assert!(served && serves(), "the daemon does not serve: {}", self.log());
        assert!(pod.is_ready(), "the probe fails: {}", self.log());
        pod
    }

    /// A container with 256 MiB that reads until it is dropped.
    pub(crate) fn reader(&self) -> Reader<'_> {
        let mut inject = Command::new(TOOL);
        inject.args(["inject", "podman", "--runtime", "runc", "--source"]);
        inject.arg(self.run_dir().join("slots"));
        let flags = Running::start(inject).finish().well().text();
        let (number, mut command) = self.run();
        fs::write(self.files(number).join("script"), reader::SCRIPT).unwrap();
        command.arg("--memory=256m").args(flags.lines());
        command.arg(format!("--volume={}:/mnt", self.files(number).display()));
        command
            .arg("--rootfs")
            .arg(&self.rootfs)
            .args(["python3", "/mnt/script"]);
        Reader::new(self, number, Running::start(command))
    }

    /// Ends a container, whatever it does.
    pub(crate) fn remove(&self, number: u32) {
        let mut command = self.podman();
        command.args(["rm", "--force", "--time=0", &self.name(number)]);
        // A failed test says why it failed; this is the end of it.
        let _ = command.output();
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        for _ in 0..200 {
            let text = fs::read("/proc/self/mountinfo").unwrap_or_default();
            let Some(last) = mounts(&text)
                .filter(|mount| mount.point.starts_with(self.dir.path()))
                .last()
            else {
                break;
            };
            let _ = umount2(&last.point, MntFlags::MNT_DETACH);
        }
    }
}

/// Where a program of the image is in a pod of this test.
fn in_pod(program: &str) -> PathBuf {
    Path::new("/mnt").join(Path::new(program).file_name().unwrap())
}

/// A pod with the daemon.
pub(crate) struct Pod<'n> {
    node: &'n Node,
    number: u32,
    example: example::Container,
    podman: Running<'n>,
}

impl Pod<'_> {
    /// Whether its daemon has not ended.
    pub(crate) fn runs(&self) -> bool {
        let mut command = self.node.podman();
        command.args(["inspect", "--format={{.State.Running}}", &self.node.name(self.number)]);
        Running::start(command).finish().well().text().trim() == "true"
    }

    /// Whether the example's probe says that it is ready.
    pub(crate) fn is_ready(&self) -> bool {
        let (program, arguments) = self.example.probe.split_first().unwrap();
        let mut command = self.node.podman();
        command.args(["exec", &self.node.name(self.number)]);
        command.arg(in_pod(program)).args(arguments);
        Running::start(command).finish().status.success()
    }

    /// Tells it to end as the kubelet does, and waits until it has: by itself, in the time that its pod is given.
    pub(crate) fn stop(&self) {
        let mut command = self.node.podman();
        command.args([
            "stop",
            &format!("--time={}", self.example.grace),
            &self.node.name(self.number),
        ]);
        let _: Finished = Running::start(command)
            .finish_within(PATIENCE + Duration::from_secs(self.example.grace))
            .well();
        let mut command = self.node.podman();
        command.args(["inspect", "--format={{.State.ExitCode}}", &self.node.name(self.number)]);
        let code = Running::start(command).finish().well().text();
        assert_eq!(code.trim(), "0", "{}", self.node.log());
    }
}

impl Drop for Pod<'_> {
    fn drop(&mut self) {
        self.node.remove(self.number);
        let _ = becomes_true(PATIENCE, || !self.podman.is_running());
    }
}
