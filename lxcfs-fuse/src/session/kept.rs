//! What outlives a worker: descriptors by name.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::slice;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, Mode, OFlags, fstat, major, minor, openat};
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsmount, fsopen};

use super::requests::{Facts, Requests};
use crate::store::Store;

/// The connection to the kernel.
const FUSE: &str = "fuse";
/// What was agreed on with it, and what workers had in hand.
const REQUESTS: &str = "requests";
/// Texts of open files, and what is known of containers.
const STORE: &str = "store";

/// A mounted file system, whoever serves it: the connection to the kernel, and what workers hand on to each other.
///
/// As long as somebody holds it, readers wait for who will serve them next. When nobody does any more, they get an error.
///
/// ```no_run
/// use lxcfs_fuse::{MountOptions, begin};
///
/// let kept = begin(&MountOptions::new("/var/lib/lxcfs"))?;
/// // What a service manager is given to keep, as FDSTORE has it.
/// for (name, descriptor) in kept.descriptors() {
///     println!("{name}: {descriptor:?}");
/// }
/// assert_eq!(kept.mountpoint().to_str(), Some("/var/lib/lxcfs"));
/// # Ok::<(), lxcfs_fuse::MountError>(())
/// ```
#[derive(Debug)]
pub struct Kept {
    fuse: OwnedFd,
    requests: Requests,
    store: OwnedFd,
}

/// Descriptors that no file system can be served with.
///
/// ```
/// use lxcfs_fuse::{Kept, KeptError};
///
/// let error = Kept::from_descriptors(Vec::new()).unwrap_err();
/// assert!(matches!(error, KeptError::Missing("fuse")));
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeptError {
    /// One is not there.
    #[error("descriptor {0:?} is missing: {FUSE:?}, {REQUESTS:?} and {STORE:?} are needed; mount anew")]
    Missing(&'static str),
    /// One has a name that is not known, or two have the same.
    #[error("descriptor {0:?} is unknown, or there twice: one each of {FUSE:?}, {REQUESTS:?} and {STORE:?} is needed")]
    Unknown(String),
    /// One is something else than its name says.
    #[error("descriptor {name:?} cannot be used: {why}; mount anew")]
    Unfit {
        /// Its name.
        name: &'static str,
        /// Why.
        why: &'static str,
    },
    /// One cannot be looked at.
    #[error("descriptor {name:?}: {source}")]
    Descriptor {
        /// Its name.
        name: &'static str,
        /// What the kernel says.
        source: io::Error,
    },
}

impl Kept {
    pub(super) fn new(fuse: OwnedFd, requests: Requests, store: OwnedFd) -> Self {
        Self { fuse, requests, store }
    }

    /// Takes descriptors from whoever has held them. They are closed in processes that this one starts.
    ///
    /// # Errors
    ///
    /// [`KeptError`].
    ///
    /// ```
    /// use std::fs::File;
    /// use std::os::fd::OwnedFd;
    /// use lxcfs_fuse::{Kept, KeptError};
    ///
    /// let something = OwnedFd::from(File::open("/dev/null").unwrap());
    /// let error = Kept::from_descriptors(vec![("socket".to_owned(), something)]).unwrap_err();
    /// assert!(matches!(error, KeptError::Unknown(name) if name == "socket"));
    /// ```
    pub fn from_descriptors(named: Vec<(String, OwnedFd)>) -> Result<Self, KeptError> {
        let [mut fuse, mut requests, mut store] = [None, None, None];
        for (name, descriptor) in named {
            let (place, known) = match name.as_str() {
                FUSE => (&mut fuse, FUSE),
                REQUESTS => (&mut requests, REQUESTS),
                STORE => (&mut store, STORE),
                _ => return Err(KeptError::Unknown(name)),
            };
            fcntl_setfd(&descriptor, FdFlags::CLOEXEC).map_err(|error| KeptError::Descriptor {
                name: known,
                source: error.into(),
            })?;
            if place.replace(descriptor).is_some() {
                return Err(KeptError::Unknown(name));
            }
        }
        let fuse = fuse.ok_or(KeptError::Missing(FUSE))?;
        let requests = requests.ok_or(KeptError::Missing(REQUESTS))?;
        let store = store.ok_or(KeptError::Missing(STORE))?;
        is_fuse(&fuse)?;
        let requests = Requests::open(requests)?;
        Ok(Self { fuse, requests, store })
    }

    /// Its descriptors, and their names.
    ///
    /// ```no_run
    /// use lxcfs_fuse::{Kept, MountOptions, begin};
    ///
    /// let kept = begin(&MountOptions::new("/var/lib/lxcfs"))?;
    /// let mut copies = Vec::new();
    /// for (name, descriptor) in kept.descriptors() {
    ///     copies.push((name.to_owned(), descriptor.try_clone_to_owned()?));
    /// }
    /// let the_same = Kept::from_descriptors(copies)?;
    /// assert_eq!(the_same.device(), kept.device());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn descriptors(&self) -> [(&'static str, BorrowedFd<'_>); 3] {
        [
            (FUSE, self.fuse.as_fd()),
            (REQUESTS, self.requests.as_fd()),
            (STORE, self.store.as_fd()),
        ]
    }

    /// The same once more. Everybody who has one keeps readers waiting.
    ///
    /// # Errors
    ///
    /// If there are no more descriptors to be had.
    ///
    /// ```no_run
    /// use lxcfs_fuse::{MountOptions, begin};
    ///
    /// let kept = begin(&MountOptions::new("/var/lib/lxcfs"))?;
    /// let for_the_next = kept.try_clone()?;
    /// drop(kept);
    /// assert!(for_the_next.is_alive(), "readers wait for who will serve");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(Self {
            fuse: self.fuse.try_clone()?,
            requests: self.requests.try_clone()?,
            store: self.store.try_clone()?,
        })
    }

    /// Where it was mounted.
    ///
    /// ```no_run
    /// use lxcfs_fuse::{MountOptions, begin};
    ///
    /// let kept = begin(&MountOptions::new("/var/lib/lxcfs"))?;
    /// assert_eq!(kept.mountpoint(), std::path::Path::new("/var/lib/lxcfs"));
    /// # Ok::<(), lxcfs_fuse::MountError>(())
    /// ```
    #[must_use]
    pub fn mountpoint(&self) -> PathBuf {
        self.facts().mountpoint.clone()
    }

    /// The device number of the file system. Its minor part names the connection below `/sys/fs/fuse/connections`.
    ///
    /// ```no_run
    /// use std::os::unix::fs::MetadataExt;
    /// use lxcfs_fuse::{MountOptions, Settings, mount};
    ///
    /// let mounted = mount(&MountOptions::new("/var/lib/lxcfs"), Settings::default(), |_| {})?;
    /// assert_eq!(std::fs::metadata("/var/lib/lxcfs")?.dev(), mounted.kept().device());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn device(&self) -> u64 {
        self.facts().mount.device
    }

    /// Whether callers may set pressure triggers.
    ///
    /// ```no_run
    /// use lxcfs_fuse::{MountOptions, begin};
    ///
    /// let kept = begin(&MountOptions::new("/var/lib/lxcfs"))?;
    /// assert!(!kept.has_triggers());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn has_triggers(&self) -> bool {
        self.facts().psi_poll
    }

    /// Whether the connection is neither aborted nor unmounted. Never waits.
    ///
    /// ```no_run
    /// use lxcfs_fuse::{MountOptions, begin};
    ///
    /// let kept = begin(&MountOptions::new("/var/lib/lxcfs"))?;
    /// kept.abort()?;
    /// assert!(!kept.is_alive());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn is_alive(&self) -> bool {
        let mut asked = PollFd::new(&self.fuse, PollFlags::empty());
        let now = Timespec::default();
        match poll(slice::from_mut(&mut asked), Some(&now)) {
            Ok(_) => !asked.revents().contains(PollFlags::ERR),
            // A signal. It tells nothing, and what was alive is taken to be so still.
            Err(_) => true,
        }
    }

    /// Ends the connection: whoever waits for an answer gets an error, and so does everybody who comes later. The mount
    /// stays, dead.
    ///
    /// # Errors
    ///
    /// If the kernel refuses.
    ///
    /// ```no_run
    /// use lxcfs_fuse::{MountOptions, begin};
    ///
    /// // Nobody has served for too long: readers are not to wait for ever.
    /// let kept = begin(&MountOptions::new("/var/lib/lxcfs"))?;
    /// kept.abort()?;
    /// assert!(std::fs::read("/var/lib/lxcfs/proc/meminfo").is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn abort(&self) -> io::Result<()> {
        if !self.is_alive() {
            return Ok(());
        }
        let connection = minor(self.device());
        let mounted = File::options()
            .write(true)
            .open(format!("/sys/fs/fuse/connections/{connection}/abort"));
        let mut switch = match mounted {
            Ok(switch) => switch,
            // Not mounted there: in a container, for example.
            Err(_) => openat(
                fusectl()?,
                format!("{connection}/abort"),
                OFlags::WRONLY | OFlags::CLOEXEC,
                Mode::empty(),
            )?
            .into(),
        };
        switch.write_all(b"1")
    }

    /// What workers before this one knew. If nothing can be made of it, it begins anew.
    pub(super) fn open_store(&mut self) -> io::Result<Store> {
        let (store, lost) = match Store::open_or_begin(self.store.try_clone()?) {
            Ok(opened) => opened,
            Err(why) => {
                let store = Store::create()?;
                self.store = store.as_fd().try_clone_to_owned()?;
                (store, Some(why))
            }
        };
        if let Some(why) = lost {
            tracing::warn!(%why, "what was known of containers and open files is lost");
        }
        Ok(store)
    }

    pub(super) fn fuse(&self) -> &OwnedFd {
        &self.fuse
    }

    pub(super) fn requests(&self) -> &Requests {
        &self.requests
    }

    pub(crate) fn store(&self) -> BorrowedFd<'_> {
        self.store.as_fd()
    }

    pub(crate) fn facts(&self) -> &Facts {
        self.requests.facts()
    }
}

/// The file system of connections, mounted nowhere.
fn fusectl() -> io::Result<OwnedFd> {
    let file_system = fsopen("fusectl", FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_create(file_system.as_fd())?;
    let mount = fsmount(
        file_system.as_fd(),
        FsMountFlags::FSMOUNT_CLOEXEC,
        MountAttrFlags::empty(),
    )?;
    Ok(mount)
}

/// Whether that is an open `/dev/fuse`.
fn is_fuse(descriptor: &OwnedFd) -> Result<(), KeptError> {
    let there = fstat(descriptor).map_err(|error| KeptError::Descriptor {
        name: FUSE,
        source: error.into(),
    })?;
    // Its number is fixed: `Documentation/admin-guide/devices.txt`.
    let is = FileType::from_raw_mode(there.st_mode) == FileType::CharacterDevice
        && (major(there.st_rdev), minor(there.st_rdev)) == (10, 229);
    is.then_some(()).ok_or(KeptError::Unfit {
        name: FUSE,
        why: "it is not /dev/fuse",
    })
}
