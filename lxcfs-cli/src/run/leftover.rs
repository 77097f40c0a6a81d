//! The names of our cgroups, which tell whose they are; those of runs that were killed are removed.

use std::fs;
use std::path::Path;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const PREFIX: &str = "lxcfs-run-";

/// The name of the cgroups of the run by this process: pid and start time, which no later process has both.
pub(crate) fn own_name() -> Option<String> {
    let pid = std::process::id();
    Some(format!("{PREFIX}{pid}-{}", started(pid)?))
}

/// Removes the empty cgroups of runs whose process is no more.
pub(crate) fn remove_leftovers(root: &Path) {
    let Ok(entries) = fs::read_dir(root) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some((pid, start)) = name.to_str().and_then(parse) else {
            continue;
        };
        if started(pid) != Some(start) {
            // What still has processes cannot be removed, and should not.
            remove_tree(&entry.path());
        }
    }
}

/// Removes a cgroup and those below it, as far as they have no processes. Answers whether it is gone.
pub(crate) fn remove_tree(dir: &Path) -> bool {
    // A cgroup's files go with it; only directories below it are in the way.
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_tree(&entry.path());
        }
    }
    match fs::remove_dir(dir) {
        Ok(()) => true,
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    }
}

/// Kills the processes in a cgroup and in those below it.
pub(crate) fn kill_tree(dir: &Path) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            kill_tree(&entry.path());
        }
    }
    let processes = fs::read_to_string(dir.join("cgroup.procs")).unwrap_or_default();
    for pid in processes.lines().filter_map(|line| line.parse::<i32>().ok()) {
        // 0 is a process of another pid namespace, whose number we cannot know; as an argument it would be our group.
        if pid > 0 && pid != Pid::this().as_raw() {
            // Who is already gone need not be killed.
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }
}

fn parse(name: &str) -> Option<(u32, u64)> {
    let (pid, start) = name.strip_prefix(PREFIX)?.split_once('-')?;
    Some((pid.parse().ok()?, start.parse().ok()?))
}

/// When a process started, in ticks since boot; `None` if there is none of that number.
fn started(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the command's name in parentheses, and may have any character in it.
    let (_, fields) = stat.rsplit_once(") ")?;
    fields.split(' ').nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_whose_it_is() {
        let (pid, start) = parse(&own_name().unwrap()).unwrap();
        assert_eq!(pid, std::process::id());
        assert_eq!(started(pid), Some(start));
        for other in [
            "lxcfs-run-1",
            "lxcfs-run-1-",
            "lxcfs-run-a-2",
            "lxcfs-1-2",
            "lxcfs-run-1-2-3",
        ] {
            assert_eq!(parse(other), None);
        }
    }

    #[test]
    fn only_what_no_living_process_made_is_removed() {
        let root = tempfile::tempdir().unwrap();
        let own = own_name().unwrap();
        let pid = std::process::id();
        let names = [
            own.as_str(),
            &format!("lxcfs-run-{pid}-1"),
            "lxcfs-run-4194304-7/below",
            "else",
        ];
        for name in names {
            fs::create_dir_all(root.path().join(name)).unwrap();
        }
        remove_leftovers(root.path());
        let mut left: Vec<_> = fs::read_dir(root.path())
            .unwrap()
            .map(|one| one.unwrap().file_name())
            .collect();
        left.sort();
        assert_eq!(left, ["else", own.as_str()]);
    }
}
