//! Cgroups and processes of a test's own, and what to do where there can be none.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::Duration;

/// Whether this test can run here. If not, it says so, and fails where the environment says that it must run.
pub(crate) fn require_root(test_name: &str) -> bool {
    let root = nix::unistd::geteuid().is_root();
    if !root {
        skipped(test_name, "needs root");
    }
    root
}

/// A test cannot run on this machine.
pub(crate) fn skipped(test_name: &str, why: &str) {
    assert!(
        std::env::var_os("LXCFS_TESTS_MUST_RUN").is_none(),
        "{test_name}: {why}, and LXCFS_TESTS_MUST_RUN is set"
    );
    eprintln!("SKIPPED {test_name}: {why}");
}

/// A cgroup of this test, for its memory and its tasks; removed at the end.
#[derive(Debug)]
pub(crate) struct TestCgroup {
    dirs: Vec<PathBuf>,
    name: String,
}

impl TestCgroup {
    /// Makes one in the v1 memory and pids hierarchies, or in the v2 one.
    pub(crate) fn new() -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("lxcfs-test-{}-{number}", std::process::id());
        let top = Path::new("/sys/fs/cgroup");
        let hierarchies = [
            top.join("memory"),
            top.join("pids"),
            top.join("unified"),
            top.to_path_buf(),
        ];
        let mut cgroup = Self { dirs: Vec::new(), name };
        for hierarchy in hierarchies.iter().filter(|dir| dir.join("cgroup.procs").exists()) {
            let dir = hierarchy.join(&cgroup.name);
            if fs::create_dir(&dir).is_ok() {
                cgroup.dirs.push(dir);
            }
        }
        (!cgroup.dirs.is_empty()).then_some(cgroup)
    }

    /// Its path in each hierarchy.
    pub(crate) fn path(&self) -> PathBuf {
        Path::new("/").join(&self.name)
    }

    /// Its directories, one a hierarchy, that of memory first.
    pub(crate) fn dirs(&self) -> &[PathBuf] {
        &self.dirs
    }

    /// Makes a cgroup below it.
    pub(crate) fn make_child(&self, name: &str) {
        for dir in &self.dirs {
            fs::create_dir(dir.join(name)).unwrap();
        }
    }

    /// Shell text that moves the shell into it, or below.
    pub(crate) fn enter(&self, below: &str) -> String {
        self.dirs
            .iter()
            .map(|dir| format!("echo 0 > {}/cgroup.procs; ", dir.join(below).display()))
            .collect()
    }
}

impl Drop for TestCgroup {
    fn drop(&mut self) {
        for dir in &self.dirs {
            // Its last process may still be ending.
            for _ in 0..200 {
                let below = fs::read_dir(dir).into_iter().flatten().flatten();
                for entry in below.filter(|entry| entry.path().is_dir()) {
                    let _ = fs::remove_dir(entry.path());
                }
                if fs::remove_dir(dir).is_ok() || !dir.exists() {
                    break;
                }
                sleep(Duration::from_millis(10));
            }
        }
    }
}

/// A shell and all that it started, ended with the test.
#[derive(Debug)]
pub(crate) struct Shell {
    child: Child,
}

impl Shell {
    /// Runs that text in a shell.
    pub(crate) fn run(text: &str) -> Self {
        let child = Command::new("sh")
            .args(["-c", text])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        Self { child }
    }

    /// The process of the shell, or what it has become by exec.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a process below this one whose arguments are these.
    pub(crate) fn descendant(&self, arguments: &str) -> u32 {
        self.find(arguments)
            .unwrap_or_else(|| panic!("no process {arguments:?} below {}", self.pid()))
    }

    fn find(&self, arguments: &str) -> Option<u32> {
        for _ in 0..500 {
            let mut ahead = vec![self.pid()];
            while let Some(pid) = ahead.pop() {
                let words = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
                if words.trim_end_matches('\0').replace('\0', " ") == arguments {
                    return Some(pid);
                }
                let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
                ahead.extend(
                    children
                        .unwrap_or_default()
                        .split_whitespace()
                        .filter_map(|pid| pid.parse::<u32>().ok()),
                );
            }
            sleep(Duration::from_millis(10));
        }
        None
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
