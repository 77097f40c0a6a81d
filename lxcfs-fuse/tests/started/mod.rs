//! A daemon with a mount, a configuration, a pid file and a service manager of its own.
#![allow(dead_code, reason = "each test program uses a part of this")]

use std::fs::{self, File};
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use lxcfs_testing::{Caller, Cgroup, PATIENCE, wait_until};
use nix::mount::{MntFlags, umount2};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

/// A directory with all that a daemon needs.
pub struct Place {
    dir: TempDir,
    notified: UnixDatagram,
}

impl Place {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for name in ["mount", "run"] {
            fs::create_dir(dir.path().join(name)).unwrap();
        }
        let notified = UnixDatagram::bind(dir.path().join("notify")).unwrap();
        notified.set_read_timeout(Some(PATIENCE)).unwrap();
        let place = Self { dir, notified };
        place.configure("");
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn mount_point(&self) -> PathBuf {
        self.path("mount")
    }

    pub fn pid_file(&self) -> PathBuf {
        self.path("run/lxcfs.pid")
    }

    /// Writes the configuration file.
    pub fn configure(&self, text: &str) {
        fs::write(self.path("lxcfs.toml"), text).unwrap();
    }

    pub fn log_file(&self) -> PathBuf {
        self.path("log")
    }

    /// What the daemon has logged so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_file()).unwrap()
    }

    /// A daemon of this place, not started yet.
    pub fn command(&self, arguments: &[&str]) -> Command {
        self.command_of(Path::new(env!("CARGO_BIN_EXE_lxcfs")), arguments)
    }

    /// The same with another program.
    pub fn command_of(&self, program: &Path, arguments: &[&str]) -> Command {
        let log = File::options().create(true).append(true).open(self.log_file());
        let mut command = Command::new(program);
        command
            .arg("--runtime-dir")
            .arg(self.path("run"))
            .arg("--config")
            .arg(self.path("lxcfs.toml"))
            .args(arguments)
            .arg(self.mount_point())
            .env("NOTIFY_SOCKET", self.path("notify"))
            .env_remove("JOURNAL_STREAM")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log.unwrap());
        command
    }

    /// Starts a daemon, and waits until it has mounted.
    pub fn start(self, arguments: &[&str]) -> Daemon {
        let command = self.command(arguments);
        self.start_as(command)
    }

    pub fn start_as(self, command: Command) -> Daemon {
        Arc::new(self).start_another(command)
    }

    /// Starts one more daemon here.
    pub fn start_another(self: Arc<Self>, mut command: Command) -> Daemon {
        let mut daemon = Daemon {
            child: command.process_group(0).spawn().unwrap(),
            place: self,
        };
        // It may also end, and then says nothing any more.
        let pause = Some(Duration::from_millis(100));
        daemon.place.notified.set_read_timeout(pause).unwrap();
        let start = Instant::now();
        loop {
            if daemon
                .place
                .message()
                .is_some_and(|message| message.contains("READY=1"))
            {
                break;
            }
            let ended = daemon.child.try_wait().unwrap();
            assert!(
                ended.is_none() && start.elapsed() < PATIENCE,
                "{ended:?}: {}",
                daemon.place.log()
            );
        }
        daemon.place.notified.set_read_timeout(Some(PATIENCE)).unwrap();
        daemon
    }

    fn message(&self) -> Option<String> {
        let mut buffer = [0; 4096];
        let length = self.notified.recv(&mut buffer).ok()?;
        Some(String::from_utf8(buffer[..length].to_vec()).unwrap())
    }

    /// The file system type, the source and all options of what is mounted here.
    pub fn mounted(&self) -> Option<(String, String, String)> {
        let mount_point = self.mount_point();
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        mounts.lines().find_map(|line| {
            let (own, shared) = line.split_once(" - ").unwrap();
            let own: Vec<&str> = own.split(' ').collect();
            let shared: Vec<&str> = shared.split(' ').collect();
            (Path::new(own[4]) == mount_point).then(|| {
                let options = format!("{},{}", own[5], shared[2]);
                (shared[0].to_owned(), shared[1].to_owned(), options)
            })
        })
    }
}

/// A daemon that has mounted.
pub struct Daemon {
    pub place: Arc<Place>,
    child: Child,
}

impl Daemon {
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The processes that it has started and that run.
    pub fn workers(&self) -> Vec<i32> {
        let pid = self.pid();
        let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        text.split_whitespace().map(|pid| pid.parse().unwrap()).collect()
    }

    /// The process that serves, once there is exactly one.
    pub fn worker(&self) -> i32 {
        self.worker_after(None)
    }

    /// The process that serves, once there is exactly one that is not `before`.
    pub fn worker_after(&self, before: Option<i32>) -> i32 {
        let mut found = None;
        wait_until("there is one worker, and another one", || {
            let workers = self.workers();
            found = workers
                .first()
                .copied()
                .filter(|worker| workers.len() == 1 && Some(*worker) != before);
            found.is_some()
        });
        found.unwrap()
    }

    pub fn send(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.pid()).unwrap()), signal).unwrap();
    }

    /// Waits for the next message to the service manager that has this in it.
    pub fn told(&self, what: &str) -> String {
        loop {
            let message = self.place.message();
            let message = message.unwrap_or_else(|| panic!("not told {what}: {}", self.place.log()));
            if message.contains(what) {
                return message;
            }
        }
    }

    /// Sends a signal, and waits until the daemon says that it has done what is to be done.
    pub fn send_and_wait(&self, signal: Signal) {
        self.send(signal);
        self.told(match signal {
            Signal::SIGUSR2 => "STATUS=",
            _ => "READY=1",
        });
    }

    /// Waits for its end.
    pub fn ended(&mut self) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(start.elapsed() < PATIENCE, "does not end: {}", self.place.log());
            sleep(Duration::from_millis(5));
        }
    }

    /// What a process in that cgroup reads.
    pub fn read_in(&self, cgroup: &Cgroup, file: &str) -> String {
        let path = self.place.mount_point().join(file);
        Caller::host().within(cgroup).read(path.to_str().unwrap())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let workers = self.workers();
        if self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            let _ = self.child.kill();
            let _ = self.child.wait();
            for worker in workers {
                let _ = kill(Pid::from_raw(worker), Signal::SIGKILL);
            }
        }
        if Arc::strong_count(&self.place) > 1 {
            // There is another one.
            return;
        }
        // Where it is not mounted any more, there is nothing to do.
        let _ = umount2(&self.place.mount_point(), MntFlags::MNT_DETACH);
    }
}
