//! This program, to be started again: from the disk as it is now there, or as it runs.
//!
//! All words and variables are made beforehand, so that starting it later needs no memory.

use std::env;
use std::ffi::{CString, OsStr, OsString};
use std::io;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use lxcfs_core::live::boot_time;

use super::passed;

/// Which image is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Image {
    /// What is on the disk now: perhaps another version.
    OnDisk,
    /// The one that runs here, even if it is no longer on the disk.
    Own,
}

/// The hidden option that makes a worker.
const WORKER: &str = "--worker";
/// The hidden option that says what relative paths are relative to.
const WORKING_DIRECTORY: &str = "--working-directory=";
/// The option that only looks whether all is well.
const CHECK: &str = "--check";

/// Variables that are for this process alone.
const OWN_VARIABLES: &[&str] = &[
    passed::PID,
    passed::COUNT,
    passed::NAMES,
    passed::AT,
    "NOTIFY_SOCKET",
    "WATCHDOG_USEC",
    "WATCHDOG_PID",
];

/// What is needed to start this program again.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    path: PathBuf,
    words: Vec<OsString>,
    started: Duration,
}

impl Program {
    /// This program with the words that it was started with. `from` is the working directory at that time.
    pub(crate) fn this(from: &Path) -> io::Result<Self> {
        let path = env::current_exe()?;
        // The kernel says so of a program that was replaced since it was started.
        let bytes = path.as_os_str().as_bytes();
        let path = bytes
            .strip_suffix(b" (deleted)")
            .map_or(path.clone(), |bytes| OsStr::from_bytes(bytes).into());
        let words = rooted(env::args_os().collect(), from);
        Ok(Self {
            path,
            words,
            started: boot_time(),
        })
    }

    /// When it was started here: `CLOCK_BOOTTIME`.
    pub(crate) fn started(&self) -> Duration {
        self.started
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The words for a worker.
    pub(crate) fn as_worker(&self) -> Vec<OsString> {
        with(self.words.clone(), WORKER.into())
    }

    /// The words for a look whether all is well.
    pub(crate) fn as_check(&self) -> Vec<OsString> {
        with(self.words.clone(), CHECK.into())
    }

    /// The words for the same once more.
    pub(crate) fn words(&self) -> &[OsString] {
        &self.words
    }
}

/// As execve(2) wants them. A word with a NUL byte cannot have come from there.
pub(crate) fn c_strings(words: impl IntoIterator<Item = OsString>) -> Vec<CString> {
    words
        .into_iter()
        .filter_map(|word| CString::new(word.into_vec()).ok())
        .collect()
}

/// The environment without what is for this process alone, except for `keep`.
pub(crate) fn environment(keep: &[&str]) -> Vec<OsString> {
    let foreign = |name: &OsStr| {
        let is = |own: &&str| OsStr::new(own) == name;
        !OWN_VARIABLES.iter().any(|own| is(own) && !keep.contains(own))
    };
    let variables = env::vars_os().filter(|(name, _)| foreign(name));
    variables
        .map(|(mut name, value)| {
            name.push("=");
            name.push(value);
            name
        })
        .collect()
}

/// Says what relative paths are relative to, unless that has been said before.
fn rooted(words: Vec<OsString>, from: &Path) -> Vec<OsString> {
    let said = |word: &OsString| word.as_bytes().starts_with(WORKING_DIRECTORY.as_bytes());
    if words.iter().any(said) {
        return words;
    }
    let mut option = OsString::from(WORKING_DIRECTORY);
    option.push(from);
    with(words, option)
}

/// Puts an option in front of all others: at the end, it could stand behind a `--`. Of `lxcfs-cli`, the first word is
/// the name of what is to be done.
fn with(mut words: Vec<OsString>, option: OsString) -> Vec<OsString> {
    let first = words.get(1).is_some_and(|word| word == "mount");
    let at = if first { 2 } else { 1 };
    words.insert(at.min(words.len()), option);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<OsString> {
        text.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn options_stand_before_all_others_and_behind_the_command_of_the_tool() {
        let plain = with(words("lxcfs -f -- m"), WORKER.into());
        assert_eq!(plain, words("lxcfs --worker -f -- m"));
        let tool = with(words("lxcfs-cli mount -f m"), WORKER.into());
        assert_eq!(tool, words("lxcfs-cli mount --worker -f m"));
        assert_eq!(with(words("lxcfs"), CHECK.into()), words("lxcfs --check"));
    }

    #[test]
    fn the_first_working_directory_counts() {
        let once = rooted(words("lxcfs m"), Path::new("/a"));
        assert_eq!(once, words("lxcfs --working-directory=/a m"));
        assert_eq!(rooted(once.clone(), Path::new("/")), once);
    }

    #[test]
    fn what_is_for_this_process_is_not_passed_on() {
        for variable in environment(&[]) {
            let text = variable.to_string_lossy().into_owned();
            assert!(!text.starts_with("NOTIFY_SOCKET="), "{text}");
        }
        let path = environment(&[])
            .iter()
            .any(|variable| variable.as_bytes().starts_with(b"PATH="));
        assert!(path);
    }
}
