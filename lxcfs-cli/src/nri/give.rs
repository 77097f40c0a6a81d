//! Files for running containers, given by a child process: it enters their namespaces, and may hang where a daemon does.

use std::io::Read as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use lxcfs_nri::{Give, Given, Running};

use super::inside::{BEGINS, GONE, NOTHING_TO_GIVE};

/// How long one container may take.
const LIMIT: Duration = Duration::from_secs(5);
/// How long a child that was killed is waited for: in the kernel it can wait for a daemon that hangs.
const KILLED: Duration = Duration::from_millis(500);
/// How many of those there may be.
const HUNG: usize = 16;

/// Starts the children.
#[derive(Debug)]
pub(super) struct Children {
    source: PathBuf,
    /// Those that could not be killed yet.
    hung: Vec<Child>,
}

impl Children {
    /// For files of that directory.
    pub(super) fn new(source: PathBuf) -> Self {
        Self {
            source,
            hung: Vec::new(),
        }
    }

    fn start(&self, container: &Running) -> std::io::Result<Child> {
        // Ourselves, even if there is another file of that name by now.
        Command::new("/proc/self/exe")
            .arg("nri-give")
            .args(["--pid", &container.pid.to_string(), "--id", &container.id, "--source"])
            .arg(&self.source)
            .arg("--")
            .args(&container.files)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
    }
}

impl Give for Children {
    fn give(&mut self, container: &Running) -> Given {
        self.hung.retain_mut(|child| matches!(child.try_wait(), Ok(None)));
        if self.hung.len() >= HUNG {
            return Given::No(format!("{HUNG} processes hang already where this one would"));
        }
        let mut child = match self.start(container) {
            Ok(child) => child,
            Err(error) => return Given::No(format!("cannot start a process: {error}")),
        };
        if let Some(status) = ended(&mut child, LIMIT) {
            return told(status, &said(child.stdout.take()), &said(child.stderr.take()));
        }
        // It fails if the child was faster.
        let _ = child.kill();
        if ended(&mut child, KILLED).is_none() {
            // To read what it has said would be to wait for its end.
            self.hung.push(child);
            return Given::Later(format!("{}: does not answer", self.source.display()));
        }
        if said(child.stdout.take()).starts_with(BEGINS) {
            return Given::No("a file system of the container does not answer".to_owned());
        }
        Given::Later(format!("{}: does not answer", self.source.display()))
    }
}

/// Waits for the end of a child, but not for longer than that.
fn ended(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    let start = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if start.elapsed() < limit => thread::sleep(Duration::from_millis(2)),
            Ok(None) | Err(_) => return None,
        }
    }
}

fn said(pipe: Option<impl std::io::Read>) -> String {
    let mut text = Vec::new();
    // What cannot be read was not said.
    let _ = pipe.map(|pipe| pipe.take(64 << 10).read_to_end(&mut text));
    String::from_utf8_lossy(&text).into_owned()
}

/// What a child has told.
fn told(status: ExitStatus, said: &str, complaint: &str) -> Given {
    let complaint = complaint.trim().to_owned();
    match status.code().and_then(|code| u8::try_from(code).ok()) {
        Some(0) => match said.lines().last().and_then(|number| number.parse().ok()) {
            Some(new) => Given::All { new },
            None => Given::No("a process has not said what it has done".to_owned()),
        },
        Some(GONE) => Given::Gone,
        Some(NOTHING_TO_GIVE) => Given::Later(complaint),
        _ if complaint.is_empty() => Given::No(status.to_string()),
        _ => Given::No(complaint),
    }
}
