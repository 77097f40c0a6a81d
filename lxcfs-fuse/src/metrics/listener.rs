//! A socket that clients come to.
//!
//! # References
//!
//! unix(7), tcp(7).

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::io::{Errno, ioctl_fionbio};
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, accept_with, bind, getsockname, listen, socket_with,
};

use super::place::Place;
use crate::socket_name::SocketName;

/// How many may wait to be let in.
const BACKLOG: i32 = 16;

/// A socket that listens.
#[derive(Debug)]
pub(super) struct Listener {
    socket: OwnedFd,
    name: Option<SocketName>,
}

impl Listener {
    /// Makes it. A unix socket that lies there is one that nobody listens to any more, or the one of him whom we followed.
    pub(super) fn bind(place: &Place) -> io::Result<Self> {
        match place {
            Place::Tcp(address) => {
                let socket = OwnedFd::from(TcpListener::bind(address)?);
                ioctl_fionbio(&socket, true)?;
                Ok(Self { socket, name: None })
            }
            Place::Unix(path) => Ok(Self::named(bind_unix(path)?, place)),
            Place::Beside => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    /// Goes on with one that this process has made when it was another program. `None`: that was at another place.
    pub(super) fn adopt(socket: OwnedFd, place: &Place) -> Option<Self> {
        let address = getsockname(&socket).ok()?;
        let is_there = match place {
            Place::Tcp(wanted) => SocketAddr::try_from(address).is_ok_and(|address| address == *wanted),
            Place::Unix(path) => SocketAddrUnix::try_from(address)
                .is_ok_and(|address| address.path_bytes() == Some(unnamed(path).as_os_str().as_bytes())),
            Place::Beside => false,
        };
        is_there.then(|| Self::named(socket, place))
    }

    fn named(socket: OwnedFd, place: &Place) -> Self {
        let name = match place {
            Place::Unix(path) => Some(SocketName::of(path)),
            Place::Beside | Place::Tcp(_) => None,
        };
        Self { socket, name }
    }

    /// Somebody who has come, if there is one.
    pub(super) fn accept(&self) -> io::Result<Option<OwnedFd>> {
        match accept_with(&self.socket, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK) {
            Ok(socket) => Ok(Some(socket)),
            // It has come and gone, or a signal.
            Err(Errno::AGAIN | Errno::CONNABORTED | Errno::INTR) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Takes the name away, if it is still that of this socket.
    pub(super) fn remove(&self) {
        if let Some(name) = &self.name {
            name.remove();
        }
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

#[cfg(test)]
impl From<Listener> for OwnedFd {
    fn from(listener: Listener) -> Self {
        listener.socket
    }
}

/// For root alone. It gets its name when it listens and has its mode, so that nobody finds it before; whoever is there under
/// that name is found until then.
fn bind_unix(path: &Path) -> io::Result<OwnedFd> {
    if fs::symlink_metadata(path).is_ok_and(|there| !there.file_type().is_socket()) {
        return Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "something else than a socket is there",
        ));
    }
    let new = unnamed(path);
    let socket = socket_with(
        AddressFamily::UNIX,
        SocketType::STREAM,
        SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
        None,
    )?;
    // One that was killed half-way may have left it.
    let _ = fs::remove_file(&new);
    bind(&socket, &SocketAddrUnix::new(&new)?)?;
    fs::set_permissions(&new, fs::Permissions::from_mode(0o600))?;
    listen(&socket, BACKLOG)?;
    fs::rename(&new, path)?;
    Ok(socket)
}

/// What a socket is called before it is found.
fn unnamed(path: &Path) -> PathBuf {
    let mut new = path.as_os_str().to_owned();
    new.push("~");
    new.into()
}
