//! What is to be done about the dead mounts of a namespace, from the text of its mountinfo.

use std::path::{Path, PathBuf};

use lxcfs_core::mountinfo::{Device, Mount};

/// What is done about a mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// The live file takes its place.
    Replace,
    /// It goes with the dead directory in which it is, and the live one shows the same file at that place.
    WithDirectory,
    /// It goes with the dead directory in which it is, and then the live file is put there.
    Again,
}

/// Whether a mount is of our kind.
pub(super) fn is_lxcfs(mount: &Mount) -> bool {
    mount.kind == "fuse.lxcfs"
}

/// Whether nothing is mounted right over it.
pub(super) fn is_on_top(mount: &Mount, all: &[Mount]) -> bool {
    !all.iter()
        .any(|other| other.parent == mount.id && other.point == mount.point && other.id != mount.id)
}

/// The dead mounts that a process can see, and what to do; what lies in others comes after them.
///
/// Those in `spared` are somebody else's to heal: the daemon's own mount point and its slots.
pub(super) fn steps<'m>(mounts: &'m [Mount], dead: &[Device], spared: &[PathBuf]) -> Vec<(&'m Mount, Step)> {
    let is_dead = |mount: &Mount| is_lxcfs(mount) && dead.contains(&mount.device);
    let mut steps: Vec<_> = mounts
        .iter()
        .filter(|mount| is_dead(mount) && is_on_top(mount, mounts))
        .filter(|mount| !spared.iter().any(|path| mount.point.starts_with(path)))
        .map(|mount| {
            let step = match dead_directory(mount, mounts, is_dead) {
                None => Step::Replace,
                Some(outer) if shows_it(outer, mount) => Step::WithDirectory,
                Some(_) => Step::Again,
            };
            (mount, step)
        })
        .collect();
    steps.sort_by_key(|(mount, _)| mount.point.components().count());
    steps
}

/// The outermost dead mount within which this one lies.
fn dead_directory<'m>(mount: &Mount, all: &'m [Mount], is_dead: impl Fn(&Mount) -> bool) -> Option<&'m Mount> {
    let mut outermost = None;
    let mut place = (mount.id, mount.parent);
    // No chain is longer than that.
    for _ in all {
        let Some(parent) = all.iter().find(|one| one.id == place.1 && one.id != place.0) else {
            break;
        };
        if is_dead(parent) && parent.point != mount.point {
            outermost = Some(parent);
        }
        place = (parent.id, parent.parent);
    }
    outermost
}

/// Whether a directory shows that file at the place where it is mounted.
fn shows_it(outer: &Mount, inner: &Mount) -> bool {
    let Ok(below) = inner.point.strip_prefix(&outer.point) else {
        return false;
    };
    outer.device == inner.device && join(outer.original_root(), below) == inner.original_root()
}

fn join(root: &Path, below: &Path) -> PathBuf {
    if below.as_os_str().is_empty() {
        root.to_path_buf()
    } else {
        root.join(below)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lxcfs_core::mountinfo;

    const CONTAINER: &str = "\
10 1 0:40 / / rw - overlay overlay rw
11 10 0:41 / /proc rw - proc proc rw
12 10 0:42 / /sys ro - sysfs sysfs ro
20 11 0:50 /proc/meminfo /proc/meminfo ro - fuse.lxcfs lxcfs ro
21 11 0:50 /proc/stat//deleted /proc/stat ro - fuse.lxcfs lxcfs ro
22 11 0:60 /proc/uptime /proc/uptime ro - fuse.lxcfs lxcfs ro
23 12 0:50 /sys/devices/system/cpu /sys/devices/system/cpu ro - fuse.lxcfs lxcfs ro
24 23 0:50 /sys/devices/system/cpu/online /sys/devices/system/cpu/online ro - fuse.lxcfs lxcfs ro
25 23 0:50 /proc/stat /sys/devices/system/cpu/possible ro - fuse.lxcfs lxcfs ro
26 11 0:50 /proc/swaps /proc/swaps ro - fuse.lxcfs lxcfs ro
27 26 0:70 /proc/swaps /proc/swaps ro - fuse.lxcfs lxcfs ro
28 11 0:50 / /proc/loadavg rw - tmpfs lxcfs rw
";

    fn planned(text: &str, dead: &str, spared: &[&str]) -> Vec<(u64, Step)> {
        let mounts: Vec<_> = mountinfo::mounts(text.as_bytes()).collect();
        let spared: Vec<_> = spared.iter().map(PathBuf::from).collect();
        steps(&mounts, &[dead.parse().unwrap()], &spared)
            .iter()
            .map(|(mount, step)| (mount.id, *step))
            .collect()
    }

    #[test]
    fn what_is_dead_and_can_be_seen_is_replaced_and_directories_come_before_what_is_in_them() {
        let expected = [
            (20, Step::Replace),
            (21, Step::Replace),
            (23, Step::Replace),
            (24, Step::WithDirectory),
            (25, Step::Again),
        ];
        assert_eq!(planned(CONTAINER, "0:50", &[]), expected);
    }

    #[test]
    fn another_instance_is_only_touched_if_it_is_the_dead_one() {
        assert_eq!(planned(CONTAINER, "0:60", &[]), [(22, Step::Replace)]);
        assert_eq!(planned(CONTAINER, "0:61", &[]), []);
    }

    #[test]
    fn the_top_of_a_pile_counts() {
        assert_eq!(planned(CONTAINER, "0:70", &[]), [(27, Step::Replace)]);
    }

    #[test]
    fn what_is_spared_is_left_alone_with_all_that_is_in_it() {
        let expected = [(20, Step::Replace), (21, Step::Replace)];
        assert_eq!(planned(CONTAINER, "0:50", &["/sys/devices"]), expected);
    }

    #[test]
    fn mounts_that_stand_on_themselves_end_too() {
        let odd = "1 1 0:50 / / ro - fuse.lxcfs lxcfs ro\n2 3 0:50 / /a ro - fuse.lxcfs l ro\n3 2 0:50 / /b ro - fuse.lxcfs l ro\n";
        assert_eq!(planned(odd, "0:50", &[]).len(), 3);
    }
}
