//! A look at the tasks of a container: how many, how many of them run, and the highest pid.
//!
//! # References
//!
//! proc(5), `/proc/PID/status`: `State`, `Threads`, `NSpid`.

use std::path::{Path, PathBuf};

use crate::cgroup::CgroupReader;
use crate::container::Container;
use crate::error::CaptureError;
use crate::parse;
use crate::source::Source;
use crate::state::load::Tasks;

/// No look goes through more threads than this: a container with more shows the load of a part of them.
pub(crate) const MOST_THREADS: usize = 8192;

/// What one `/proc/PID/status` or `/proc/PID/task/TID/status` says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Status {
    state: u8,
    threads: u64,
    /// The pid in the container's own numbering.
    own_pid: u64,
}

impl Status {
    /// `level`: which number of `NSpid` is the container's; 0 is the host's.
    fn parse(text: &[u8], level: usize) -> Self {
        let mut status = Self {
            threads: 1,
            ..Self::default()
        };
        for line in parse::lines(text) {
            let Some((key, rest)) = parse::split_once(line, b':') else {
                continue;
            };
            let rest = rest.trim_ascii();
            match key {
                b"State" => status.state = rest.first().copied().unwrap_or_default(),
                b"Threads" => status.threads = parse::number(rest).unwrap_or(1),
                b"NSpid" => {
                    let pid = parse::words(rest).nth(level).and_then(parse::number);
                    status.own_pid = pid.unwrap_or_default();
                }
                _ => {}
            }
        }
        status
    }

    fn count(&self, tasks: &mut Tasks) {
        tasks.threads = tasks.threads.saturating_add(1);
        tasks.last_pid = tasks.last_pid.max(self.own_pid);
        match self.state {
            b'R' => tasks.running = tasks.running.saturating_add(1),
            b'D' => tasks.blocked = tasks.blocked.saturating_add(1),
            _ => {}
        }
    }
}

/// Looks at the tasks of the container; `None` if it has no cgroup that would tell them from others.
pub(crate) fn look(source: &dyn Source, container: &Container) -> Result<Option<Tasks>, CaptureError> {
    let Some(pids) = CgroupReader::new(source, &container.cgroups).processes(MOST_THREADS)? else {
        return Ok(None);
    };
    let level = match container.init {
        Some(init) => own_level(source, init.pid),
        None => 0,
    };
    let mut tasks = Tasks::default();
    let is_room = |tasks: &Tasks| tasks.threads < u64::try_from(MOST_THREADS).unwrap_or(u64::MAX);
    for pid in pids {
        if !is_room(&tasks) {
            break;
        }
        // A process that has ended meanwhile does not count.
        let Ok(text) = source.read(&status_path(&format!("/proc/{pid}"))) else {
            continue;
        };
        let status = Status::parse(&text, level);
        if status.threads <= 1 {
            status.count(&mut tasks);
            continue;
        }
        let threads = PathBuf::from(format!("/proc/{pid}/task"));
        for name in source.list_directories(&threads).unwrap_or_default() {
            if !is_room(&tasks) {
                break;
            }
            if let Ok(text) = source.read(&threads.join(name).join("status")) {
                Status::parse(&text, level).count(&mut tasks);
            }
        }
    }
    Ok(Some(tasks))
}

fn status_path(process: &str) -> PathBuf {
    Path::new(process).join("status")
}

/// How deep the pid namespace of that process is: the place of its own number in `NSpid`.
fn own_level(source: &dyn Source, pid: u32) -> usize {
    let Ok(text) = source.read(&status_path(&format!("/proc/{pid}"))) else {
        return 0;
    };
    parse::lines(&text)
        .find_map(|line| line.strip_prefix(b"NSpid:"))
        .map_or(0, |pids| parse::words(pids).count().saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cgroup::Cgroups;
    use crate::container::Init;
    use crate::source::MemorySource;

    #[test]
    fn threads_count_one_by_one_and_pids_are_the_containers() {
        let status = |state: &str, threads: u32, pids: &str| {
            format!("Name:\ta: b\nState:\t{state} (x)\nThreads:\t{threads}\nNSpid:\t{pids}\n")
        };
        let machine = MemorySource::new()
            .with("/c/ct/cgroup.procs", "100\n")
            .with("/c/ct/sub/cgroup.procs", "105\n106\n")
            .with("/proc/100/status", status("S", 1, "100\t1"))
            .with("/proc/105/status", status("D", 2, "105\t6"))
            .with("/proc/105/task/105/status", status("D", 2, "105\t6"))
            .with("/proc/105/task/107/status", status("R", 2, "107\t8\t1"));
        let container = Container {
            caller: 105,
            init: Some(Init {
                pid: 100,
                start_ticks: 0,
            }),
            cgroups: Cgroups::unified("/c", "/ct"),
        };
        let tasks = look(&machine, &container).unwrap().unwrap();
        assert_eq!(
            tasks,
            Tasks {
                running: 1,
                blocked: 1,
                threads: 3,
                last_pid: 8
            }
        );
    }
}
