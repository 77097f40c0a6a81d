//! What is mounted at a place, from the text of mountinfo: nothing here asks the file system itself, which may never
//! answer.
//!
//! # References
//!
//! `proc_pid_mountinfo(5)`

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::Path;

use nix::mount::{MntFlags, umount2};

/// The mount on top at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OnTop {
    /// Of an anonymous device the minor number is all there is; it is the number of the FUSE connection.
    pub(crate) minor: u32,
    pub(crate) kind: String,
}

impl OnTop {
    /// Ours, from this process or an earlier one.
    pub(crate) fn is_lxcfs(&self) -> bool {
        self.kind == "fuse.lxcfs"
    }
}

/// What is on top at that place.
pub(crate) fn on_top(place: &Path) -> io::Result<Option<OnTop>> {
    Ok(find(&fs::read("/proc/self/mountinfo")?, place))
}

fn find(mountinfo: &[u8], place: &Path) -> Option<OnTop> {
    let lines = mountinfo.split(|byte| *byte == b'\n');
    // What was mounted last stands last.
    lines.rev().find_map(|line| {
        let mut words = line.split(|byte| *byte == b' ');
        let device = words.nth(2)?;
        let at = words.nth(1)?;
        if plain(at).as_bytes() != place.as_os_str().as_bytes() {
            return None;
        }
        let kind = words.skip_while(|word| *word != b"-").nth(1)?;
        let minor = device.split(|byte| *byte == b':').nth(1)?;
        Some(OnTop {
            minor: std::str::from_utf8(minor).ok()?.parse().ok()?,
            kind: String::from_utf8_lossy(kind).into_owned(),
        })
    })
}

/// Undoes what the kernel does to spaces, tabs, newlines and backslashes.
fn plain(word: &[u8]) -> OsString {
    let mut bytes = Vec::with_capacity(word.len());
    let mut rest = word;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        let value = (*first == b'\\')
            .then(|| after.get(..3))
            .flatten()
            .and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        match value {
            Some(value) => {
                bytes.push(value);
                rest = after.get(3..).unwrap_or_default();
            }
            None => bytes.push(*first),
        }
    }
    OsString::from_vec(bytes)
}

/// Unmounts what has that minor number, if it is on top at that place; says whether it was.
pub(crate) fn unmount(place: &Path, minor: u32) -> io::Result<bool> {
    if on_top(place)?.is_none_or(|top| top.minor != minor) {
        return Ok(false);
    }
    umount2(place, MntFlags::MNT_DETACH | MntFlags::UMOUNT_NOFOLLOW)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
22 1 8:1 / / rw,relatime - ext4 /dev/vda rw
36 22 0:52 / /var/lib/lxcfs rw,nosuid shared:7 - fuse.lxcfs lxcfs rw,user_id=0
37 36 0:61 / /var/lib/lxcfs ro master:1 shared:9 - fuse.lxcfs lxcfs ro
38 22 0:70 / /a\\040b\\134c rw - tmpfs tmpfs rw
";

    fn at(place: &str) -> Option<(u32, String)> {
        find(TEXT.as_bytes(), Path::new(place)).map(|top| (top.minor, top.kind))
    }

    #[test]
    fn the_last_of_several_is_on_top() {
        assert_eq!(at("/var/lib/lxcfs"), Some((61, "fuse.lxcfs".to_owned())));
        assert_eq!(at("/"), Some((1, "ext4".to_owned())));
        assert_eq!(at("/var/lib"), None);
    }

    #[test]
    fn names_with_spaces_and_backslashes_are_found() {
        assert_eq!(at("/a b\\c"), Some((70, "tmpfs".to_owned())));
    }

    #[test]
    fn the_running_kernels_table_is_understood() {
        let proc = on_top(Path::new("/proc")).unwrap().unwrap();
        assert_eq!(proc.kind, "proc");
        assert!(!unmount(Path::new("/proc"), u32::MAX).unwrap());
    }
}
