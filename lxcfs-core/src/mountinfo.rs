//! The text of a `/proc/PID/mountinfo`: which mounts a mount namespace has, without touching any of them.
//!
//! # References
//!
//! proc_pid_mountinfo(5); `fs/proc_namespace.c`, `show_mountinfo`.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::parse;

/// The device of a file system, as `st_dev` has it. For a FUSE file system, its minor number is that of the connection.
///
/// ```
/// use lxcfs_core::mountinfo::Device;
///
/// let device: Device = "0:52".parse().unwrap();
/// assert_eq!(device, Device { major: 0, minor: 52 });
/// assert_eq!(device.to_string(), "0:52");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Device {
    /// The major number; 0 for file systems without a block device.
    pub major: u32,
    /// The minor number.
    pub minor: u32,
}

impl fmt::Display for Device {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.major, self.minor)
    }
}

impl FromStr for Device {
    type Err = crate::ParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        device(text.as_bytes()).ok_or_else(|| crate::ParseError::new("device", "MAJOR:MINOR", text.as_bytes()))
    }
}

/// A mount.
///
/// ```
/// use lxcfs_core::mountinfo::Mount;
///
/// let line = b"98 61 0:52 / /var/lib/lxcfs ro,nosuid,nodev shared:31 - fuse.lxcfs lxcfs ro,user_id=0";
/// let mount = Mount::parse(line).unwrap();
/// assert_eq!((mount.point.to_str(), mount.kind.to_str()), (Some("/var/lib/lxcfs"), Some("fuse.lxcfs")));
/// assert_eq!((mount.device.minor, mount.shared), (52, Some(31)));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// The kernel's number of it, in use once at a time.
    pub id: u64,
    /// The mount that it stands on.
    pub parent: u64,
    /// The device of its file system.
    pub device: Device,
    /// What of its file system is mounted: `/` for all.
    pub root: PathBuf,
    /// Where it is mounted, as seen from the root of the process.
    pub point: PathBuf,
    /// Its own options, such as `ro,nosuid`.
    pub options: String,
    /// The peer group that it shares mounts with.
    pub shared: Option<u64>,
    /// The peer group that it gets mounts from.
    pub master: Option<u64>,
    /// The type of the file system, with its subtype: `fuse.lxcfs`.
    pub kind: OsString,
    /// What was mounted, by the words of whoever did it.
    pub source: OsString,
}

/// What the kernel writes behind the root of a mount that nobody can reach by a name any more.
const UNREACHABLE: &[u8] = b"//deleted";

impl Mount {
    /// A line of mountinfo; `None` if it is none.
    ///
    /// ```
    /// use lxcfs_core::mountinfo::Mount;
    ///
    /// let mount = Mount::parse(br"98 61 0:52 / /mnt/a\040name rw - tmpfs tmpfs rw").unwrap();
    /// assert_eq!(mount.point.to_str(), Some("/mnt/a name"));
    /// assert!(Mount::parse(b"nonsense").is_none());
    /// ```
    #[must_use]
    pub fn parse(line: &[u8]) -> Option<Self> {
        let mut words = line.split(|byte| *byte == b' ');
        let id = parse::number(words.next()?)?;
        let parent = parse::number(words.next()?)?;
        let device = device(words.next()?)?;
        let root = unescape(words.next()?);
        let point = unescape(words.next()?);
        let options = String::from_utf8_lossy(words.next()?).into_owned();
        let (mut shared, mut master) = (None, None);
        loop {
            let word = words.next()?;
            if word == b"-" {
                break;
            }
            match parse::split_once(word, b':') {
                Some((b"shared", group)) => shared = parse::number(group),
                Some((b"master", group)) => master = parse::number(group),
                _ => {}
            }
        }
        let kind = unescape(words.next()?);
        // mount(2) takes an empty source too: two spaces in a row.
        let source = unescape(words.next().unwrap_or_default());
        Some(Self {
            id,
            parent,
            device,
            root: PathBuf::from(OsString::from_vec(root)),
            point: PathBuf::from(OsString::from_vec(point)),
            options,
            shared,
            master,
            kind: OsString::from_vec(kind),
            source: OsString::from_vec(source),
        })
    }

    /// Whether it has that option of its own.
    ///
    /// ```
    /// use lxcfs_core::mountinfo::Mount;
    ///
    /// let mount = Mount::parse(b"98 61 0:52 / /mnt ro,nosuid - tmpfs tmpfs rw").unwrap();
    /// assert!(mount.has_option("ro") && !mount.has_option("no"));
    /// ```
    #[must_use]
    pub fn has_option(&self, option: &str) -> bool {
        self.options.split(',').any(|one| one == option)
    }

    /// Whether what is mounted below it elsewhere comes here, or what is mounted here goes elsewhere.
    ///
    /// ```
    /// use lxcfs_core::mountinfo::Mount;
    ///
    /// let private = Mount::parse(b"98 61 0:52 / /mnt rw - tmpfs tmpfs rw").unwrap();
    /// let slave = Mount::parse(b"98 61 0:52 / /mnt rw master:1 - tmpfs tmpfs rw").unwrap();
    /// assert!(!private.propagates() && slave.propagates());
    /// ```
    #[must_use]
    pub fn propagates(&self) -> bool {
        self.shared.is_some() || self.master.is_some()
    }

    /// What of its file system is mounted, by the name that it had when it was.
    ///
    /// A name that its server could not confirm, because it had ended, is forgotten by the kernel, which then says
    /// `//deleted` behind it.
    ///
    /// ```
    /// use lxcfs_core::mountinfo::Mount;
    ///
    /// let mount = Mount::parse(b"98 61 0:52 /proc/stat//deleted /proc/stat ro - fuse.lxcfs lxcfs ro").unwrap();
    /// assert_eq!(mount.original_root().to_str(), Some("/proc/stat"));
    /// ```
    #[must_use]
    pub fn original_root(&self) -> &Path {
        let bytes = self.root.as_os_str().as_bytes();
        Path::new(OsStr::from_bytes(bytes.strip_suffix(UNREACHABLE).unwrap_or(bytes)))
    }
}

/// The mounts of a text, in the kernel's order: what is mounted over something comes after it.
///
/// ```
/// use lxcfs_core::mountinfo::mounts;
///
/// let text = b"22 1 8:1 / / rw - ext4 /dev/sda1 rw\n30 22 0:20 / /proc rw - proc proc rw\n";
/// let points: Vec<_> = mounts(text).map(|mount| mount.point).collect();
/// assert_eq!(points, [std::path::Path::new("/"), std::path::Path::new("/proc")]);
/// ```
pub fn mounts(text: &[u8]) -> impl Iterator<Item = Mount> {
    parse::lines(text).filter_map(Mount::parse)
}

/// What is on top at a place: of what is mounted right there the last one, which hides the others.
///
/// ```
/// use std::path::Path;
/// use lxcfs_core::mountinfo::on_top;
///
/// let text = b"30 22 0:20 / /proc rw - proc proc rw\n98 30 0:52 /proc/stat /proc/stat ro - fuse.lxcfs lxcfs ro\n";
/// assert_eq!(on_top(text, Path::new("/proc/stat")).unwrap().kind, "fuse.lxcfs");
/// assert_eq!(on_top(text, Path::new("/proc/meminfo")), None);
/// ```
#[must_use]
pub fn on_top(text: &[u8], point: &Path) -> Option<Mount> {
    mounts(text).filter(|mount| mount.point == point).last()
}

/// The mount that a path is on: of those with the longest mount point the last one.
///
/// ```
/// use std::path::Path;
/// use lxcfs_core::mountinfo::mount_of;
///
/// let text = b"22 1 8:1 / / rw - ext4 /dev/sda1 rw\n30 22 0:20 / /proc rw - proc proc rw\n";
/// assert_eq!(mount_of(text, Path::new("/proc/meminfo")).unwrap().kind, "proc");
/// assert_eq!(mount_of(text, Path::new("/etc/passwd")).unwrap().kind, "ext4");
/// ```
#[must_use]
pub fn mount_of(text: &[u8], path: &Path) -> Option<Mount> {
    let above = mounts(text).filter(|mount| path.starts_with(&mount.point));
    above.max_by_key(|mount| mount.point.components().count())
}

fn device(word: &[u8]) -> Option<Device> {
    let (major, minor) = parse::split_once(word, b':')?;
    Some(Device {
        major: u32::try_from(parse::number(major)?).ok()?,
        minor: u32::try_from(parse::number(minor)?).ok()?,
    })
}

/// Undoes the kernel's octal escapes of space, tab, newline and backslash (and `#` in a source).
pub(crate) fn unescape(word: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(word.len());
    let mut rest = word;
    while let Some((first, tail)) = rest.split_first() {
        let escaped = match (first, tail) {
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..]) => {
                let digit = |byte: &u8| byte.saturating_sub(b'0');
                Some(((digit(a) << 6) | (digit(b) << 3) | digit(c), after))
            }
            _ => None,
        };
        let (byte, after) = escaped.unwrap_or((*first, tail));
        bytes.push(byte);
        rest = after;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(line: &str) -> Mount {
        Mount::parse(line.as_bytes()).unwrap()
    }

    #[test]
    fn a_bound_file_says_what_it_is_of_and_where_it_is() {
        let mount = one(
            "612 590 0:52 /proc/meminfo /proc/meminfo ro,nosuid,nodev,relatime master:7 - fuse.lxcfs lxcfs ro,user_id=0",
        );
        assert_eq!((mount.id, mount.parent), (612, 590));
        assert_eq!(mount.device, "0:52".parse().unwrap());
        assert_eq!(mount.root, Path::new("/proc/meminfo"));
        assert_eq!(mount.point, Path::new("/proc/meminfo"));
        assert_eq!((mount.shared, mount.master), (None, Some(7)));
        assert_eq!(
            (mount.kind.as_bytes(), mount.source.as_bytes()),
            (&b"fuse.lxcfs"[..], &b"lxcfs"[..])
        );
        assert!(mount.has_option("nosuid") && !mount.has_option("noexec") && !mount.has_option("no"));
    }

    #[test]
    fn optional_fields_are_none_or_many_and_unknown_ones_are_passed_over() {
        let none = one("1 0 8:1 / / rw - ext4 /dev/sda1 rw");
        assert_eq!((none.shared, none.master), (None, None));
        let many = one("1 0 8:1 / / rw shared:3 master:4 propagate_from:2 unbindable new - ext4 /dev/sda1 rw");
        assert_eq!((many.shared, many.master), (Some(3), Some(4)));
    }

    #[test]
    fn spaces_tabs_newlines_and_backslashes_in_names_are_escaped() {
        let mount = one(r"1 0 0:5 / /a\040b\011c\012d\134e rw - tmpfs x rw");
        assert_eq!(mount.point.as_os_str().as_bytes(), b"/a b\tc\nd\\e");
        assert_eq!(unescape(br"/a\040b\134c\9\08"), b"/a b\\c\\9\\08");
    }

    #[test]
    fn a_source_may_be_empty_and_a_name_need_not_be_text() {
        let mount = Mount::parse(b"1 0 0:5 / /\xff rw - tmpfs  rw").unwrap();
        assert_eq!(mount.point.as_os_str().as_bytes(), b"/\xff");
        assert!(mount.source.is_empty());
    }

    #[test]
    fn a_root_that_the_kernel_has_forgotten_keeps_its_name() {
        let mount = one("1 0 0:5 /proc/stat//deleted /proc/stat rw - fuse.lxcfs lxcfs rw");
        assert_eq!(mount.original_root(), Path::new("/proc/stat"));
    }

    #[test]
    fn the_mount_of_a_path_is_the_deepest_and_of_those_the_last() {
        const TEXT: &[u8] = b"\
21 1 254:1 / / rw,relatime - ext4 /dev/root rw
30 21 0:40 / /var/lib/lxcfs ro,nosuid shared:7 - fuse.lxcfs lxcfs ro
31 30 0:41 / /var/lib/lxcfs ro,nosuid master:3 propagate_from:2 - fuse.lxcfs lxcfs ro
nonsense
";
        let minor = |found: Option<Mount>| found.map(|mount| (mount.device.minor, mount.propagates()));
        let of = |path: &str| minor(mount_of(TEXT, Path::new(path)));
        assert_eq!(of("/var/lib/lxcfs/proc/meminfo"), Some((41, true)));
        assert_eq!(of("/var/lib/lxcfs2/x"), Some((1, false)));
        let at = |path: &str| minor(on_top(TEXT, Path::new(path)));
        assert_eq!(at("/var/lib/lxcfs"), Some((41, true)));
        assert_eq!(at("/var/lib"), None);
        assert_eq!(mount_of(b"", Path::new("/")), None);
    }

    #[test]
    fn what_is_no_line_of_mountinfo_is_none() {
        for line in [
            "",
            "1",
            "1 0 0:5 / / rw",
            "x 0 0:5 / / rw - a b c",
            "1 0 5 / / rw - a b c",
        ] {
            assert_eq!(Mount::parse(line.as_bytes()), None, "{line}");
        }
        assert_eq!(mounts(b"\nx\n1 0 0:5 / / rw - tmpfs t rw\n").count(), 1);
    }

    #[test]
    fn the_running_kernel_writes_nothing_else() {
        #[expect(clippy::disallowed_methods, reason = "a test of the running kernel")]
        let text = std::fs::read("/proc/self/mountinfo").unwrap();
        assert_eq!(mounts(&text).count(), parse::lines(&text).count());
        assert!(mounts(&text).any(|mount| mount.point == Path::new("/proc")));
    }
}
