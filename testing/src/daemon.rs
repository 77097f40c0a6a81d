//! A daemon that shows files, on a mount point of its own.

use std::fs::{self, File};
use std::ops::Deref;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use nix::mount::{MntFlags, umount2};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::files::Files;
use crate::patience::{PATIENCE, becomes_true};

/// No test takes that long, unless it is told to do more than usual: then `LXCFS_TESTS_LIFETIME` is more seconds. When a daemon
/// is killed, whoever waits for it gets an error: that is how nothing hangs.
fn lifetime() -> Duration {
    let told = std::env::var("LXCFS_TESTS_LIFETIME");
    Duration::from_secs(told.map_or(900, |seconds| seconds.parse().unwrap()))
}

/// A daemon; dropping it ends it and unmounts.
#[derive(Debug)]
pub struct Daemon {
    child: Child,
    files: Files,
    dir: TempDir,
    _killer: Sender<()>,
}

impl Daemon {
    /// Starts `BINARY -f -p PIDFILE ARGUMENTS MOUNTPOINT` and waits until it is mounted.
    #[must_use]
    pub fn start(binary: &Path, arguments: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        // Containers' users are to come through.
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        fs::create_dir(dir.path().join("mount")).unwrap();
        let child = spawn(binary, arguments, dir.path());
        let killer = kill_later(child.id());
        let mut daemon = Self {
            child,
            files: Files::at(dir.path().join("mount")),
            dir,
            _killer: killer,
        };
        let mounted = becomes_true(PATIENCE, || daemon.is_mounted() || !daemon.is_running());
        assert!(
            mounted && daemon.is_mounted(),
            "the daemon does not mount: {}",
            daemon.log()
        );
        daemon
    }

    /// Where it writes its process id to.
    #[must_use]
    pub fn pid_file(&self) -> PathBuf {
        self.dir.path().join("pid")
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has not ended yet.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// What it has written.
    #[must_use]
    pub fn log(&self) -> String {
        let text = fs::read(self.dir.path().join("log")).unwrap_or_default();
        String::from_utf8_lossy(&text).into_owned()
    }

    /// What it has open.
    #[must_use]
    pub fn descriptors(&self) -> Vec<PathBuf> {
        let descriptors = fs::read_dir(format!("/proc/{}/fd", self.pid())).unwrap().flatten();
        // One may be closed while we look.
        descriptors
            .filter_map(|entry| fs::read_link(entry.path()).ok())
            .collect()
    }

    /// How much memory it has, in KiB.
    #[must_use]
    pub fn memory_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        send(self.pid(), signal);
    }

    /// Tells it to end, and waits until it has.
    pub fn stop(&mut self) -> ExitStatus {
        if self.is_running() {
            self.signal(Signal::SIGTERM);
        }
        assert!(
            becomes_true(PATIENCE, || !self.is_running()),
            "does not end: {}",
            self.log()
        );
        self.child.wait().unwrap()
    }
}

/// What it shows.
impl Deref for Daemon {
    type Target = Files;

    fn deref(&self) -> &Files {
        &self.files
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        for signal in [Signal::SIGTERM, Signal::SIGKILL] {
            if self.is_running() {
                self.signal(signal);
                let _ = becomes_true(Duration::from_secs(20), || !self.is_running());
            }
        }
        // Most daemons do it themselves; where it was killed nobody has.
        for _ in 0..3 {
            if self.is_mounted() {
                let _ = umount2(&self.mount(), MntFlags::MNT_DETACH);
            }
        }
        if std::thread::panicking() {
            // The test harness shows that with the failure.
            #[expect(clippy::print_stderr, reason = "a test's own output")]
            {
                eprintln!("the daemon's log:\n{}", self.log());
            }
        }
    }
}

/// Another daemon at the place of one that has gone, or that it takes the place of; dropping it ends it.
#[derive(Debug)]
pub struct Successor {
    child: Child,
    _killer: Sender<()>,
}

impl Successor {
    /// Starts it as [`Daemon::start`] does, with the mount point, pid file and log of that one.
    #[must_use]
    pub fn start(binary: &Path, arguments: &[&str], of: &Daemon) -> Self {
        let child = spawn(binary, arguments, of.dir.path());
        let killer = kill_later(child.id());
        Self { child, _killer: killer }
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has not ended yet.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        send(self.pid(), signal);
    }
}

impl Drop for Successor {
    fn drop(&mut self) {
        for signal in [Signal::SIGTERM, Signal::SIGKILL] {
            if self.is_running() {
                self.signal(signal);
                let _ = becomes_true(Duration::from_secs(20), || !self.is_running());
            }
        }
    }
}

/// Kills a process when the time is over, unless what is returned is dropped before.
fn kill_later(pid: u32) -> Sender<()> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        if receiver.recv_timeout(lifetime()) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
            send(pid, Signal::SIGKILL);
        }
    });
    sender
}

/// Starts `BINARY -f -p PIDFILE ARGUMENTS MOUNTPOINT` in that directory.
fn spawn(binary: &Path, arguments: &[&str], dir: &Path) -> Child {
    let log = File::options().create(true).append(true).open(dir.join("log")).unwrap();
    let mut command = Command::new(binary);
    command
        .arg("-f")
        .arg("-p")
        .arg(dir.join("pid"))
        .args(arguments)
        .arg(dir.join("mount"))
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        // What a terminal sends to us is not for it.
        .process_group(0);
    command
        .spawn()
        .unwrap_or_else(|error| panic!("cannot start {}: {error}", binary.display()))
}

fn send(pid: u32, signal: Signal) {
    // It may be gone.
    let _ = kill(Pid::from_raw(i32::try_from(pid).unwrap()), signal);
}
