//! The containers' cgroups, on v1, on v2, and on hosts with both.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::failure::{Doing as _, Failure};

const PREFIX: &str = "lxcfs-load-";

/// What containers get their numbers from; in other hierarchies they stay where we are.
const CONTROLLERS: [&str; 7] = ["memory", "cpu", "cpuacct", "cpuset", "blkio", "io", "pids"];

/// The usual one. With a much shorter one, a single thread that moves between CPUs is held back: each of them takes 5 ms
/// of the quota in advance.
const PERIOD_USEC: u64 = 100_000;

/// After that, a quota that was used up is there again.
pub(crate) const PERIOD: Duration = Duration::from_micros(PERIOD_USEC);

/// The limits of each container.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    pub(crate) memory_bytes: u64,
    pub(crate) quota_usec: u64,
    /// All CPUs if none are named.
    pub(crate) cpuset: Option<String>,
}

impl Limits {
    pub(crate) fn new(memory_mib: u64, cpus: f64, cpuset: Option<String>) -> Result<Self, Failure> {
        let quota = Duration::try_from_secs_f64(cpus).map_err(Failure::wrong)?;
        let quota_usec = u64::try_from(quota.as_micros()).unwrap_or(u64::MAX) / (1_000_000 / PERIOD_USEC);
        Ok(Self {
            memory_bytes: memory_mib.saturating_mul(1 << 20),
            quota_usec,
            cpuset,
        })
    }
}

/// One mounted hierarchy that containers are to be in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hierarchy {
    mount: PathBuf,
    v2: bool,
    controllers: Vec<String>,
}

/// All that are mounted.
pub(crate) fn hierarchies() -> Result<Vec<Hierarchy>, Failure> {
    let text = fs::read_to_string("/proc/self/mountinfo").doing("cannot read mountinfo")?;
    Ok(parse(&text))
}

fn parse(mountinfo: &str) -> Vec<Hierarchy> {
    let mut found: Vec<Hierarchy> = Vec::new();
    for line in mountinfo.lines() {
        let Some((mount, file_system)) = line.split_once(" - ") else {
            continue;
        };
        let Some(mount) = mount.split(' ').nth(4).map(PathBuf::from) else {
            continue;
        };
        let mut fields = file_system.split(' ');
        let v2 = match fields.next() {
            Some("cgroup") => false,
            Some("cgroup2") => true,
            _ => continue,
        };
        let options = fields.nth(1).unwrap_or_default().split(',');
        let controllers: Vec<_> = options
            .filter(|one| CONTROLLERS.contains(one))
            .map(str::to_owned)
            .collect();
        let again = found.iter().any(|one| one.v2 == v2 && one.controllers == controllers);
        if (v2 || !controllers.is_empty()) && !again {
            found.push(Hierarchy { mount, v2, controllers });
        }
    }
    found
}

impl Hierarchy {
    fn has(&self, controller: &str) -> bool {
        self.controllers.iter().any(|one| one == controller)
    }

    /// Makes a cgroup with its limits.
    fn create(&self, name: &str, limits: &Limits) -> Result<PathBuf, Failure> {
        if self.v2 {
            self.enable();
        }
        let dir = self.mount.join(name);
        fs::create_dir(&dir).doing(format_args!("cannot make {}", dir.display()))?;
        if let Err(failure) = self.limit(&dir, limits) {
            // Nobody knows of it yet.
            remove(&dir);
            return Err(failure);
        }
        Ok(dir)
    }

    /// Lets cgroups below the root have controllers. It stays so, as others may come to depend on it.
    fn enable(&self) {
        let text = |name: &str| fs::read_to_string(self.mount.join(name)).unwrap_or_default();
        let enabled = text("cgroup.subtree_control");
        for one in text("cgroup.controllers").split_whitespace() {
            if CONTROLLERS.contains(&one) && !enabled.split_whitespace().any(|other| other == one) {
                // Where it is refused, setting the limit says so.
                let _ = fs::write(self.mount.join("cgroup.subtree_control"), format!("+{one}"));
            }
        }
    }

    fn limit(&self, dir: &Path, limits: &Limits) -> Result<(), Failure> {
        let set = |name: &str, value: String| {
            let path = dir.join(name);
            fs::write(&path, &value).doing(format_args!("cannot write {value} to {}", path.display()))
        };
        let cpuset = || match &limits.cpuset {
            Some(cpus) => Ok(cpus.clone()),
            None => {
                let name = if self.v2 {
                    "cpuset.cpus.effective"
                } else {
                    "cpuset.cpus"
                };
                let path = self.mount.join(name);
                let text = fs::read_to_string(&path);
                text.doing(format_args!("cannot read {}", path.display()))
                    .map(|text| text.trim().to_owned())
            }
        };
        if self.v2 {
            // A host with both has most controllers on v1.
            let here = fs::read_to_string(dir.join("cgroup.controllers")).unwrap_or_default();
            let has = |name: &str| here.split_whitespace().any(|one| one == name);
            if has("memory") {
                set("memory.max", limits.memory_bytes.to_string())?;
            }
            if has("cpu") {
                set("cpu.max", format!("{} {PERIOD_USEC}", limits.quota_usec))?;
            }
            if has("cpuset") {
                set("cpuset.cpus", cpuset()?)?;
            }
            return Ok(());
        }
        if self.has("memory") {
            set("memory.limit_in_bytes", limits.memory_bytes.to_string())?;
        }
        if self.has("cpu") {
            set("cpu.cfs_period_us", PERIOD_USEC.to_string())?;
            set("cpu.cfs_quota_us", limits.quota_usec.to_string())?;
        }
        if self.has("cpuset") {
            set("cpuset.cpus", cpuset()?)?;
            let mems = self.mount.join("cpuset.mems");
            let mems = fs::read_to_string(&mems).doing(format_args!("cannot read {}", mems.display()))?;
            set("cpuset.mems", mems.trim().to_owned())?;
        }
        Ok(())
    }
}

/// One container's cgroups; dropping them removes them.
#[derive(Debug)]
pub(crate) struct Cgroups {
    dirs: Vec<PathBuf>,
}

impl Cgroups {
    /// Makes a cgroup in each hierarchy. `run` is the pid by which the process outside finds them again.
    pub(crate) fn create(run: u32, number: usize, hierarchies: &[Hierarchy], limits: &Limits) -> Result<Self, Failure> {
        let mut all = Self { dirs: Vec::new() };
        for hierarchy in hierarchies {
            all.dirs
                .push(hierarchy.create(&format!("{PREFIX}{run}-{number}"), limits)?);
        }
        Ok(all)
    }

    /// Moves a process there.
    pub(crate) fn attach(&self, pid: u32) -> Result<(), Failure> {
        for dir in &self.dirs {
            let procs = dir.join("cgroup.procs");
            fs::write(&procs, pid.to_string()).doing(format_args!("cannot write to {}", procs.display()))?;
        }
        Ok(())
    }

    /// In how many periods the container would have used more than its quota.
    pub(crate) fn throttled_periods(&self) -> u64 {
        let texts = self
            .dirs
            .iter()
            .filter_map(|dir| fs::read_to_string(dir.join("cpu.stat")).ok());
        texts.filter_map(|text| throttled(&text)).sum()
    }
}

fn throttled(cpu_stat: &str) -> Option<u64> {
    cpu_stat
        .lines()
        .find_map(|line| line.strip_prefix("nr_throttled "))?
        .parse()
        .ok()
}

impl Drop for Cgroups {
    fn drop(&mut self) {
        for dir in &self.dirs {
            if !remove(dir) {
                crate::note(&format_args!("{}: cannot remove the cgroup", dir.display()));
            }
        }
    }
}

/// Removes a cgroup as soon as its processes are gone, for which they have a second.
fn remove(dir: &Path) -> bool {
    for _ in 0..100_u32 {
        match fs::remove_dir(dir) {
            Ok(()) => return true,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return true,
            Err(_) => std::thread::sleep(Duration::from_millis(10)),
        }
    }
    false
}

/// Removes what this run, or one that was killed, has left.
pub(crate) fn remove_leftovers(own: u32) {
    for hierarchy in hierarchies().unwrap_or_default() {
        for entry in fs::read_dir(&hierarchy.mount).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let Some(run) = name.to_str().and_then(run_of) else {
                continue;
            };
            if run == own || !alive(run) {
                remove(&entry.path());
            }
        }
    }
}

fn run_of(name: &str) -> Option<u32> {
    name.strip_prefix(PREFIX)?.split_once('-')?.0.parse().ok()
}

fn alive(run: u32) -> bool {
    fs::read_to_string(format!("/proc/{run}/comm")).is_ok_and(|name| name.trim() == "lxcfs-load")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_hierarchy_is_found_once() {
        let found = parse(
            "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct
36 31 0:33 / /sys/fs/cgroup/devices rw,relatime shared:7 - cgroup cgroup rw,devices
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
42 31 0:38 / /mnt/again rw,relatime - cgroup2 cgroup2 rw
",
        );
        let controllers = vec!["cpu".to_owned(), "cpuacct".to_owned()];
        let expected = [
            Hierarchy {
                mount: PathBuf::from("/sys/fs/cgroup/cpu,cpuacct"),
                v2: false,
                controllers,
            },
            Hierarchy {
                mount: PathBuf::from("/sys/fs/cgroup/unified"),
                v2: true,
                controllers: vec![],
            },
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_name_tells_the_run() {
        assert_eq!(run_of("lxcfs-load-12-3"), Some(12));
        assert_eq!(run_of("lxcfs-run-12-3"), None);
        assert_eq!(run_of("lxcfs-load-x-3"), None);
    }

    #[test]
    fn a_quota_is_a_share_of_the_period() {
        assert_eq!(Limits::new(1, 1.5, None).unwrap().quota_usec, 150_000);
        assert!(Limits::new(1, -1.0, None).is_err());
    }
}
