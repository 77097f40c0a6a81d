//! A process that was started for a test, and what it says.

use std::fs::File;
use std::marker::PhantomData;
use std::os::unix::fs::FileExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::patience::{PATIENCE, becomes_true};
use crate::pid_namespace::{Birth, spawn};

/// A process; dropping it kills it.
///
/// It borrows what it runs in: the first process of a container cannot go before all others are gone.
#[derive(Debug)]
pub struct Running<'a> {
    within: PhantomData<&'a ()>,
    child: Child,
    words: String,
    // Files and not pipes: whatever it starts may hold them for as long as it likes.
    stdout: File,
    stderr: File,
}

/// What a process has said, and how it ended.
#[derive(Debug)]
pub struct Finished {
    /// Its standard output.
    pub stdout: Vec<u8>,
    /// Its standard error, as far as that is text.
    pub stderr: String,
    /// How it ended.
    pub status: ExitStatus,
}

impl Finished {
    /// What it said on its standard output, as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// This, if it ended well.
    pub fn well(self) -> Self {
        assert!(
            self.status.success(),
            "{}\n{}\n{}",
            self.status,
            self.text(),
            self.stderr
        );
        self
    }
}

impl Running<'_> {
    /// Starts a command that reads nothing and is ended with its drop.
    #[must_use]
    pub fn start(command: Command) -> Self {
        Self::start_at(Birth::Here, command)
    }

    pub(crate) fn start_at(birth: Birth<'_>, mut command: Command) -> Self {
        let stdout = tempfile::tempfile().unwrap();
        let stderr = tempfile::tempfile().unwrap();
        command
            .stdin(Stdio::null())
            .stdout(stdout.try_clone().unwrap())
            .stderr(stderr.try_clone().unwrap());
        let words = format!("{command:?}");
        let child = spawn(birth, &mut command).unwrap_or_else(|error| panic!("cannot start {words}: {error}"));
        Self {
            within: PhantomData,
            child,
            words,
            stdout,
            stderr,
        }
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

    /// What it has said up to now.
    #[must_use]
    pub fn said(&self) -> String {
        String::from_utf8_lossy(&whole(&self.stdout)).into_owned()
    }

    /// Waits until it ends.
    #[must_use]
    pub fn finish(self) -> Finished {
        self.finish_within(PATIENCE)
    }

    /// Waits until it ends, but no longer than that.
    #[must_use]
    pub fn finish_within(mut self, patience: Duration) -> Finished {
        let ended = becomes_true(patience, || !self.is_running());
        let stderr = String::from_utf8_lossy(&whole(&self.stderr)).into_owned();
        assert!(ended, "not done in time: {}\n{}\n{stderr}", self.words, self.said());
        Finished {
            stdout: whole(&self.stdout),
            stderr,
            status: self.child.wait().unwrap(),
        }
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.pid()).unwrap()), signal).unwrap();
    }

    /// Kills it and waits until it is gone. Answers whether the kill was what ended it.
    pub fn kill(mut self) -> bool {
        let _ = self.child.kill();
        assert!(
            becomes_true(PATIENCE, || !self.is_running()),
            "cannot be killed: {}",
            self.words
        );
        self.child.wait().unwrap().signal() == Some(9)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        // One that waits for a FUSE server cannot be killed before that answers.
        let _ = becomes_true(Duration::from_secs(20), || !self.is_running());
    }
}

/// All of a file that another process is writing to.
fn whole(file: &File) -> Vec<u8> {
    // The position is the writer's too, so it is left alone.
    let length = file.metadata().unwrap().len();
    let mut bytes = vec![0; usize::try_from(length).unwrap()];
    file.read_exact_at(&mut bytes, 0).unwrap();
    bytes
}
