//! A host of its own: a mount point on which one daemon comes after another, and mount namespaces that hold its files.

use std::cell::RefCell;
use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use lxcfs_core::mountinfo::{Device, Mount, mounts};
use lxcfs_fuse::heal::{Report, Sweep};
use lxcfs_testing::{Caller, Cgroup, PATIENCE, Running, becomes_true, wait_until};
use nix::mount::{MntFlags, umount2};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

pub(crate) const LXCFS: &str = env!("CARGO_BIN_EXE_lxcfs");

/// What a container with 64 MiB sees.
pub(crate) const OWN_MEM_TOTAL: &str = "MemTotal:          65536 kB";

pub(crate) struct Host {
    dir: TempDir,
    /// What its daemons have served.
    devices: RefCell<Vec<Device>>,
}

impl Host {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        // The users of containers come through.
        fs::set_permissions(dir.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        fs::create_dir(dir.path().join("mount")).unwrap();
        Self {
            dir,
            devices: RefCell::default(),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn mount_point(&self) -> PathBuf {
        self.path("mount")
    }

    pub(crate) fn file(&self, path: &str) -> String {
        self.mount_point().join(path).display().to_string()
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// Starts a daemon, and waits until it has said the last thing that it says before it is ready.
    pub(crate) fn start(&self, arguments: &[&str]) -> Served<'_> {
        let log = fs::File::create(self.path("log")).unwrap();
        let mut command = Command::new(LXCFS);
        command
            .arg("-p")
            .arg(self.path("lxcfs.pid"))
            .args(arguments)
            .arg(self.mount_point())
            .env_remove("NOTIFY_SOCKET")
            .env_remove("JOURNAL_STREAM")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        let mut served = Served {
            host: self,
            child: command.process_group(0).spawn().unwrap(),
        };
        wait_until("the daemon is ready", || {
            assert!(served.child.try_wait().unwrap().is_none(), "{}", self.log());
            self.log().contains(" settings ")
        });
        self.devices.borrow_mut().push(self.device());
        served
    }

    /// The device of what is to be seen at the mount point.
    pub(crate) fn device(&self) -> Device {
        let all = mounts_of("self");
        let there = all.iter().rfind(|mount| mount.point == self.mount_point());
        there.expect("it is mounted").device
    }

    pub(crate) fn unmount(&self) {
        umount2(&self.mount_point(), MntFlags::MNT_DETACH).unwrap();
    }

    /// Heals those of what was served here: the machine may have other daemons, which hang.
    pub(crate) fn sweep(&self, containers: &[&Container]) -> Sweep {
        Sweep {
            mountpoint: Some(self.mount_point()),
            pids: Some(containers.iter().map(|one| one.pid()).collect()),
            devices: Some(self.devices.borrow().clone()),
            lock: self.path("lock"),
            program: LXCFS.into(),
            patience: Duration::from_secs(2),
            ..Sweep::default()
        }
    }

    pub(crate) fn heal(&self, containers: &[&Container]) -> Report {
        self.sweep(containers).run().unwrap()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // Slots first: they are below nothing of ours.
        for _ in 0..100 {
            let all = mounts_of("self");
            let Some(last) = all.iter().rfind(|mount| mount.point.starts_with(self.dir.path())) else {
                break;
            };
            let _ = umount2(&last.point, MntFlags::MNT_DETACH);
        }
    }
}

/// A daemon that has mounted.
pub(crate) struct Served<'h> {
    host: &'h Host,
    child: std::process::Child,
}

impl Served<'_> {
    /// Ends it as a crash does.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn send(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.child.id()).unwrap()), signal).unwrap();
    }

    pub(crate) fn says(&self, what: &str) {
        let said = becomes_true(PATIENCE, || self.host.log().contains(what));
        assert!(said, "does not say {what:?}: {}", self.host.log());
    }
}

impl Drop for Served<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A mount namespace, there as long as a process in it.
pub(crate) struct Container {
    process: Running<'static>,
}

impl Container {
    /// A namespace in which that script has been run.
    pub(crate) fn new(script: &str) -> Self {
        Self::start(&["unshare", "--mount", "--propagation", "private"], script)
    }

    /// The same, in a user namespace of its own.
    pub(crate) fn with_users(script: &str) -> Self {
        Self::start(
            &[
                "unshare",
                "--user",
                "--map-root-user",
                "--mount",
                "--propagation",
                "slave",
            ],
            script,
        )
    }

    /// One to which mounts of the host come.
    pub(crate) fn that_follows(script: &str) -> Self {
        Self::start(&["unshare", "--mount", "--propagation", "slave"], script)
    }

    fn start(words: &[&str], script: &str) -> Self {
        let mut command = Command::new(words[0]);
        command.args(&words[1..]);
        command.args(["sh", "-ec", &format!("{script}\necho ready; exec sleep 1000")]);
        let mut process = Running::start(command);
        let ready = becomes_true(PATIENCE, || process.said().contains("ready") || !process.is_running());
        if !ready || !process.is_running() {
            panic!("{:?}", process.finish());
        }
        Self { process }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.pid()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    /// A path in it, as it is reached from here.
    pub(crate) fn path(&self, path: &str) -> String {
        format!("/proc/{}/root{path}", self.pid())
    }

    /// The first line of a file in it, as somebody in that cgroup reads it; none if that fails.
    pub(crate) fn first_line(&self, path: &str, cgroup: &Cgroup) -> Option<String> {
        let finished = Caller::host().within(cgroup).run(&["head", "-n1", &self.path(path)]);
        finished.status.success().then(|| finished.text().trim_end().to_owned())
    }

    pub(crate) fn mem_total(&self, cgroup: &Cgroup) -> Option<String> {
        self.first_line("/proc/meminfo", cgroup)
    }

    /// What of our kind is mounted there, from the bottom.
    pub(crate) fn layers(&self, point: &str) -> Vec<Mount> {
        mounts_of(&self.pid().to_string())
            .into_iter()
            .filter(|mount| mount.kind == "fuse.lxcfs" && mount.point == Path::new(point))
            .collect()
    }

    pub(crate) fn mountinfo(&self) -> String {
        fs::read_to_string(format!("/proc/{}/mountinfo", self.pid())).unwrap()
    }
}

pub(crate) fn mounts_of(pid: &str) -> Vec<Mount> {
    mounts(&fs::read(format!("/proc/{pid}/mountinfo")).unwrap()).collect()
}
