//! The pid file: one process holds it, and nobody else touches it.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::libc;

/// How often a file that vanishes while it is being locked is looked for again.
const ATTEMPTS: u32 = 100;

/// The pid file cannot be had.
///
/// ```
/// use lxcfs_fuse::daemon::PidFileError;
///
/// let error = PidFileError::NotAFile { path: "/run".into() };
/// assert_eq!(error.to_string(), "pid file /run: not a regular file (--pidfile)");
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PidFileError {
    /// Another instance runs.
    #[error("pid file {}: held by {}; another instance needs another one (--pidfile, --runtime-dir), or takes over (--take-over)", path.display(), holder(*.pid))]
    Held {
        /// The file.
        path: PathBuf,
        /// Who holds it, if that can be told.
        pid: Option<u32>,
    },
    /// It is a device, a directory, or something else that is no file.
    #[error("pid file {}: not a regular file (--pidfile)", path.display())]
    NotAFile {
        /// The file.
        path: PathBuf,
    },
    /// It cannot be made, locked or written.
    #[error("pid file {}: cannot {doing} it: {source}; its directory must be there (--pidfile, --runtime-dir)", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// What the kernel says.
        source: io::Error,
    },
}

fn holder(pid: Option<u32>) -> String {
    pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}

/// A pid file that this process holds. Dropping it removes it.
#[derive(Debug)]
pub(super) struct PidFile {
    path: PathBuf,
    file: File,
}

impl PidFile {
    /// Makes the file, or takes one that nobody holds, and writes the number of this process into it.
    pub(super) fn claim(path: &Path) -> Result<Self, PidFileError> {
        let failed = |doing| {
            move |source| PidFileError::File {
                path: path.to_owned(),
                doing,
                source,
            }
        };
        for _ in 0..ATTEMPTS {
            let mut file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o644)
                .custom_flags(OFlag::O_NOFOLLOW.bits())
                .open(path)
                .map_err(failed("open"))?;
            if !file.metadata().map_err(failed("look at"))?.is_file() {
                return Err(PidFileError::NotAFile { path: path.to_owned() });
            }
            match fcntl(&file, FcntlArg::F_OFD_SETLK(&whole_file())) {
                Ok(_) => {}
                Err(Errno::EAGAIN | Errno::EACCES) => {
                    return Err(PidFileError::Held {
                        path: path.to_owned(),
                        pid: held_by(&mut file),
                    });
                }
                Err(error) => return Err(failed("lock")(error.into())),
            }
            // Its last holder may have removed it between our opening and locking it: then the lock is one on nothing.
            if !is_at(&file, path) {
                continue;
            }
            let written = file
                .set_len(0)
                .and_then(|()| file.write_all(format!("{}\n", std::process::id()).as_bytes()));
            let claimed = Self {
                path: path.to_owned(),
                file,
            };
            written.map_err(failed("write"))?;
            return Ok(claimed);
        }
        Err(PidFileError::Held {
            path: path.to_owned(),
            pid: None,
        })
    }
}

impl PidFile {
    /// The one that this process held before it became another program.
    pub(super) fn still_held(path: &Path, descriptor: OwnedFd) -> Self {
        Self {
            path: path.to_owned(),
            file: descriptor.into(),
        }
    }

    /// Makes the file when its last holder lets go of it, for which it has that time.
    pub(super) fn claim_within(path: &Path, time: Duration) -> Result<Self, PidFileError> {
        let start = Instant::now();
        loop {
            match Self::claim(path) {
                Err(PidFileError::Held { .. }) if start.elapsed() < time => thread::sleep(Duration::from_millis(10)),
                claimed => return claimed,
            }
        }
    }
}

impl AsFd for PidFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // If somebody has put another in its place, that one is theirs.
        if is_at(&self.file, &self.path) {
            // If it cannot be removed, the next instance takes it over.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Whether the path still leads to that open file.
fn is_at(file: &File, path: &Path) -> bool {
    let numbers = |metadata: io::Result<std::fs::Metadata>| metadata.map(|metadata| (metadata.dev(), metadata.ino()));
    match (numbers(file.metadata()), numbers(path.symlink_metadata())) {
        (Ok(open), Ok(there)) => open == there,
        _ => false,
    }
}

/// Who holds the lock. An LXCFS, which locks for its process, is named by the kernel; one of ours, which locks for its
/// open file so that no `close` elsewhere in the process can give it away, by what it has written.
///
/// # References
///
/// fcntl_locking(2)
fn held_by(file: &mut File) -> Option<u32> {
    let mut lock = whole_file();
    if fcntl(&*file, FcntlArg::F_OFD_GETLK(&mut lock)).is_ok()
        && let Ok(pid) = u32::try_from(lock.l_pid)
        && pid > 0
    {
        return Some(pid);
    }
    let mut text = String::new();
    file.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

/// A lock for writing from the beginning to the end, wherever that will be.
fn whole_file() -> libc::flock {
    #[expect(
        clippy::as_conversions,
        clippy::cast_possible_truncation,
        reason = "small constants, whose type differs from that of the field"
    )]
    let (l_type, l_whence) = (libc::F_WRLCK as libc::c_short, libc::SEEK_SET as libc::c_short);
    libc::flock {
        l_type,
        l_whence,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::{BufRead as _, BufReader, Lines};
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use std::process::{Child, ChildStdout, Command, Stdio};

    use super::*;

    const PATH: &str = "LXCFS_TEST_PID_FILE";
    const HOW: &str = "LXCFS_TEST_PID_FILE_HOW";

    /// Another process that holds the file, and what it prints.
    struct Holder(Child, Lines<BufReader<ChildStdout>>);

    impl Holder {
        fn start(path: &Path, how: &str) -> Self {
            let mut child = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "daemon::pid_file::tests::holder", "--ignored", "--nocapture"])
                .env(PATH, path)
                .env(HOW, how)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
            assert!(lines.any(|line| line.unwrap().contains("holding")), "the holder has it");
            Self(child, lines)
        }

        fn pid(&self) -> u32 {
            self.0.id()
        }

        /// Lets it end as it should.
        fn end(mut self) {
            drop(self.0.stdin.take());
            self.1.by_ref().for_each(drop);
            assert!(self.0.wait().unwrap().success());
        }
    }

    impl Drop for Holder {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    /// No test, but what the holder's process runs.
    #[test]
    #[ignore = "it is run by other tests"]
    fn holder() {
        let Some(path) = std::env::var_os(PATH) else {
            return;
        };
        let _held: Box<dyn std::fmt::Debug> = match std::env::var(HOW).unwrap().as_str() {
            "ours" => Box::new(PidFile::claim(Path::new(&path)).unwrap()),
            _ => {
                let file = File::create(&path).unwrap();
                fcntl(&file, FcntlArg::F_SETLK(&whole_file())).unwrap();
                Box::new(file)
            }
        };
        io::stdout().write_all(b"holding\n").unwrap();
        // Until the test that wants it closes our standard input.
        let _ = io::stdin().read(&mut [0]);
    }

    fn dir() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    fn refused(path: &Path) -> String {
        PidFile::claim(path).unwrap_err().to_string()
    }

    #[test]
    fn it_has_the_number_of_the_process_and_goes_with_it() {
        let dir = dir();
        let path = dir.path().join("lxcfs.pid");
        fs::write(&path, "4194304 is what a longer one left behind\n").unwrap();
        let held = PidFile::claim(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("{}\n", std::process::id()));
        drop(held);
        assert!(!path.exists());
    }

    #[test]
    fn everybody_may_read_it_and_only_its_owner_write() {
        let dir = dir();
        let path = dir.path().join("lxcfs.pid");
        let _held = PidFile::claim(&path).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o022, 0, "{mode:o}");
    }

    #[test]
    fn a_second_instance_neither_steals_nor_changes_nor_removes_it() {
        let dir = dir();
        let path = dir.path().join("lxcfs.pid");
        let first = Holder::start(&path, "ours");
        let text = format!("{}\n", first.pid());
        for _ in 0..2 {
            let error = refused(&path);
            assert!(error.contains(&format!("held by process {};", first.pid())), "{error}");
            assert!(error.contains("--pidfile"), "{error}");
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        first.end();
        assert!(!path.exists(), "its owner removed it");
        drop(PidFile::claim(&path).unwrap());
    }

    #[test]
    fn the_file_of_a_process_that_was_killed_is_taken_over() {
        let dir = dir();
        let path = dir.path().join("lxcfs.pid");
        drop(Holder::start(&path, "ours"));
        assert!(path.exists(), "nobody removed it");
        let _held = PidFile::claim(&path).unwrap();
    }

    #[test]
    fn a_running_lxcfs_is_noticed_and_named() {
        let dir = dir();
        let path = dir.path().join("lxcfs.pid");
        // It locks for its process, and has not written its number yet.
        let upstream = Holder::start(&path, "posix");
        let error = refused(&path);
        assert!(
            error.contains(&format!("held by process {};", upstream.pid())),
            "{error}"
        );
        assert_eq!(fs::read_to_string(&path).unwrap(), "");
    }

    #[test]
    fn two_in_one_process_exclude_each_other_too() {
        let dir = dir();
        let path = dir.path().join("lxcfs.pid");
        let _held = PidFile::claim(&path).unwrap();
        assert!(refused(&path).contains("held by process"));
        assert!(path.exists());
    }

    #[test]
    fn what_somebody_else_put_in_its_place_stays() {
        let dir = dir();
        let path = dir.path().join("lxcfs.pid");
        let held = PidFile::claim(&path).unwrap();
        fs::remove_file(&path).unwrap();
        fs::write(&path, "another\n").unwrap();
        drop(held);
        assert_eq!(fs::read_to_string(&path).unwrap(), "another\n");
    }

    #[test]
    fn only_a_regular_file_will_do() {
        assert!(refused(Path::new("/dev/null")).contains("not a regular file (--pidfile)"));
        let dir = dir();
        let (link, target) = (dir.path().join("link"), dir.path().join("target"));
        fs::write(&target, "precious").unwrap();
        symlink(&target, &link).unwrap();
        assert!(refused(&link).contains("--pidfile"));
        assert_eq!(fs::read_to_string(&target).unwrap(), "precious");
    }

    #[test]
    fn a_directory_that_is_not_there_is_not_made() {
        let dir = dir();
        let path = dir.path().join("none/lxcfs.pid");
        let error = refused(&path);
        assert!(error.contains("none/lxcfs.pid: cannot open it: "), "{error}");
        assert!(error.contains("--runtime-dir"), "{error}");
        assert!(!path.parent().unwrap().exists());
    }
}
