//! What can be mounted into containers right now, asked without ever waiting long for it.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use lxcfs_core::inject::mounted_files;
use lxcfs_core::mountinfo::{Mount, mount_of};

/// How long a look at the daemon's files may take. The runtime waits for us meanwhile, and two seconds at most.
const LOOK: Duration = Duration::from_millis(500);

/// What there is to mount.
///
/// ```
/// use lxcfs_nri::Available;
///
/// let available = Available {
///     dir: "/var/lib/lxcfs".into(),
///     paths: ["proc/meminfo", "proc/stat"].into(),
///     propagates: true,
/// };
/// assert!(available.has("proc/stat"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Available {
    /// The directory of it.
    pub dir: PathBuf,
    /// The paths of files that are there, and in the host's own tree too.
    pub paths: BTreeSet<&'static str>,
    /// Whether mounts that are made over them are seen in containers.
    pub propagates: bool,
}

impl Available {
    /// Whether it has that file.
    ///
    /// ```
    /// use lxcfs_nri::Available;
    ///
    /// let available = Available { dir: "/var/lib/lxcfs".into(), paths: ["proc/stat"].into(), propagates: false };
    /// assert!(available.has("proc/stat") && !available.has("proc/meminfo"));
    /// ```
    #[must_use]
    pub fn has(&self, file: &str) -> bool {
        self.paths.contains(file)
    }
}

/// Why there is nothing to mount.
///
/// ```
/// use lxcfs_nri::{Mounted, Sources, Unavailable};
///
/// let empty = tempfile::tempdir().unwrap();
/// let answer = Mounted::below(empty.path()).unwrap().look();
/// // On a machine that is very busy there may be none in time.
/// assert!(matches!(answer, Err(Unavailable::NotThere(_) | Unavailable::Silent(_))));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// The file system is not mounted.
    #[error("{0}: no file of lxcfs is there; is the daemon running, with that mount point?")]
    NotThere(String),
    /// Its daemon is dead, or it is broken otherwise.
    #[error("{path}: {cause}; is the daemon running?")]
    Broken {
        /// The file that was looked at.
        path: String,
        /// What the kernel said.
        cause: String,
    },
    /// Its daemon does not answer.
    #[error("{0}: the daemon does not answer")]
    Silent(String),
}

/// Who knows what there is to mount.
///
/// ```
/// use lxcfs_nri::{Available, Sources, Unavailable};
///
/// /// What never changes.
/// struct Always(Available);
///
/// impl Sources for Always {
///     fn look(&mut self) -> Result<Available, Unavailable> {
///         Ok(self.0.clone())
///     }
/// }
///
/// let dir = Available { dir: "/var/lib/lxcfs".into(), paths: ["proc/stat"].into(), propagates: true };
/// assert_eq!(Always(dir.clone()).look(), Ok(dir));
/// ```
pub trait Sources: Send {
    /// What there is, at once.
    ///
    /// # Errors
    ///
    /// [`Unavailable`].
    ///
    /// ```
    /// use lxcfs_nri::{Available, Sources, Unavailable};
    ///
    /// struct Down;
    ///
    /// impl Sources for Down {
    ///     fn look(&mut self) -> Result<Available, Unavailable> {
    ///         Err(Unavailable::Silent("/var/lib/lxcfs".to_owned()))
    ///     }
    /// }
    ///
    /// assert_eq!(Down.look().unwrap_err().to_string(), "/var/lib/lxcfs: the daemon does not answer");
    /// ```
    fn look(&mut self) -> Result<Available, Unavailable>;
}

type Answer = Result<Available, Unavailable>;

/// The files below the mount point of a daemon. A thread looks at them: one that waits for a dead daemon is not missed.
///
/// ```no_run
/// use std::path::Path;
/// use lxcfs_nri::{Mounted, Sources};
///
/// let available = Mounted::below(Path::new("/var/lib/lxcfs"))?.look()?;
/// assert!(available.has("proc/meminfo"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Mounted {
    dir: PathBuf,
    ask: Sender<()>,
    answers: Receiver<Answer>,
    /// Looks that have not been answered yet.
    outstanding: u32,
}

impl Mounted {
    /// Those in that directory, an absolute path.
    ///
    /// # Errors
    ///
    /// No thread can be started.
    ///
    /// ```
    /// use lxcfs_nri::{Mounted, Sources};
    ///
    /// let empty = tempfile::tempdir().unwrap();
    /// let mut sources = Mounted::below(empty.path()).unwrap();
    /// assert!(sources.look().is_err());
    /// ```
    pub fn below(dir: &Path) -> io::Result<Self> {
        let (ask, asked) = channel();
        let (tell, answers) = channel();
        let looked_at = dir.to_owned();
        thread::Builder::new().name("sources".to_owned()).spawn(move || {
            while asked.recv().is_ok() {
                // Nobody listens any more if the plugin ends.
                let _ = tell.send(look(&looked_at));
            }
        })?;
        Ok(Self {
            dir: dir.to_owned(),
            ask,
            answers,
            outstanding: 0,
        })
    }

    fn silent(&self) -> Unavailable {
        Unavailable::Silent(self.dir.display().to_string())
    }
}

impl Sources for Mounted {
    fn look(&mut self) -> Answer {
        // Answers that came too late are old ones.
        while self.answers.try_recv().is_ok() {
            self.outstanding = self.outstanding.saturating_sub(1);
        }
        if self.outstanding > 0 || self.ask.send(()).is_err() {
            return Err(self.silent());
        }
        match self.answers.recv_timeout(LOOK) {
            Ok(answer) => answer,
            Err(RecvTimeoutError::Timeout) => {
                self.outstanding = 1;
                Err(self.silent())
            }
            Err(RecvTimeoutError::Disconnected) => Err(self.silent()),
        }
    }
}

fn look(dir: &Path) -> Answer {
    let mut paths = BTreeSet::new();
    for file in mounted_files() {
        let path = dir.join(file);
        match path.symlink_metadata() {
            // A target that the kernel does not have would end the container.
            Ok(_) if Path::new("/").join(file).exists() => {
                paths.insert(file);
            }
            Ok(_) => {}
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {}
            Err(error) => {
                return Err(Unavailable::Broken {
                    path: path.display().to_string(),
                    cause: error.to_string(),
                });
            }
        }
    }
    if paths.is_empty() {
        return Err(Unavailable::NotThere(dir.display().to_string()));
    }
    let mountinfo = std::fs::read("/proc/self/mountinfo").unwrap_or_default();
    // If there is one mount for each file, they are alike.
    let one = paths.first().map_or_else(|| dir.to_owned(), |path| dir.join(path));
    Ok(Available {
        dir: dir.to_owned(),
        propagates: mount_of(&mountinfo, &one).as_ref().is_some_and(Mount::propagates),
        paths,
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn only_files_that_are_there_are_available() {
        let dir = tempfile::tempdir().unwrap();
        let mut sources = Mounted::below(dir.path()).unwrap();
        assert!(matches!(sources.look(), Err(Unavailable::NotThere(_))));
        fs::create_dir(dir.path().join("proc")).unwrap();
        fs::write(dir.path().join("proc/meminfo"), "").unwrap();
        let available = sources.look().unwrap();
        assert_eq!(available.paths, BTreeSet::from(["proc/meminfo"]));
        assert_eq!(available.dir, dir.path());
    }

    #[test]
    fn what_is_broken_is_said_with_its_path() {
        let dir = tempfile::tempdir().unwrap();
        let endless = dir.path().join("proc");
        std::os::unix::fs::symlink("proc", &endless).unwrap();
        let error = Mounted::below(dir.path()).unwrap().look().unwrap_err();
        assert!(matches!(error, Unavailable::Broken { .. }), "{error}");
        assert!(error.to_string().contains("proc/cpuinfo"), "{error}");
    }
}
