//! What is known of a container as bytes: who it is, what is remembered of it, and when its tasks were last asked for.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use lxcfs_core::cgroup::{CgroupPath, Cgroups, Controller, Version};
use lxcfs_core::{Container, Init, Remembered};
use serde::{Deserialize, Serialize};

use crate::store::{Kind, Store};

/// Who a container is.
pub(crate) type Identity = (Option<Init>, Cgroups);

/// What a process has left behind of a container.
#[derive(Debug)]
pub(crate) struct Left {
    /// The number of its record.
    pub(crate) record: u64,
    pub(crate) remembered: Remembered,
    /// In milliseconds since boot; 0 for never.
    pub(crate) tasks_wanted: u64,
}

/// Another layout of this is another version of the store.
#[derive(Debug, Serialize, Deserialize)]
struct Saved<'a> {
    /// Pid and start of its init.
    init: Option<(u32, u64)>,
    #[serde(borrow)]
    cgroups: Vec<Place<'a>>,
    tasks_wanted: u64,
    remembered: &'a [u8],
}

/// A cgroup, and the controllers for which it is the container's.
#[derive(Debug, Serialize, Deserialize)]
struct Place<'a> {
    /// By bits, in the order of [`Controller::ALL`].
    controllers: u16,
    is_v2: bool,
    mount: &'a [u8],
    dir: &'a [u8],
}

/// The bytes of a container.
pub(crate) fn save(container: &Container, remembered: &Remembered, tasks_wanted: u64) -> Vec<u8> {
    let mut places: Vec<(u16, &CgroupPath)> = Vec::new();
    for (bit, controller) in bits() {
        let Some(cgroup) = container.cgroups.get(controller) else {
            continue;
        };
        match places.iter_mut().find(|(_, one)| *one == cgroup) {
            Some((controllers, _)) => *controllers |= bit,
            None => places.push((bit, cgroup)),
        }
    }
    let cgroups = places.into_iter().map(|(controllers, cgroup)| Place {
        controllers,
        is_v2: cgroup.version() == Version::V2,
        mount: cgroup.mount().as_os_str().as_bytes(),
        dir: cgroup
            .dir()
            .strip_prefix(cgroup.mount())
            .map_or(&[][..], |below| below.as_os_str().as_bytes()),
    });
    let saved = Saved {
        init: container.init.map(|init| (init.pid, init.start_ticks)),
        cgroups: cgroups.collect(),
        tasks_wanted,
        remembered: &remembered.save(),
    };
    // Fails for no value of this type. No bytes would be nothing to go on with.
    postcard::to_allocvec(&saved).unwrap_or_default()
}

fn restore(record: u64, bytes: &[u8]) -> Option<(Identity, Left)> {
    let saved: Saved<'_> = postcard::from_bytes(bytes).ok()?;
    let mut cgroups = Cgroups::none();
    for place in &saved.cgroups {
        let version = if place.is_v2 { Version::V2 } else { Version::V1 };
        let path = |bytes| OsStr::from_bytes(bytes);
        let cgroup = CgroupPath::new(version, path(place.mount), path(place.dir));
        for (_, controller) in bits().filter(|(bit, _)| place.controllers & bit != 0) {
            cgroups = cgroups.with(controller, cgroup.clone());
        }
    }
    let left = Left {
        record,
        remembered: Remembered::restore(saved.remembered)?,
        tasks_wanted: saved.tasks_wanted,
    };
    let init = saved.init.map(|(pid, start_ticks)| Init { pid, start_ticks });
    Some(((init, cgroups), left))
}

/// All that was left behind. What is of no use is struck out.
pub(crate) fn left(store: &Store) -> HashMap<Identity, Left> {
    let mut all = HashMap::new();
    let mut records = store.all(Kind::Container);
    records.sort_by_key(|(record, _)| *record);
    for (record, held) in records {
        match restore(record, &held.bytes) {
            Some((identity, left)) => {
                // Of two the later: the other was about to be forgotten.
                if let Some(other) = all.insert(identity, left) {
                    store.forget(other.record);
                }
            }
            None => store.forget(record),
        }
    }
    all
}

fn bits() -> impl Iterator<Item = (u16, Controller)> {
    let bits = (0..).map_while(|shift| 1_u16.checked_shl(shift));
    bits.zip(Controller::ALL)
}

#[cfg(test)]
mod tests {
    use super::*;
    use lxcfs_core::cgroup::{CpuTime, CpuTimes};
    use lxcfs_core::state::load::Tasks;
    use lxcfs_core::{CpuIds, CpuModel, CpuView};
    use std::time::Duration;

    fn container(path: impl AsRef<std::path::Path>) -> Container {
        let memory = CgroupPath::new(Version::V1, "/sys/fs/cgroup/memory", &path);
        Container {
            caller: 7,
            init: Some(Init {
                pid: 4711,
                start_ticks: 99,
            }),
            cgroups: Cgroups::unified("/sys/fs/cgroup/unified", path).with(Controller::Memory, memory),
        }
    }

    fn shown(remembered: &Remembered, secs: u64) -> String {
        let model = CpuModel::new(&"0-1".parse().unwrap(), None, None, CpuView::Host, CpuIds::Host);
        let times = CpuTimes {
            user: secs * 1_000_000_000,
            ..CpuTimes::default()
        };
        let sample = CpuTime {
            total: times,
            per_cpu: Vec::new(),
        };
        let (tasks, now) = (Tasks::default(), Duration::from_secs(secs));
        let counters = remembered.advance_cpu(sample, &model, Duration::ZERO, now);
        format!("{counters:?} {:?}", remembered.advance_load(tasks, now, now))
    }

    #[test]
    fn a_container_is_the_same_and_goes_on_where_it_was() {
        let odd = OsStr::from_bytes(b"/machine.slice/no\xfftext");
        for container in [container("/pod/ct"), container("/"), container(odd), Container::host(7)] {
            let remembered = Remembered::new();
            shown(&remembered, 10);
            let bytes = save(&container, &remembered, 12_345);
            let (identity, left) = restore(3, &bytes).unwrap();
            assert_eq!(identity, (container.init, container.cgroups));
            assert_eq!((left.record, left.tasks_wanted), (3, 12_345));
            assert_eq!(shown(&left.remembered, 20), shown(&remembered, 20));
        }
    }

    #[test]
    fn what_cannot_be_understood_is_struck_out() {
        let store = Store::create().unwrap();
        let good = save(&container("/a"), &Remembered::new(), 0);
        for (record, bytes) in [
            (1, &b""[..]),
            (2, b"\x01\xff\xff\xff\xff\xff"),
            (3, &good),
            (4, &good[..good.len() / 2]),
        ] {
            store.put(Kind::Container, record, 0, bytes);
        }
        let left = left(&store);
        assert_eq!(left.into_values().map(|left| left.record).collect::<Vec<_>>(), [3]);
        assert_eq!(store.all(Kind::Container).len(), 1);
    }
}
