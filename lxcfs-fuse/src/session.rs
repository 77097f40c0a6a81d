//! The mount, and the threads that answer its requests.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use fuser::{Config, Errno, Session, SessionACL};
use lxcfs_core::VirtualFile;
use lxcfs_core::live::{Root, hierarchies};
use nix::mount::{MntFlags, umount2};
use nix::sys::resource::{Resource, getrlimit};

use crate::counters::{Counts, Gauges};
use crate::error::MountError;
use crate::fs::Lxcfs;
use crate::housekeeper::Housekeeper;
use crate::mount_data::{MountData, is_dead};
use crate::psi::Triggers;
use crate::registry::Budget;
use crate::serve::Server;
use crate::settings::{MountOptions, Settings};
use crate::store::Store;
use crate::tree::Tree;
use crate::waiting::Waiting;
use crate::watchdog::{Duties, Watchdog};

/// How long requests may take to end after an unmount. They end at once unless containers hold parts of the tree.
const PATIENCE: Duration = Duration::from_millis(200);

/// A mounted file system. Dropping it unmounts.
#[derive(Debug)]
pub struct Mounted {
    mountpoint: Option<PathBuf>,
    server: Arc<Server>,
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
    let data = MountData::of(options)?;
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
    let budget = Budget::of(descriptors);
    let store = Arc::new(Store::create().map_err(cannot_start("the store"))?);
    let server = Arc::new(Server::new(hierarchies, settings, budget, Arc::clone(&store)));
    let housekeeper = Housekeeper::start(&server).map_err(cannot_start("the housekeeper"))?;
    server.keep_house_with(Arc::clone(housekeeper.bell()));
    let threads = options.threads.get();
    let watchdog = Watchdog::start(threads, Answers(Arc::clone(&server))).map_err(cannot_start("the watchdog"))?;
    let triggers = options.psi_poll.then(|| Triggers::with_most(budget.triggers));
    let fs = Lxcfs::new(Arc::clone(&server), watchdog, Tree::new(has), triggers, store);

    let device = File::options()
        .read(true)
        .write(true)
        .open("/dev/fuse")
        .map_err(MountError::Device)?;
    data.mount(&device, &options.mountpoint)?;
    // From here on it is unmounted when something fails.
    let (tell, heard) = channel();
    let mounted = Mounted {
        mountpoint: Some(options.mountpoint.clone()),
        server,
        _housekeeper: housekeeper,
        ended: heard,
    };
    let mut config = Config::default();
    config.n_threads = Some(threads);
    let session = Session::from_fd(fs, device.into(), SessionACL::All, config).map_err(MountError::Handshake)?;
    let mountpoint = options.mountpoint.clone();
    let requests = move || {
        let mut end = session.run();
        if end.is_ok() && is_dead(&mountpoint) {
            // To us an abort looks like an unmount.
            end = Err(io::Error::from(io::ErrorKind::ConnectionAborted));
        }
        // Nobody listens who has not unmounted it himself.
        let _ = tell.send(());
        ended(end);
    };
    thread::Builder::new()
        .name("requests".to_owned())
        .spawn(requests)
        .map_err(cannot_start("the thread for requests"))?;
    Ok(mounted)
}

impl Mounted {
    /// What it has been told last.
    #[must_use]
    pub fn settings(&self) -> Settings {
        (*self.server.settings()).clone()
    }

    /// Tells it something else, from the next read on.
    pub fn set(&self, settings: Settings) {
        self.server.set(settings);
    }

    /// What it has done so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.server.counts()
    }

    /// What it has at the moment.
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
    pub fn unmount(mut self) -> Result<(), MountError> {
        self.end()
    }

    fn end(&mut self) -> Result<(), MountError> {
        let Some(mountpoint) = self.mountpoint.take() else {
            return Ok(());
        };
        // If requests have ended, what is there now is somebody else's: unless the connection was aborted, which leaves
        // a dead mount.
        if self.ended.try_recv().is_ok() && !is_dead(&mountpoint) {
            return Ok(());
        }
        umount2(&mountpoint, MntFlags::MNT_DETACH).map_err(|error| MountError::Unmount {
            mountpoint,
            source: error.into(),
        })?;
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

    fn give_up(&self, reply: Waiting) {
        reply.error(Errno::EIO);
        self.0.late();
    }

    fn tidy(&self) {
        self.0.tidy();
    }
}

/// Whether the running kernel has the file that a row stands for.
fn has(row: &VirtualFile) -> bool {
    Path::new("/").join(row.path).exists()
}

fn cannot_start(what: &'static str) -> impl FnOnce(io::Error) -> MountError {
    move |source| MountError::Start { what, source }
}
