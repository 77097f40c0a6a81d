//! The mount, and the threads that answer its requests.
//!
//! ```text
//! begin ─▶ Kept: descriptors that outlive a process          serve ─▶ Mounted: threads that answer
//!   begun: mounts, agrees with the kernel                      takeover: whoever served before
//!   requests: shared memory   mount_facts: which mount         line: fuser at a socket, until it is the kernel's
//!                                                              in_hand, replay: what the dead have left
//!                                                              buffers: slots, so that they leave it
//! ```

mod begun;
mod buffers;
mod in_hand;
mod kept;
mod line;
mod message;
mod mount_data;
mod mount_facts;
mod polls;
mod replay;
mod requests;
mod swap;
mod takeover;

#[cfg(test)]
mod tests;

use std::io;
use std::mem;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use fuser::Errno;
use lxcfs_core::VirtualFile;
use lxcfs_core::live::{Root, hierarchies};
use nix::mount::{MntFlags, umount2};
use nix::sys::resource::{Resource, getrlimit};

pub use begun::begin;
pub use buffers::Buffers;
pub use kept::{Kept, KeptError};
pub(crate) use polls::Polls;
use takeover::{Service, cannot_start, take_over};

use crate::counters::{Counts, Gauges};
use crate::error::MountError;
use crate::fs::Lxcfs;
use crate::housekeeper::Housekeeper;
use crate::psi::Triggers;
use crate::registry::Budget;
use crate::serve::Server;
use crate::settings::{MountOptions, Settings};
use crate::status::millis_since_boot;
use crate::tree::Tree;
use crate::waiting::Waiting;
use crate::watchdog::{Duties, Lateness, Watchdog};

/// How long requests may take to end after an unmount. They end at once unless containers hold parts of the tree.
const PATIENCE: Duration = Duration::from_millis(200);

/// A mounted file system. Dropping it unmounts.
///
/// ```no_run
/// use lxcfs_fuse::{MountOptions, Settings, mount};
///
/// let mounted = mount(&MountOptions::new("/var/lib/lxcfs"), Settings::default(), |_| {})?;
/// assert!(std::fs::read_to_string("/var/lib/lxcfs/proc/meminfo")?.starts_with("MemTotal:"));
/// drop(mounted);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Mounted {
    kept: Kept,
    is_over: bool,
    server: Arc<Server>,
    lateness: Lateness<Waiting>,
    _housekeeper: Housekeeper,
    ended: Receiver<()>,
}

/// Mounts the file system. `ended` is called when requests end: after an unmount, by whomever, or with the error that has
/// ended them.
///
/// ```no_run
/// use lxcfs_fuse::{MountOptions, Settings, mount};
///
/// let options = MountOptions::new("/var/lib/lxcfs");
/// let mounted = mount(&options, Settings::default(), |end| println!("unmounted: {end:?}"))?;
/// assert_eq!(mounted.counts().panics, 0);
/// mounted.unmount()?;
/// # Ok::<(), lxcfs_fuse::MountError>(())
/// ```
///
/// # Errors
///
/// [`MountError`].
///
/// # References
///
/// fuse(4); `Documentation/filesystems/fuse/fuse.rst`.
pub fn mount(
    options: &MountOptions,
    settings: Settings,
    ended: impl FnOnce(io::Result<()>) + Send + 'static,
) -> Result<Mounted, MountError> {
    let kept = begin(options)?;
    let facts = kept.facts().clone();
    serve(kept, options, settings, ended).inspect_err(|_| {
        // Nobody else knows of it.
        if facts.mount.is_at(&facts.mountpoint) {
            let _ = umount2(&facts.mountpoint, MntFlags::MNT_DETACH);
        }
    })
}

/// Serves a mounted file system, whoever has served it before: nobody since [`begin`], or a process that has ended. What
/// that had in hand is answered. `ended` is called as by [`mount`].
///
/// Of the options, `threads` and `resume` count; the others were settled when it was mounted.
///
/// If nobody else holds what is kept, the connection ends with this process, or when this fails.
///
/// # Errors
///
/// [`MountError`]. The mount stays.
///
/// ```no_run
/// use lxcfs_fuse::{Kept, MountOptions, Settings, serve};
///
/// // In a process that follows one which has died, with the descriptors that a supervisor has kept.
/// # let named = Vec::new();
/// let kept = Kept::from_descriptors(named)?;
/// let options = MountOptions::new(kept.mountpoint());
/// let mounted = serve(kept, &options, Settings::default(), |end| println!("ended: {end:?}"))?;
/// assert!(!mounted.is_stuck());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn serve(
    mut kept: Kept,
    options: &MountOptions,
    settings: Settings,
    ended: impl FnOnce(io::Result<()>) + Send + 'static,
) -> Result<Mounted, MountError> {
    let descriptors = getrlimit(Resource::RLIMIT_NOFILE).map_or(1024, |(soft, _)| soft);
    let hierarchies = hierarchies(&Root::host())?;
    for hierarchy in hierarchies.iter() {
        tracing::info!(
            mount = %hierarchy.mount.display(),
            version = ?hierarchy.version,
            controllers = hierarchy.controllers.join(","),
            "hierarchy"
        );
    }
    let facts = kept.facts().clone();
    if facts.psi_poll != options.psi_poll {
        tracing::warn!(
            psi_poll = facts.psi_poll,
            "psi-poll: stays as it was when this was mounted"
        );
    }
    let service = Service {
        threads: options.threads.get(),
        resume: options.resume,
        deadline: settings.deadline,
    };
    let budget = Budget::of(descriptors);
    let store = Arc::new(kept.open_store().map_err(cannot_start("the store"))?);
    store.is_mounted_since(millis_since_boot(facts.since).max(1));
    let server = Arc::new(Server::new(hierarchies, settings, budget, Arc::clone(&store)));
    let housekeeper = Housekeeper::start(&server).map_err(cannot_start("the housekeeper"))?;
    server.keep_house_with(Arc::clone(housekeeper.bell()));
    let watchdog =
        Watchdog::start(service.threads, Answers(Arc::clone(&server))).map_err(cannot_start("the watchdog"))?;
    let lateness = watchdog.lateness();
    let triggers = facts.psi_poll.then(|| Triggers::with_most(budget.triggers));
    let polls = facts.psi_poll.then(|| Polls::of(kept.requests())).transpose();
    let polls = polls.map_err(cannot_start("polls"))?;
    let fs = Lxcfs::new(
        Arc::clone(&server),
        watchdog,
        Tree::new(has),
        (triggers, polls),
        store,
        facts.since,
    );
    let (tell, heard) = channel();
    take_over(&kept, fs, service, move |mut end| {
        if end.is_ok() && facts.mount.is_at(&facts.mountpoint) {
            // To us an abort looks like an unmount.
            end = Err(io::Error::from(io::ErrorKind::ConnectionAborted));
        }
        // Nobody listens who has not unmounted it himself.
        let _ = tell.send(());
        ended(end);
    })?;
    Ok(Mounted {
        kept,
        is_over: false,
        server,
        lateness,
        _housekeeper: housekeeper,
        ended: heard,
    })
}

impl Mounted {
    /// What it has been told last.
    ///
    /// ```no_run
    /// use lxcfs_fuse::{MountOptions, Settings, mount};
    ///
    /// let mounted = mount(&MountOptions::new("/var/lib/lxcfs"), Settings::default(), |_| {})?;
    /// assert_eq!(mounted.settings(), Settings::default());
    /// # Ok::<(), lxcfs_fuse::MountError>(())
    /// ```
    #[must_use]
    pub fn settings(&self) -> Settings {
        (*self.server.settings()).clone()
    }

    /// Tells it something else, from the next read on.
    ///
    /// ```no_run
    /// use lxcfs_fuse::{MountOptions, Settings, mount};
    ///
    /// let mounted = mount(&MountOptions::new("/var/lib/lxcfs"), Settings::default(), |_| {})?;
    /// let mut settings = mounted.settings();
    /// settings.view.passthrough = true;
    /// mounted.set(settings);
    /// assert!(mounted.settings().view.passthrough);
    /// # Ok::<(), lxcfs_fuse::MountError>(())
    /// ```
    pub fn set(&self, settings: Settings) {
        self.server.set(settings);
    }

    /// What it has done so far.
    ///
    /// ```no_run
    /// use lxcfs_fuse::{MountOptions, Settings, mount};
    ///
    /// let mounted = mount(&MountOptions::new("/var/lib/lxcfs"), Settings::default(), |_| {})?;
    /// std::fs::read("/var/lib/lxcfs/proc/meminfo")?;
    /// assert_eq!(mounted.counts().renderings, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.server.counts()
    }

    /// What it has at the moment.
    ///
    /// ```no_run
    /// use lxcfs_fuse::{MountOptions, Settings, mount};
    ///
    /// let mounted = mount(&MountOptions::new("/var/lib/lxcfs"), Settings::default(), |_| {})?;
    /// std::fs::read("/var/lib/lxcfs/proc/meminfo")?;
    /// assert_eq!(mounted.gauges().containers, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn gauges(&self) -> Gauges {
        self.server.gauges()
    }

    /// Unmounts, and waits a moment for requests to end. Where containers still have parts of the tree bound, these
    /// stay until they end, and say `ENOTCONN` once this process has.
    ///
    /// # Errors
    ///
    /// [`MountError::Unmount`].
    ///
    /// ```no_run
    /// use lxcfs_fuse::{MountOptions, Settings, mount};
    ///
    /// let mounted = mount(&MountOptions::new("/var/lib/lxcfs"), Settings::default(), |_| {})?;
    /// mounted.unmount()?;
    /// assert!(!std::fs::exists("/var/lib/lxcfs/proc")?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn unmount(mut self) -> Result<(), MountError> {
        self.end()
    }

    /// What outlives this process, if somebody else has it too.
    ///
    /// ```no_run
    /// use lxcfs_fuse::{MountOptions, Settings, mount};
    ///
    /// let mounted = mount(&MountOptions::new("/var/lib/lxcfs"), Settings::default(), |_| {})?;
    /// let for_the_next = mounted.kept().try_clone()?;
    /// assert_eq!(for_the_next.mountpoint(), mounted.kept().mountpoint());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn kept(&self) -> &Kept {
        &self.kept
    }

    /// Whether all threads that answer requests are late with one, so that nobody is served any more.
    ///
    /// ```no_run
    /// use lxcfs_fuse::{MountOptions, Settings, mount};
    ///
    /// // A supervisor asks now and then.
    /// let mounted = mount(&MountOptions::new("/var/lib/lxcfs"), Settings::default(), |_| {})?;
    /// if mounted.is_stuck() {
    ///     std::process::abort();
    /// }
    /// # Ok::<(), lxcfs_fuse::MountError>(())
    /// ```
    #[must_use]
    pub fn is_stuck(&self) -> bool {
        self.lateness.is_general()
    }

    /// For how long they have been.
    pub(crate) fn stuck_for(&self) -> Option<Duration> {
        self.lateness.general_for()
    }

    /// Leaves it as it is, without an unmount: for somebody else who [serves](serve) it. It is served here until this
    /// process ends, which is to be next: nobody else may serve it before that.
    ///
    /// ```no_run
    /// use lxcfs_fuse::{MountOptions, Settings, mount};
    ///
    /// let mounted = mount(&MountOptions::new("/var/lib/lxcfs"), Settings::default(), |_| {})?;
    /// // Another process has its descriptors and waits for this one to end.
    /// mounted.leave();
    /// std::process::exit(0);
    /// # #[expect(unreachable_code)]
    /// # Ok::<(), lxcfs_fuse::MountError>(())
    /// ```
    pub fn leave(self) {
        // Its threads go on, and what these need stays.
        mem::forget(self);
    }

    fn end(&mut self) -> Result<(), MountError> {
        if mem::replace(&mut self.is_over, true) {
            return Ok(());
        }
        let facts = self.kept.facts();
        let failed = |source| MountError::Unmount {
            mountpoint: facts.mountpoint.clone(),
            source,
        };
        if !facts.mount.is_at(&facts.mountpoint) {
            // Somebody has unmounted it, or has mounted something over it, which is not ours to unmount.
            return if self.kept.is_alive() && facts.mount.is_mounted() {
                Err(failed(io::Error::new(
                    io::ErrorKind::ResourceBusy,
                    "something else is mounted over it; unmount that before",
                )))
            } else {
                Ok(())
            };
        }
        umount2(&facts.mountpoint, MntFlags::MNT_DETACH).map_err(|error| failed(error.into()))?;
        // Whether they end in time or not, there is no more to be done.
        let _ = self.ended.recv_timeout(PATIENCE);
        Ok(())
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            tracing::error!("{error}");
        }
    }
}

/// What the watchdog does for a server.
struct Answers(Arc<Server>);

impl Duties<Waiting> for Answers {
    fn deadline(&self) -> Duration {
        self.0.settings().deadline
    }

    fn give_up(&self, waiting: Waiting, taken: Duration) {
        // Before the answer: who has it finds it counted.
        let waited = waiting.is_for_a_text().then_some(taken);
        self.0.is_late(waiting.entry.as_deref(), waited);
        waiting.error(Errno::EIO);
        self.0.was_late();
    }

    fn tidy(&self) {
        self.0.tidy();
    }
}

/// Whether the running kernel has the file that a row stands for.
fn has(row: &VirtualFile) -> bool {
    Path::new("/").join(row.path).exists()
}
