//! A sweep: every mount namespace is looked at, and where there are dead mounts of ours, a child replaces them.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use lxcfs_core::Pid;
use lxcfs_core::mountinfo::{Device, Mount};

use super::bounded::{Answer, End, ask, this_program};
use super::canonical::canonical;
use super::error::HealError;
use super::lock::Lock;
use super::plan::{is_lxcfs, is_on_top, steps};
use super::report::{Mended, Namespace, Report, State};
use super::survey::{MountNamespace, Survey, own_mounts, survey, survey_of};
use super::wire::{Entrance, Said, Source, Task};

/// So many places of a file system are tried until one can be seen.
const SPOTS: usize = 4;

/// What to heal, and how. It may be done at any time, and by several at once: they come one after the other.
///
/// ```no_run
/// use lxcfs_fuse::heal::Sweep;
///
/// // What would be done for one container?
/// let sweep = Sweep { pids: Some(vec![4711]), rehearsal: true, ..Sweep::default() };
/// let report = sweep.run()?;
/// println!("{} mounts would be replaced", report.count(|outcome| outcome.is_left()));
/// # Ok::<(), lxcfs_fuse::heal::HealError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Sweep {
    /// Where the live file system is mounted; the only one that is served, if not given.
    pub mountpoint: Option<PathBuf>,
    /// The directory of its slots.
    pub slots: Option<PathBuf>,
    /// The processes whose namespaces are healed; all, if not given.
    pub pids: Option<Vec<Pid>>,
    /// The file systems whose mounts are replaced, if they are dead; all that are dead, if not given.
    pub devices: Option<Vec<Device>>,
    /// Only say what would be done.
    pub rehearsal: bool,
    /// How long a namespace may take.
    pub limit: Duration,
    /// How long a file system may take to answer before it counts as held.
    pub patience: Duration,
    /// How many namespaces are healed at once.
    pub parallel: NonZeroUsize,
    /// The file that keeps two sweeps apart.
    pub lock: PathBuf,
    /// The program that calls [`inside`](super::inside): this one.
    pub program: PathBuf,
}

impl Default for Sweep {
    fn default() -> Self {
        Self {
            mountpoint: None,
            slots: None,
            pids: None,
            devices: None,
            rehearsal: false,
            limit: Duration::from_secs(30),
            patience: Duration::from_secs(3),
            parallel: NonZeroUsize::new(8).unwrap_or(NonZeroUsize::MIN),
            lock: PathBuf::from("/run/lxcfs-heal.lock"),
            program: this_program(),
        }
    }
}

impl Sweep {
    /// Does it.
    ///
    /// # Errors
    ///
    /// [`HealError`]. What could not be healed is no error but in the report.
    ///
    /// ```no_run
    /// use lxcfs_fuse::heal::Sweep;
    ///
    /// let report = Sweep::default().run()?;
    /// assert_eq!(report.unreadable, 0, "as root, all processes let us look");
    /// # Ok::<(), lxcfs_fuse::heal::HealError>(())
    /// ```
    pub fn run(&self) -> Result<Report, HealError> {
        let _lock = if self.rehearsal {
            None
        } else {
            Some(Lock::take(&self.lock, self.limit)?)
        };
        let (mountpoint, live) = self.live()?;
        let found = self.survey()?;
        let others = self.states(&found, live);
        let dead: Vec<Device> = others
            .iter()
            .filter(|(_, state)| *state == State::Dead)
            .map(|(device, _)| *device)
            .collect();
        let mounts = own_mounts().map_err(HealError::Proc)?;
        let slots = self.slots.as_ref().map(|dir| canonical(dir, &mounts));
        let source = Source {
            mountpoint: mountpoint.clone().into(),
            live: live.into(),
            slots: slots.map(Into::into),
        };
        let affected = found
            .namespaces
            .iter()
            .filter(|one| !steps(&one.mounts, &dead, &[]).is_empty());
        let namespaces = in_parallel(self.parallel, affected, |namespace| {
            self.mend(namespace, &source, &dead)
        });
        Ok(Report {
            mountpoint,
            live,
            others,
            namespaces: namespaces.into_iter().filter(is_worth_a_word).collect(),
            looked_at: found.namespaces.len(),
            unreadable: found.unreadable.len(),
        })
    }

    fn survey(&self) -> Result<Survey, HealError> {
        let Some(pids) = &self.pids else {
            return survey().map_err(HealError::Proc);
        };
        for pid in pids {
            if survey_of(&[*pid]).namespaces.is_empty() {
                return Err(HealError::NoSuchProcess(*pid));
            }
        }
        Ok(survey_of(pids))
    }

    /// The live file system: where it is mounted, and its device.
    fn live(&self) -> Result<(PathBuf, Device), HealError> {
        let mounts = own_mounts().map_err(HealError::Proc)?;
        let seen = || {
            mounts
                .iter()
                .filter(|mount| is_on_top(mount, &mounts) && is_lxcfs(mount))
        };
        if let Some(given) = &self.mountpoint {
            let mountpoint = &canonical(given, &mounts);
            let there = seen().rfind(|mount| mount.point == *mountpoint);
            let mount = there.ok_or_else(|| HealError::NotMounted(mountpoint.clone()))?;
            return match self.probe(None, mount) {
                State::Served => Ok((mountpoint.clone(), mount.device)),
                _ => Err(HealError::NotServed {
                    mountpoint: mountpoint.clone(),
                    device: mount.device,
                }),
            };
        }
        let whole = seen().filter(|mount| mount.original_root() == Path::new("/"));
        let mut by_device: BTreeMap<Device, &Mount> = BTreeMap::new();
        for mount in whole {
            by_device.entry(mount.device).or_insert(mount);
        }
        let states = in_parallel(self.parallel, by_device.values(), |mount| self.probe(None, mount));
        let served: Vec<&Mount> = by_device
            .into_values()
            .zip(states)
            .filter(|(_, state)| *state == State::Served)
            .map(|(mount, _)| mount)
            .collect();
        match served.as_slice() {
            [] => Err(HealError::NoneServed),
            [one] => Ok((one.point.clone(), one.device)),
            several => Err(HealError::Several(
                several.iter().map(|mount| mount.point.clone()).collect(),
            )),
        }
    }

    /// Whether the other file systems of our kind are served, asked for at one place each.
    fn states(&self, found: &Survey, live: Device) -> Vec<(Device, State)> {
        let mut spots: BTreeMap<Device, Vec<(Entrance, &Mount)>> = BTreeMap::new();
        // Nobody else's are asked: they may take their time.
        let is_meant = |device: Device| self.devices.as_ref().is_none_or(|ours| ours.contains(&device));
        for namespace in &found.namespaces {
            for mount in namespace
                .mounts
                .iter()
                .filter(|mount| is_lxcfs(mount) && mount.device != live && is_meant(mount.device))
            {
                let spots = spots.entry(mount.device).or_default();
                if is_on_top(mount, &namespace.mounts) && spots.len() < SPOTS {
                    spots.push((namespace.entrance(), mount));
                }
            }
        }
        in_parallel(self.parallel, spots, |(device, spots)| {
            let states = spots
                .into_iter()
                .map(|(entrance, mount)| self.probe(Some(entrance), mount));
            let seen = states.into_iter().find(|state| *state != State::Hidden);
            (device, seen.unwrap_or(State::Hidden))
        })
    }

    fn probe(&self, namespace: Option<Entrance>, mount: &Mount) -> State {
        probe(&self.program, namespace, &mount.point, Some(mount.id), self.patience)
    }

    fn mend(&self, namespace: &MountNamespace, source: &Source, dead: &[Device]) -> Namespace {
        let task = Task::Mend {
            namespace: namespace.entrance(),
            source: source.clone(),
            dead: dead.iter().copied().map(Into::into).collect(),
            rehearsal: self.rehearsal,
        };
        let Answer { said, end } = ask(&self.program, &task, self.limit);
        let mounts = said.into_iter().filter_map(|one| match one {
            Said::Mount { point, file, outcome } => Some(Mended { point, file, outcome }),
            _ => None,
        });
        Namespace {
            pid: namespace.pid,
            name: namespace.name.clone(),
            inode: namespace.inode,
            mounts: mounts.collect(),
            trouble: match end {
                End::Done => None,
                End::Late => Some(format!("not done after {:?}", self.limit)),
                End::Failed(why) => Some(why),
            },
        }
    }
}

/// Whether a mount is served, asked by a child.
pub(super) fn probe(
    program: &Path,
    namespace: Option<Entrance>,
    point: &Path,
    id: Option<u64>,
    patience: Duration,
) -> State {
    let task = Task::Probe {
        namespace,
        point: point.into(),
        id,
    };
    let Answer { said, end } = ask(program, &task, patience);
    match (end, said.first()) {
        (End::Late, _) => State::Held,
        (End::Done, Some(Said::Served)) => State::Served,
        (End::Done, Some(Said::Dead)) => State::Dead,
        (End::Done, Some(Said::Hidden)) => State::Hidden,
        (End::Done | End::Failed(_), _) => State::Unknown,
    }
}

/// All of a namespace may be mounts that somebody has covered already.
fn is_worth_a_word(namespace: &Namespace) -> bool {
    namespace.trouble.is_some() || !namespace.mounts.is_empty()
}

/// Does that with all of them, several at once; the answers come in the same order.
fn in_parallel<T: Send, R: Send>(
    most: NonZeroUsize,
    all: impl IntoIterator<Item = T>,
    work: impl Fn(T) -> R + Sync,
) -> Vec<R> {
    let all: Vec<T> = all.into_iter().collect();
    let workers = most.get().min(all.len());
    let waiting = Mutex::new(all.into_iter().enumerate());
    let done = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
                    let Some((at, one)) = next else { break };
                    let answer = work(one);
                    done.lock().unwrap_or_else(PoisonError::into_inner).push((at, answer));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, answer)| answer).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_done_in_parallel_is_done_once_each_and_answered_in_order() {
        let most = NonZeroUsize::new(3).unwrap();
        assert_eq!(
            in_parallel(most, 0..20, |number| number * 2),
            (0..20).map(|number| number * 2).collect::<Vec<_>>()
        );
        assert_eq!(in_parallel(most, 0..0, |number: i32| number), Vec::<i32>::new());
    }
}
