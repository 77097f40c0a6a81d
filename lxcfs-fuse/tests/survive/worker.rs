//! A process that serves what another has mounted.

use std::fs;
use std::num::NonZeroUsize;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::Path;
use std::process;
use std::sync::mpsc::channel;
use std::time::Duration;

use lxcfs_fuse::{Kept, MountOptions, Resume, Settings, serve};
use lxcfs_testing::{Caller, Running, wait_until};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};

/// Said when requests are answered.
const SERVES: &str = "it serves";

/// Whose reads of `/proc/meminfo` hang in the worker, in a file that is never written to.
pub(crate) const STUCK: &str = "stuck";
/// Whose reads do not.
pub(crate) const WELL: &str = "well";

/// A worker, on its way.
pub(crate) struct Worker(Running<'static>);

impl Worker {
    /// Starts one, which finds out on its own when it can serve.
    pub(crate) fn start(kept: &Kept, how: &str, resume: Resume) -> Self {
        let descriptors = kept
            .descriptors()
            .map(|(name, descriptor)| format!("{name}={}", descriptor.as_raw_fd()));
        let us = process::id().to_string();
        let mountpoint = kept.mountpoint();
        let mut words = vec![us.as_str(), mountpoint.to_str().unwrap(), how];
        words.push(if resume == Resume::Slots { "slots" } else { "auto" });
        words.extend(descriptors.iter().map(String::as_str));
        Self(Caller::host().act("work", &words))
    }

    /// Starts one, and waits until it serves.
    pub(crate) fn serving(kept: &Kept, resume: Resume) -> Self {
        let mut worker = Self::start(kept, WELL, resume);
        worker.wait_until_it_serves();
        worker
    }

    pub(crate) fn wait_until_it_serves(&mut self) {
        wait_until("a worker serves", || {
            assert!(self.0.is_running(), "a worker has ended: {}", self.0.said());
            self.0.said().contains(SERVES)
        });
    }

    /// Waits until one of its threads hangs.
    pub(crate) fn wait_until_it_hangs(&mut self) {
        let tasks = format!("/proc/{}/task", self.0.pid());
        wait_until("a worker hangs", || {
            assert!(self.0.is_running(), "a worker has ended: {}", self.0.said());
            let mut tasks = fs::read_dir(&tasks).unwrap().flatten();
            // fifo_open, in openat(2).
            tasks.any(|task| fs::read_to_string(task.path().join("wchan")).is_ok_and(|at| at == "wait_for_partner"))
        });
    }

    /// Kills it, and waits until it is gone.
    pub(crate) fn kill(self) {
        assert!(self.0.kill(), "it had ended before");
    }

    /// Waits until it ends by itself.
    pub(crate) fn finish(self) -> lxcfs_testing::Finished {
        self.0.finish()
    }
}

/// What a worker does: serves what another process has mounted until requests end, and says how they do.
pub(crate) fn work(words: &[&str]) {
    let [parent, mountpoint, how, resume, descriptors @ ..] = words else {
        panic!("{words:?}");
    };
    tracing_subscriber::fmt().with_ansi(false).init();
    if *how == STUCK {
        hang_at("/proc/meminfo");
    }
    let named = descriptors.iter().map(|word| take(parent, word)).collect();
    let kept = Kept::from_descriptors(named).unwrap();
    let mut options = MountOptions::new(*mountpoint);
    options.threads = NonZeroUsize::new(2).unwrap();
    if *resume == "slots" {
        options.resume = Resume::Slots;
    }
    let settings = Settings {
        // Nobody is answered by the watchdog here.
        deadline: Duration::from_secs(600),
        ..Settings::default()
    };
    let (tell, told) = channel();
    let served = serve(kept, &options, settings, move |end| tell.send(end).unwrap());
    let mounted = served.unwrap_or_else(|error| {
        println!("it cannot serve: {error:?}");
        panic!("{error}");
    });
    println!("{SERVES}");
    let end = told.recv().unwrap();
    println!("requests have ended: {end:?}");
    mounted.unmount().unwrap();
}

/// A descriptor of another process.
fn take(parent: &str, word: &str) -> (String, OwnedFd) {
    let (name, number) = word.split_once('=').unwrap();
    let parent = pidfd_open(Pid::from_raw(parent.parse().unwrap()).unwrap(), PidfdFlags::empty()).unwrap();
    let taken = pidfd_getfd(parent, number.parse().unwrap(), PidfdGetfdFlags::empty()).unwrap();
    (name.to_owned(), taken)
}

/// Whoever opens that file in this process waits for ever.
fn hang_at(path: &str) {
    const NONE: Option<&str> = None;
    unshare(CloneFlags::CLONE_NEWNS).unwrap();
    mount(NONE, "/", NONE, MsFlags::MS_REC | MsFlags::MS_PRIVATE, NONE).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let fifo = dir.path().join("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRUSR).unwrap();
    mount(Some(&fifo), Path::new(path), NONE, MsFlags::MS_BIND, NONE).unwrap();
}
