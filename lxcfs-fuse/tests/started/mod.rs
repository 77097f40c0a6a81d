//! A daemon with a mount of its own, and containers that look at it.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::mount::{MntFlags, umount2};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

/// Beyond all patience.
const LONG: Duration = Duration::from_secs(30);

/// Whether file systems can be mounted here. Says that the test is skipped if not.
pub fn can_mount(test_name: &str) -> bool {
    let why = if !nix::unistd::geteuid().is_root() {
        "needs root"
    } else if File::options().read(true).write(true).open("/dev/fuse").is_err() {
        "needs /dev/fuse"
    } else {
        return true;
    };
    skipped(test_name, why);
    false
}

/// A test cannot run on this machine.
pub fn skipped(test_name: &str, why: &str) {
    assert!(
        std::env::var_os("LXCFS_TESTS_MUST_RUN").is_none(),
        "{test_name}: {why}, and LXCFS_TESTS_MUST_RUN is set"
    );
    // Not `eprintln!`: the test harness would keep that to itself.
    std::io::stderr()
        .write_all(format!("SKIPPED {test_name}: {why}\n").as_bytes())
        .unwrap();
}

/// Waits until something is so.
pub fn wait_until(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < LONG, "waited too long until {what}");
        sleep(Duration::from_millis(5));
    }
}

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
        notified.set_read_timeout(Some(LONG)).unwrap();
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

    /// What the daemon has logged so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap()
    }

    /// A daemon of this place, not started yet.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lxcfs"));
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
            .stderr(File::create(self.path("log")).unwrap());
        command
    }

    /// Starts a daemon, and waits until it has mounted.
    pub fn start(self, arguments: &[&str]) -> Daemon {
        let command = self.command(arguments);
        self.start_as(command)
    }

    pub fn start_as(self, mut command: Command) -> Daemon {
        let mut daemon = Daemon {
            child: command.spawn().unwrap(),
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
                ended.is_none() && start.elapsed() < LONG,
                "{ended:?}: {}",
                daemon.place.log()
            );
        }
        daemon.place.notified.set_read_timeout(Some(LONG)).unwrap();
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
    pub place: Place,
    child: Child,
}

impl Daemon {
    pub fn pid(&self) -> u32 {
        self.child.id()
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
            assert!(start.elapsed() < LONG, "does not end: {}", self.place.log());
            sleep(Duration::from_millis(5));
        }
    }

    /// What a process of that container reads.
    pub fn read_in(&self, container: &Container, file: &str) -> String {
        let path = self.place.mount_point().join(file);
        let text = format!("{}exec cat '{}'", container.enter(), path.display());
        let output = Command::new("sh").args(["-c", &text]).output().unwrap();
        assert!(output.status.success(), "{file}: {output:?}: {}", self.place.log());
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        // Where it is not mounted any more, there is nothing to do.
        let _ = umount2(&self.place.mount_point(), MntFlags::MNT_DETACH);
    }
}

/// A container as far as memory and CPUs go: a cgroup of 64 MiB and one CPU.
pub struct Container {
    dirs: Vec<PathBuf>,
}

impl Container {
    pub const MEM_TOTAL: &str = "MemTotal:          65536 kB";

    /// `None` where no cgroup with these limits can be made.
    pub fn new() -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("lxcfs-test-{}-{number}", std::process::id());
        let top = Path::new("/sys/fs/cgroup");
        let v1 = [
            (top.join("memory"), "memory.limit_in_bytes", "67108864"),
            (top.join("cpu"), "cpu.cfs_quota_us", "100000"),
        ];
        let v2 = [
            (top.to_path_buf(), "memory.max", "67108864"),
            (top.to_path_buf(), "cpu.max", "100000 100000"),
        ];
        let is_v2 = top.join("cgroup.controllers").exists();
        let mut container = Self { dirs: Vec::new() };
        for (hierarchy, file, limit) in if is_v2 { v2 } else { v1 } {
            let dir = hierarchy.join(&name);
            if !dir.exists() {
                fs::create_dir(&dir).ok()?;
                container.dirs.push(dir.clone());
            }
            // `create(false)`: where the controller is missing, there is no such file.
            let mut limited = File::options().write(true).open(dir.join(file)).ok()?;
            limited.write_all(limit.as_bytes()).ok()?;
        }
        Some(container)
    }

    fn enter(&self) -> String {
        let enter = |dir: &PathBuf| format!("echo 0 > '{}/cgroup.procs' && ", dir.display());
        self.dirs.iter().map(enter).collect()
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        for dir in &self.dirs {
            // Its last process may still be ending.
            for _ in 0..200 {
                if fs::remove_dir(dir).is_ok() {
                    break;
                }
                sleep(Duration::from_millis(10));
            }
        }
    }
}
