//! What a program says of itself, if it says so in time.

use std::fs::File;
use std::io::{self, Read as _, Seek as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::memfd::{MFdFlags, memfd_create};

const PAUSE: Duration = Duration::from_millis(5);

/// The path of an installed program.
pub(super) fn find(name: &str) -> Option<PathBuf> {
    let dirs = std::env::var_os("PATH")?;
    // Where services are looked for, whatever the path of the caller.
    let more = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin"].map(PathBuf::from);
    std::env::split_paths(&dirs)
        .chain(more)
        .map(|dir| dir.join(name))
        .find(|path| path.is_file())
}

/// The first line that `PROGRAM --version` prints.
pub(super) fn version(program: &PathBuf) -> io::Result<String> {
    // A file and not a pipe: whatever the program starts may hold that for as long as it likes.
    let mut said = File::from(memfd_create("lxcfs-version", MFdFlags::MFD_CLOEXEC)?);
    let mut child = Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::from(said.try_clone()?))
        .stderr(Stdio::null())
        .spawn()?;
    let start = Instant::now();
    while child.try_wait()?.is_none() {
        if start.elapsed() > super::PATIENCE {
            child.kill()?;
            return Err(io::ErrorKind::TimedOut.into());
        }
        sleep(PAUSE);
    }
    said.rewind()?;
    let mut text = Vec::new();
    said.take(4096).read_to_end(&mut text)?;
    let text = String::from_utf8_lossy(&text);
    Ok(text.lines().next().unwrap_or_default().trim().to_owned())
}

/// The first version number in a text, as two numbers.
pub(super) fn numbers(text: &str) -> Option<(u32, u32)> {
    text.split(|at: char| !(at.is_ascii_digit() || at == '.'))
        .find_map(|word| {
            let mut parts = word.split('.');
            Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_the_first_word_that_looks_like_one() {
        assert_eq!(
            numbers("containerd github.com/containerd/containerd 1.6.20~ds1 1.6.20"),
            Some((1, 6))
        );
        assert_eq!(numbers("Docker version 29.2.0, build 1"), Some((29, 2)));
        assert_eq!(numbers("crun"), None);
    }

    #[test]
    fn a_program_that_does_not_answer_is_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("slow");
        std::fs::write(&path, "#!/bin/sh\nexec sleep 1000\n").unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        assert_eq!(version(&path).unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
}
