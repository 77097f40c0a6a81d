//! The live files: the file system of lxcfs-fuse, mounted where only this process and the container find it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use lxcfs_core::cgroup::Hierarchies;
use lxcfs_fuse::{MountOptions, Mounted, Settings};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::layer;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::error::RunError;
use crate::args::Run;

/// The directories that may be covered by the mount. Everybody has them, so none has to be made that a killed process
/// would leave behind.
const PLACES: [&str; 5] = ["/run", "/mnt", "/tmp", "/srv", "/dev"];

/// How long a reader waits before it gets an error. On a slow machine better a late answer: no other container waits.
const DEADLINE: Duration = Duration::from_secs(60);

/// Enters a mount namespace, where mounts are nobody else's and end with this process, and finds a place there.
///
/// Only for a process of one thread: the others would stay behind.
pub(crate) fn private_place(hierarchies: &Hierarchies) -> Result<PathBuf, RunError> {
    const NONE: Option<&str> = None;
    unshare(CloneFlags::CLONE_NEWNS).map_err(RunError::system("cannot make a mount namespace"))?;
    // What is mounted here is not mounted elsewhere; what is unmounted elsewhere is unmounted here, instead of staying in
    // use.
    mount(NONE, "/", NONE, MsFlags::MS_REC | MsFlags::MS_SLAVE, NONE)
        .map_err(RunError::system("cannot part the mounts from the host's"))?;
    let fits = |place: &&Path| place.is_dir() && !hierarchies.iter().any(|one| one.mount.starts_with(place));
    let place = PLACES.iter().map(Path::new).find(fits);
    place.map(Path::to_path_buf).ok_or(RunError::NoPlace)
}

/// Mounts the files there, and starts the threads that answer those who read them.
pub(crate) fn mount_files(run: &Run, place: &Path) -> Result<Mounted, RunError> {
    let options = MountOptions {
        // The container's mounts of these files inherit it.
        extra: vec!["noexec".to_owned()],
        ..MountOptions::new(place)
    };
    let settings = Settings {
        view: run.policies.options(),
        deadline: DEADLINE,
        ..Settings::default()
    };
    let mounted = lxcfs_fuse::mount(&options, settings, |end| {
        if let Err(error) = end {
            crate::complain(&format_args!("the virtual files can no longer be read: {error}"));
        }
    })?;
    Ok(mounted)
}

/// Says on the standard error what the file system complains about.
pub(crate) fn log() {
    // Fuser complains about requests that a file system need not know.
    let serious = Targets::new()
        .with_default(LevelFilter::WARN)
        .with_target("fuser", LevelFilter::ERROR);
    let lines = layer()
        .with_writer(std::io::stderr)
        .with_target(false)
        .without_time()
        .with_filter(serious);
    // It only fails if there is a log already.
    let _ = tracing_subscriber::registry().with(lines).try_init();
}
