//! What identifies a machine, taken out of a recording without changing the numbers in it.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::record::{Answers, Seen};
use crate::cgroup::{CgroupPath, Cgroups, Hierarchies};
use crate::container::Container;
use crate::parse;
use crate::source::Entry;

/// Hexadecimal runs of this length and more are ids. Kernel numbers are shorter, and masks have commas.
const SHORTEST_ID: usize = 32;

/// A UUID, as pods have them: with `-`, or with `_` where systemd needs that.
const UUID_GROUPS: [usize; 5] = [8, 4, 4, 4, 12];

/// Replaces each id by the same short name everywhere.
#[derive(Debug, Default)]
pub(super) struct Scrubber {
    names: BTreeMap<Vec<u8>, String>,
}

impl Scrubber {
    /// Scrubs all that was seen, paths included.
    pub(super) fn seen(&mut self, seen: Seen) -> Seen {
        Seen {
            files: self.answers(seen.files, |scrubber, path, text| {
                Bytes::from(scrubber.ids(&without_what_identifies(path, &text)))
            }),
            links: self.answers(seen.links, |scrubber, _, target| scrubber.path(&target)),
            listings: self.answers(seen.listings, |scrubber, _, entries| {
                let mut entries: Vec<Entry> = entries
                    .into_iter()
                    .map(|entry| {
                        let name = scrubber.path(Path::new(&entry.name)).to_string_lossy().into_owned();
                        Entry { name, kind: entry.kind }
                    })
                    .collect();
                entries.sort();
                entries
            }),
        }
    }

    /// Scrubs the container's cgroups.
    pub(super) fn container(&mut self, container: &Container) -> Container {
        let cgroups = container
            .cgroups
            .iter()
            .fold(Cgroups::none(), |all, (controller, path)| {
                let (mount, below) = (self.path(path.mount()), self.path(&path.path()));
                all.with(controller, CgroupPath::new(path.version(), mount, below))
            });
        Container { cgroups, ..*container }
    }

    fn answers<T>(&mut self, answers: Answers<T>, scrub: fn(&mut Self, &Path, T) -> T) -> Answers<T> {
        answers
            .into_iter()
            .map(|(path, answer)| {
                let answer = answer.map(|answer| scrub(self, &path, answer));
                (self.path(&path), answer)
            })
            .collect()
    }

    fn path(&mut self, path: &Path) -> PathBuf {
        let bytes = self.ids(path.as_os_str().as_bytes());
        PathBuf::from(std::ffi::OsString::from_vec(bytes))
    }

    fn ids(&mut self, text: &[u8]) -> Vec<u8> {
        let mut scrubbed = Vec::with_capacity(text.len());
        let mut rest = text;
        while let Some((first, after)) = rest.split_first() {
            if let Some((id, after)) = id_length(rest).and_then(|length| rest.split_at_checked(length)) {
                scrubbed.extend_from_slice(self.name(id).as_bytes());
                rest = after;
            } else {
                scrubbed.push(*first);
                rest = after;
            }
        }
        scrubbed
    }

    fn name(&mut self, id: &[u8]) -> &str {
        let next = self.names.len().saturating_add(1);
        self.names.entry(id.to_vec()).or_insert_with(|| format!("id{next}"))
    }
}

/// How long the id is that the text begins with.
fn id_length(text: &[u8]) -> Option<usize> {
    let run = text.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    if run >= SHORTEST_ID {
        Some(run)
    } else {
        uuid_length(text)
    }
}

fn uuid_length(text: &[u8]) -> Option<usize> {
    let mut length: usize = 0;
    for (number, digits) in UUID_GROUPS.into_iter().enumerate() {
        if number > 0 {
            text.get(length).filter(|byte| matches!(byte, b'-' | b'_'))?;
            length = length.saturating_add(1);
        }
        let end = length.saturating_add(digits);
        text.get(length..end)
            .filter(|group| group.iter().all(u8::is_ascii_hexdigit))?;
        length = end;
    }
    Some(length)
}

/// What identifies a machine by where it stands.
fn without_what_identifies(path: &Path, text: &[u8]) -> Vec<u8> {
    let name = path.file_name().unwrap_or_default();
    if path == Path::new("/proc/cpuinfo") {
        by_line(text, |line| Some(without_serial(line)))
    } else if name == OsStr::new("mountinfo") {
        by_line(text, |line| {
            (!Hierarchies::parse(line).is_empty()).then(|| line.to_vec())
        })
    } else if is_of_a_process(path) && name == OsStr::new("status") {
        by_line(text, |line| {
            Some(if line.starts_with(b"Name:") {
                b"Name:\tx".to_vec()
            } else {
                line.to_vec()
            })
        })
    } else if is_of_a_process(path) && name == OsStr::new("stat") {
        without_name(text)
    } else {
        text.to_vec()
    }
}

fn is_of_a_process(path: &Path) -> bool {
    path.starts_with("/proc") && path.components().count() > 3
}

fn by_line(text: &[u8], scrub: impl Fn(&[u8]) -> Option<Vec<u8>>) -> Vec<u8> {
    let mut scrubbed = Vec::with_capacity(text.len());
    for line in parse::lines(text) {
        if let Some(line) = scrub(line) {
            scrubbed.extend(line);
            scrubbed.push(b'\n');
        }
    }
    // A text without a last newline stays one.
    if !text.ends_with(b"\n") {
        scrubbed.pop();
    }
    scrubbed
}

/// `Serial : 10000000abcdef01` on arm, `identification = 01A2B3` among the fields of a processor on s390.
fn without_serial(line: &[u8]) -> Vec<u8> {
    let begin = if line.starts_with(b"Serial") {
        line.iter().position(|byte| *byte == b':')
    } else {
        const KEY: &[u8] = b"identification = ";
        line.windows(KEY.len())
            .position(|at| at == KEY)
            .map(|at| at.saturating_add(KEY.len()))
    };
    let Some((key, value)) = begin.and_then(|at| line.split_at_checked(at)) else {
        return line.to_vec();
    };
    let end = value.iter().position(|byte| *byte == b',').unwrap_or(value.len());
    let zeroed = value.iter().enumerate().map(|(at, byte)| {
        if at < end && byte.is_ascii_hexdigit() {
            b'0'
        } else {
            *byte
        }
    });
    key.iter().copied().chain(zeroed).collect()
}

/// `77 (name) S …`, the name as `x`.
fn without_name(stat: &[u8]) -> Vec<u8> {
    let begin = stat.iter().position(|byte| *byte == b'(');
    let end = stat.iter().rposition(|byte| *byte == b')');
    match (begin.and_then(|at| stat.get(..=at)), end.and_then(|at| stat.get(at..))) {
        (Some(before), Some(after)) => [before, b"x", after].concat(),
        _ => stat.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::EntryKind;

    const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    const UUID: &str = "01234567_89ab_cdef_0123_456789abcdef";

    fn scrubbed(text: &str) -> String {
        String::from_utf8(Scrubber::default().ids(text.as_bytes())).unwrap()
    }

    fn file(path: &str, text: &str) -> String {
        String::from_utf8(without_what_identifies(Path::new(path), text.as_bytes())).unwrap()
    }

    #[test]
    fn an_id_has_one_name_everywhere() {
        let other = ID.replace('0', "f");
        assert_eq!(
            scrubbed(&format!("/docker/{ID}/docker-{other}.scope /pod{UUID}.slice {ID}\n")),
            "/docker/id1/docker-id2.scope /podid3.slice id1\n"
        );
    }

    #[test]
    fn numbers_and_masks_are_no_ids() {
        for text in [
            "18446744073709551615 000001ffffffffff\n",
            "ffffffff,ffffffff,ffffffff,ffffffff,ffffffff\n",
            "0123456789abcdef0123456789abcde\n",
            "12345678-1234-1234-1234-12345678901\n",
            "pid:[4026531836]",
        ] {
            assert_eq!(scrubbed(text), text);
        }
    }

    #[test]
    fn paths_listings_links_and_the_container_are_scrubbed_alike() {
        let dir = PathBuf::from(format!("/c/{ID}"));
        let entries = vec![Entry {
            name: ID.to_owned(),
            kind: EntryKind::Directory,
        }];
        let seen = Seen {
            files: [(dir.join("cgroup.procs"), Ok(Bytes::from_static(b"1\n")))].into(),
            links: [(PathBuf::from("/l"), Ok(dir.clone()))].into(),
            listings: [(PathBuf::from("/c"), Ok(entries))].into(),
        };
        let container = Container {
            cgroups: Cgroups::unified("/c", format!("/{ID}")),
            ..Container::host(1)
        };
        let mut scrubber = Scrubber::default();
        let seen = scrubber.seen(seen);
        assert!(seen.files.contains_key(Path::new("/c/id1/cgroup.procs")));
        assert_eq!(seen.links.get(Path::new("/l")).unwrap(), &Ok(PathBuf::from("/c/id1")));
        assert_eq!(
            seen.listings.get(Path::new("/c")).unwrap().as_ref().unwrap()[0].name,
            "id1"
        );
        assert_eq!(scrubber.container(&container).cgroups, Cgroups::unified("/c", "/id1"));
    }

    #[test]
    fn names_of_processes_go_and_their_numbers_stay() {
        assert_eq!(file("/proc/7/stat", "7 (my (secret) x) S 1 2\n"), "7 (x) S 1 2\n");
        assert_eq!(
            file("/proc/7/status", "Name:\tsecret\nPPid:\t1\n"),
            "Name:\tx\nPPid:\t1\n"
        );
        assert_eq!(
            file("/proc/7/task/8/status", "Name:\tsecret\nPPid:\t1"),
            "Name:\tx\nPPid:\t1"
        );
        assert_eq!(file("/proc/stat", "cpu (1) 2\n"), "cpu (1) 2\n");
    }

    #[test]
    fn only_mounts_of_cgroups_stay() {
        let cgroup = "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n";
        let text = format!("27 1 254:0 / /home/alice rw - ext4 /dev/vda rw\n{cgroup}");
        assert_eq!(file("/proc/self/mountinfo", &text), cgroup);
    }

    #[test]
    fn serial_numbers_become_zeros() {
        let arm = "Hardware\t: BCM2835\nSerial\t\t: 10000000abcdef01\nModel\t\t: Pi\n";
        assert_eq!(
            file("/proc/cpuinfo", arm),
            arm.replace("10000000abcdef01", "0000000000000000")
        );
        let s390 = "processor 0: version = FF,  identification = 0A1B2C,  machine = 8561\n";
        assert_eq!(file("/proc/cpuinfo", s390), s390.replace("0A1B2C", "000000"));
        let x86 = "processor\t: 0\nmicrocode\t: 0xd0003a5\n";
        assert_eq!(file("/proc/cpuinfo", x86), x86);
    }
}
