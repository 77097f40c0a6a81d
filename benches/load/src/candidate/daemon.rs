//! A daemon that we start on a mount point of its own, and stop.

use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::mount::{MntFlags, umount2};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::clock;
use crate::container::wait;
use crate::failure::{Doing as _, Failure};
use crate::process::Tree;

/// How long a daemon may take to mount, and to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// Alive until it is dropped.
#[derive(Debug)]
pub(crate) struct Daemon {
    name: String,
    child: Child,
    tree: Tree,
    mount: PathBuf,
    log: PathBuf,
}

impl Daemon {
    /// Starts a daemon that has LXCFS's command line.
    pub(crate) fn start(name: &str, binary: &Path, arguments: &[OsString], dir: &Path) -> Result<Self, Failure> {
        let mut command = Command::new(binary);
        command
            .arg("-f")
            .arg("-p")
            .arg(dir.join(format!("{name}.pid")))
            .args(arguments)
            .stdin(Stdio::null());
        Self::start_with(name, command, dir, |_| Ok(()))
    }

    /// Starts a command whose last argument will be the mount point, and waits until it is mounted.
    pub(crate) fn start_with(
        name: &str,
        mut command: Command,
        dir: &Path,
        tell: impl FnOnce(&mut Child) -> Result<(), Failure>,
    ) -> Result<Self, Failure> {
        let mount = dir.join(name);
        let log = dir.join(format!("{name}.log"));
        fs::create_dir(&mount).doing(format_args!("cannot make {}", mount.display()))?;
        let output = File::create(&log).doing(format_args!("cannot make {}", log.display()))?;
        let errors = output.try_clone().doing("cannot duplicate a descriptor")?;
        command.arg(&mount).stdout(output).stderr(errors);
        // A signal of ours to it is for it alone.
        let child = command.process_group(0).spawn();
        let child = child.doing(format_args!("cannot start {}", command.get_program().display()))?;
        let root = i32::try_from(child.id()).map_err(Failure::wrong)?;
        let mut daemon = Self {
            name: name.to_owned(),
            child,
            tree: Tree::own(root),
            mount,
            log,
        };
        tell(&mut daemon.child)?;
        daemon.wait_for_mount()?;
        Ok(daemon)
    }

    /// Asks mountinfo; to look at the mount point itself may take for ever.
    fn wait_for_mount(&mut self) -> Result<(), Failure> {
        let end = clock::now().saturating_add(clock::nanos(PATIENCE));
        loop {
            let mounts = fs::read_to_string("/proc/self/mountinfo").doing("cannot read mountinfo")?;
            if mounts
                .lines()
                .any(|line| line.split(' ').nth(4).map(Path::new) == Some(&self.mount))
            {
                return Ok(());
            }
            if self.is_gone() || clock::now() > end {
                return Err(Failure::wrong(format_args!(
                    "{} has not mounted: {}",
                    self.name,
                    self.last_words().unwrap_or("it has said nothing".to_owned())
                )));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub(crate) fn tree(&self) -> &Tree {
        &self.tree
    }

    pub(crate) fn mount(&self) -> &Path {
        &self.mount
    }

    /// Whether it has ended.
    pub(crate) fn is_gone(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// The last lines of what it has written.
    pub(crate) fn last_words(&self) -> Option<String> {
        let text = fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<_> = text.lines().rev().take(5).collect();
        let words = lines.into_iter().rev().collect::<Vec<_>>().join(" / ");
        (!words.is_empty()).then_some(words)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let pids = self.tree.pids();
        for signal in [Signal::SIGTERM, Signal::SIGKILL] {
            // Who has ended need not be told; the first one has to end the others, unless it cannot.
            let told = if signal == Signal::SIGTERM { 1 } else { pids.len() };
            if !self.is_gone() {
                for pid in pids.iter().take(told) {
                    let _ = kill(Pid::from_raw(*pid), signal);
                }
                wait(&mut self.child, PATIENCE);
            }
        }
        // Most daemons do it themselves.
        let _ = umount2(&self.mount, MntFlags::MNT_DETACH);
        let _ = fs::remove_dir(&self.mount);
    }
}
