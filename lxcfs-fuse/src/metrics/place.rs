//! Where metrics are to be had: `--metrics`, and the configuration file's `metrics`.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// A socket that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// A unix socket beside the pid file.
    Beside,
    /// A unix socket.
    Unix(PathBuf),
    /// An address of the loopback.
    Tcp(SocketAddr),
}

/// The word for [`Place::Beside`].
pub(crate) const BESIDE: &str = "unix";

const USAGE: &str = "unix, unix:PATH, 127.0.0.1:PORT or [::1]:PORT";

impl FromStr for Place {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        if word == BESIDE {
            return Ok(Self::Beside);
        }
        if let Some(path) = word.strip_prefix("unix:") {
            // `sun_path` has room for 108 bytes: a NUL byte is one of them, and the name has another character while it is made.
            return match path.len() {
                _ if !path.starts_with('/') => Err(format!("{word:?}: a path from the root is needed")),
                0..107 => Ok(Self::Unix(path.into())),
                _ => Err(format!("{word:?} is too long for a unix socket: at most 106 bytes")),
            };
        }
        let address: SocketAddr = word.parse().map_err(|_| format!("{word:?} is not one of {USAGE}"))?;
        if !address.ip().is_loopback() {
            return Err(format!(
                "{address} is to be reached from other machines, and whoever reaches it reads all: give an address of the loopback, \
                 or a unix socket behind a proxy that asks who it is ({USAGE})"
            ));
        }
        if address.port() == 0 {
            return Err(format!("{address}: a port is needed that others can know"));
        }
        Ok(Self::Tcp(address))
    }
}

impl Place {
    /// The same with its path.
    pub(crate) fn beside(self, pid_file: &Path) -> Self {
        match self {
            Self::Beside => {
                let mut path = pid_file.as_os_str().to_owned();
                path.push(".metrics");
                Self::Unix(path.into())
            }
            named => named,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Beside => f.write_str(BESIDE),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Tcp(address) => address.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_are_understood() {
        for (word, place) in [
            ("unix", Place::Beside),
            ("unix:/run/m", Place::Unix("/run/m".into())),
            ("127.0.0.1:9797", Place::Tcp(([127, 0, 0, 1], 9797).into())),
            ("[::1]:80", Place::Tcp("[::1]:80".parse().unwrap())),
        ] {
            assert_eq!(word.parse(), Ok(place.clone()));
            assert_eq!(place.to_string(), word);
        }
    }

    #[test]
    fn what_other_machines_reach_is_refused_and_the_reason_said() {
        for word in ["0.0.0.0:9797", "192.168.0.1:80", "[::]:80"] {
            let error = word.parse::<Place>().unwrap_err();
            assert!(error.starts_with(word) && error.contains("other machines"), "{error}");
        }
    }

    #[test]
    fn what_is_no_socket_is_refused() {
        let long = format!("unix:/{}", "a".repeat(106));
        for word in [
            "",
            "9797",
            "localhost:9797",
            "unix:",
            "unix:m",
            "127.0.0.1:0",
            "/run/m",
            &long,
        ] {
            assert!(word.parse::<Place>().is_err(), "{word}");
        }
    }

    #[test]
    fn a_socket_without_a_name_is_beside_the_pid_file() {
        let known = |place: Place| place.beside(Path::new("/run/lxcfs.pid")).to_string();
        assert_eq!(known(Place::Beside), "unix:/run/lxcfs.pid.metrics");
        assert_eq!(known(Place::Unix("/m".into())), "unix:/m");
    }
}
