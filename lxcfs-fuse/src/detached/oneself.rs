//! This process's own entries in `/proc`, which it reaches from every mount namespace.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::{AsRawFd as _, OwnedFd};

use lxcfs_core::mountinfo::{Mount, mounts};
use nix::mount::{MntFlags, umount2};
use rustix::fs::{Mode, OFlags, open, openat};
use rustix::process::fchdir;

/// `/proc/PID` of this process, by which it is found from every mount namespace.
///
/// ```
/// use std::path::Path;
/// use lxcfs_fuse::detached::{Oneself, place};
///
/// let oneself = Oneself::open().unwrap();
/// let proc = oneself.mount_of(&place(Path::new("/proc")).unwrap()).unwrap();
/// assert!(oneself.mounts().unwrap().iter().any(|mount| mount.id == proc && mount.kind == "proc"));
/// ```
#[derive(Debug)]
pub struct Oneself(OwnedFd);

impl Oneself {
    /// That of the thread that calls.
    ///
    /// # Errors
    ///
    /// The kernel's.
    ///
    /// ```
    /// use lxcfs_fuse::detached::Oneself;
    ///
    /// // To be opened before another mount namespace is entered.
    /// assert!(Oneself::open().is_ok());
    /// ```
    pub fn open() -> io::Result<Self> {
        let flags = OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self(open("/proc/self", flags, Mode::empty())?))
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let mut file = File::from(openat(&self.0, name, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?);
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        Ok(text)
    }

    /// What is mounted where this process is now.
    ///
    /// # Errors
    ///
    /// The kernel's.
    ///
    /// ```
    /// use lxcfs_fuse::detached::Oneself;
    ///
    /// let mounts = Oneself::open().unwrap().mounts().unwrap();
    /// assert!(mounts.iter().any(|mount| mount.point == std::path::Path::new("/proc")));
    /// ```
    pub fn mounts(&self) -> io::Result<Vec<Mount>> {
        Ok(mounts(&self.read("mountinfo")?).collect())
    }

    /// The kernel's number of the mount in which a place is.
    ///
    /// # Errors
    ///
    /// The kernel's.
    ///
    /// ```
    /// use std::path::Path;
    /// use lxcfs_fuse::detached::{Oneself, place};
    ///
    /// let oneself = Oneself::open().unwrap();
    /// let mount_of = |path| oneself.mount_of(&place(Path::new(path)).unwrap()).unwrap();
    /// assert_eq!(mount_of("/proc/uptime"), mount_of("/proc/version"));
    /// assert_ne!(mount_of("/proc/version"), mount_of("/"));
    /// ```
    pub fn mount_of(&self, place: &OwnedFd) -> io::Result<u64> {
        let text = self.read(&format!("fdinfo/{}", place.as_raw_fd()))?;
        let id = lxcfs_core::parse::lines(&text)
            .find_map(|line| lxcfs_core::parse::number(line.strip_prefix(b"mnt_id:")?.trim_ascii()));
        id.ok_or_else(|| io::Error::other("no mnt_id in fdinfo"))
    }

    /// Takes away what is mounted there, with all that is mounted in it.
    ///
    /// # Errors
    ///
    /// The kernel's.
    ///
    /// ```no_run
    /// use std::path::Path;
    /// use lxcfs_fuse::detached::{Oneself, place};
    ///
    /// let dead = place(Path::new("/proc/stat"))?;
    /// Oneself::open()?.unmount(&dead)?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn unmount(&self, place: &OwnedFd) -> io::Result<()> {
        fchdir(&self.0)?;
        let link = format!("fd/{}", place.as_raw_fd());
        Ok(umount2(link.as_str(), MntFlags::MNT_DETACH)?)
    }

    /// Opens for reading what is at that place, and nothing that has come over it since.
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub(crate) fn reopen(&self, place: &OwnedFd) -> io::Result<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let link = format!("fd/{}", place.as_raw_fd());
        Ok(openat(&self.0, link.as_str(), flags, Mode::empty())?)
    }
}
