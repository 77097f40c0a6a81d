//! A child that does what could hang, for a limited time.
//!
//! Whoever touches a FUSE file system waits for its server, and whoever enters a mount namespace must be a process with one
//! thread. So each such task is a process of its own, which is killed when its time is over.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::process::{PidfdFlags, pidfd_open};

use super::wire::{Said, Task};

/// What a program is called with to be such a child.
pub(super) const WORD: &str = "__heal";

/// How long a killed child may take to be gone.
const KILLED: Duration = Duration::from_secs(1);

/// How a child ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It has done all.
    Done,
    /// Its time was over.
    Late,
    /// It could not be started, or did not finish.
    Failed(String),
}

/// What a child has said, and how it ended.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) said: Vec<Said>,
    pub(super) end: End,
}

/// Lets a child do that.
pub(super) fn ask(program: &Path, task: &Task, limit: Duration) -> Answer {
    let mut said = Vec::new();
    let end = try_ask(program, task, limit, &mut said);
    let mut end = end.unwrap_or_else(|error| End::Failed(format!("{}: {error}", program.display())));
    if let Some(at) = said.iter().position(|one| matches!(one, Said::Failed(_)))
        && let Said::Failed(why) = said.remove(at)
    {
        end = End::Failed(why);
    }
    let done = said.iter().position(|one| *one == Said::Done);
    match done {
        Some(at) => drop(said.remove(at)),
        None if end == End::Done => end = End::Failed("the process that was to do it has ended early".to_owned()),
        None => {}
    }
    Answer { said, end }
}

fn try_ask(program: &Path, task: &Task, limit: Duration, said: &mut Vec<Said>) -> io::Result<End> {
    // Files and not pipes: neither side can block the other.
    let mut told = File::from(memfd_create("lxcfs-task", MemfdFlags::CLOEXEC)?);
    serde_json::to_writer(&mut told, task)?;
    told.flush()?;
    told.rewind()?;
    let mut answer = File::from(memfd_create("lxcfs-answer", MemfdFlags::CLOEXEC)?);
    let mut child = Command::new(program)
        .arg(WORD)
        .stdin(Stdio::from(told))
        .stdout(Stdio::from(answer.try_clone()?))
        .stderr(Stdio::null())
        .spawn()?;
    let in_time = ends_within(&mut child, limit)?;
    if !in_time {
        child.kill()?;
        // One that cannot be killed is left to itself.
        let _ = ends_within(&mut child, KILLED)?;
    }
    // The position is the child's too.
    answer.rewind()?;
    let mut text = String::new();
    answer.read_to_string(&mut text)?;
    // The last line may be half of one.
    said.extend(text.lines().filter_map(|line| serde_json::from_str(line).ok()));
    Ok(if in_time { End::Done } else { End::Late })
}

/// Waits for a child's end, but not for longer than that.
pub(crate) fn ends_within(child: &mut Child, limit: Duration) -> io::Result<bool> {
    let start = Instant::now();
    let pid = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw);
    let pidfd = pidfd_open(pid.ok_or(io::ErrorKind::InvalidInput)?, PidfdFlags::empty())?;
    loop {
        if child.try_wait()?.is_some() {
            return Ok(true);
        }
        let left = limit.saturating_sub(start.elapsed());
        if left.is_zero() {
            return Ok(false);
        }
        let left = Timespec::try_from(left).map_err(|_| io::ErrorKind::InvalidInput)?;
        match poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], Some(&left)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// The task that this process was started for, if it was started by [`ask`].
pub(super) fn told(mut arguments: impl Iterator<Item = OsString>) -> Option<Result<Task, String>> {
    let word = arguments.nth(1)?;
    if word != WORD || arguments.next().is_some() {
        return None;
    }
    Some(serde_json::from_reader(io::stdin().lock()).map_err(|error| error.to_string()))
}

/// Says something to whoever has asked, at once.
pub(super) fn say(what: &Said) {
    if let Ok(mut line) = serde_json::to_vec(what) {
        line.push(b'\n');
        // If it cannot be said, it is missed.
        let _ = io::stdout().lock().write_all(&line);
        let _ = io::stdout().lock().flush();
    }
}

/// This program, also after its file was replaced.
pub(super) fn this_program() -> PathBuf {
    PathBuf::from("/proc/self/exe")
}
