//! The beginning: a mount whose kernel has been answered its first request, before anybody serves it.
//!
//! What is agreed on is what fuser would agree on: the kernel's request is put to a session of fuser's that serves nothing
//! else, and its answer is handed on.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use fuser::{Filesystem, KernelConfig, Request};
use nix::mount::{MntFlags, umount2};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::kept::Kept;
use super::line::Line;
use super::message;
use super::mount_data::MountData;
use super::mount_facts::MountId;
use super::requests::{Facts, Requests};
use crate::error::MountError;
use crate::settings::MountOptions;
use crate::store::Store;

/// How long the kernel may take for its first request, which it makes while it mounts.
const PATIENCE: Duration = Duration::from_secs(10);

/// Mounts the file system, and agrees on the protocol with the kernel. Nobody is served yet: who reads waits until
/// somebody [serves](crate::serve).
///
/// # Errors
///
/// [`MountError`].
///
/// ```no_run
/// use lxcfs_fuse::{MountOptions, Settings, begin, serve};
///
/// let options = MountOptions::new("/var/lib/lxcfs");
/// let kept = begin(&options)?;
/// // A supervisor keeps one; who serves is given the other, and may die.
/// let mounted = serve(kept.try_clone()?, &options, Settings::default(), |_| {})?;
/// assert!(mounted.kept().is_alive());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn begin(options: &MountOptions) -> Result<Kept, MountError> {
    let data = MountData::of(options)?;
    // A successor may have another working directory.
    let mountpoint = std::path::absolute(&options.mountpoint).map_err(|source| MountError::Mount {
        mountpoint: options.mountpoint.clone(),
        source,
    })?;
    let device = File::options()
        .read(true)
        .write(true)
        .open("/dev/fuse")
        .map_err(MountError::Device)?;
    data.mount(&device, &mountpoint)?;
    let unmounts = UnmountUnlessKept(Some(mountpoint.clone()));
    let offer = offer(&device).map_err(MountError::Handshake)?;
    let agreement = Line::to(Nobody, &offer, 1).map_err(MountError::Handshake)?.agreement;
    (&device).write_all(&agreement).map_err(MountError::Handshake)?;
    let mount = MountId::at(&mountpoint).map_err(MountError::Handshake)?;
    let facts = Facts {
        mountpoint,
        mount,
        since: SystemTime::now(),
        psi_poll: options.psi_poll,
        offer,
        agreement,
    };
    let cannot_keep = |source| MountError::Start {
        what: "what outlives a process",
        source,
    };
    let requests = Requests::create(facts).map_err(cannot_keep)?;
    let store = Store::create().and_then(|store| store.as_fd().try_clone_to_owned());
    let store = store.map_err(cannot_keep)?;
    unmounts.keep();
    Ok(Kept::new(device.into(), requests, store))
}

/// The kernel's first request.
fn offer(mut device: &File) -> io::Result<Vec<u8>> {
    let mut asked = [PollFd::new(device, PollFlags::IN)];
    let patience = Timespec::try_from(PATIENCE).map_err(|_| io::ErrorKind::InvalidInput)?;
    if poll(&mut asked, Some(&patience))? == 0 {
        return Err(io::Error::new(io::ErrorKind::TimedOut, "the kernel does not begin"));
    }
    // The kernel wants more room than any first request takes.
    let mut room = vec![0; 128 << 10];
    let length = device.read(&mut room)?;
    room.truncate(length);
    if !message::Request::parse(&room).is_some_and(message::Request::is_init) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "the kernel begins with something else",
        ));
    }
    Ok(room)
}

/// Agrees, and serves nothing.
struct Nobody;

impl Filesystem for Nobody {
    fn init(&mut self, _: &Request, config: &mut KernelConfig) -> io::Result<()> {
        crate::fs::agree(config);
        Ok(())
    }
}

/// What was mounted by a beginning that comes to nothing goes away again.
struct UnmountUnlessKept(Option<PathBuf>);

impl UnmountUnlessKept {
    fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for UnmountUnlessKept {
    fn drop(&mut self) {
        if let Some(mountpoint) = &self.0
            && let Err(error) = umount2(mountpoint, MntFlags::MNT_DETACH)
        {
            tracing::error!(mountpoint = %mountpoint.display(), %error, "cannot unmount");
        }
    }
}
