//! One container spelt as files: where its cgroups are, who is in them, and what each hierarchy says.

use std::fmt::Write as _;
use std::path::Path;

use super::{HOST_PIDS, Limits, Process, Spelling, v1, v2};
use crate::TICK_NSEC;
use crate::cgroup::Hierarchies;
use crate::container::{Container, Init};
use crate::source::{MemorySource, Source as _};

const V1_MOUNT: &str = "/sys/fs/cgroup";

/// The v1 hierarchies of a spelling: their directories are named by their controllers.
fn legacy(spelling: Spelling) -> &'static [&'static str] {
    match spelling {
        Spelling::V1 => &["memory", "cpu,cpuacct", "cpuset", "blkio", "hugetlb", "pids"],
        Spelling::Hybrid => &["cpu,cpuacct", "cpuset", "hugetlb"],
        Spelling::V2 => &[],
    }
}

/// Where the unified hierarchy is mounted, if it is.
fn unified(spelling: Spelling) -> Option<&'static str> {
    match spelling {
        Spelling::V1 => None,
        Spelling::Hybrid => Some("/sys/fs/cgroup/unified"),
        Spelling::V2 => Some("/sys/fs/cgroup"),
    }
}

pub(super) fn write(limits: &Limits, spelling: Spelling, files: &mut MemorySource) -> Container {
    let names: Vec<String> = (0..limits.ancestors.len())
        .rev()
        .map(|up| format!("level{up}"))
        .collect();
    let path = names.iter().map(|name| format!("/{name}")).collect::<String>() + "/ct";
    for (up, level) in limits.levels().enumerate() {
        let below_root: String = Path::new(&path)
            .ancestors()
            .nth(up)
            .unwrap_or(Path::new("/"))
            .display()
            .to_string();
        for hierarchy in legacy(spelling) {
            let dir = format!("{V1_MOUNT}/{hierarchy}{below_root}");
            members(limits, up, &dir, files);
            v1::write(limits, level, up, hierarchy, &dir, files);
        }
        if let Some(mount) = unified(spelling) {
            let dir = format!("{mount}{below_root}");
            members(limits, up, &dir, files);
            v2::write(limits, level, up, spelling, &dir, files);
        }
    }
    let (mountinfo, proc_cgroup) = membership(spelling, &path);
    for process in &limits.processes {
        write_process(process, limits, &proc_cgroup, files);
    }
    let cgroups = Hierarchies::parse(mountinfo.as_bytes()).cgroups(proc_cgroup.as_bytes());
    for pid in ["1", "self"] {
        files.insert(format!("/proc/{pid}/mountinfo"), mountinfo.clone());
    }
    let host_pid = |process: &Process| process.pid.saturating_add(HOST_PIDS);
    Container {
        caller: limits.processes.last().map_or(HOST_PIDS, host_pid),
        init: limits.processes.first().map(|process| Init {
            pid: host_pid(process),
            start_ticks: ticks(limits),
        }),
        cgroups,
    }
}

fn ticks(limits: &Limits) -> u64 {
    u64::try_from(limits.started.as_nanos())
        .unwrap_or(u64::MAX)
        .checked_div(TICK_NSEC)
        .unwrap_or(0)
}

/// `/proc/self/mountinfo` and `/proc/PID/cgroup`.
fn membership(spelling: Spelling, path: &str) -> (String, String) {
    let mut mounts = "22 1 259:2 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p2 rw\n\
                      24 22 0:22 / /proc rw,nosuid shared:12 - proc proc rw\n"
        .to_owned();
    let mut lines = String::new();
    for (id, controllers) in (31..).zip(legacy(spelling)) {
        let at = format!("{V1_MOUNT}/{controllers}");
        let _ = writeln!(
            mounts,
            "{id} 30 0:{id} / {at} rw,nosuid shared:9 - cgroup cgroup rw,{controllers}"
        );
        let _ = writeln!(lines, "{id}:{controllers}:{path}");
    }
    if let Some(mount) = unified(spelling) {
        let _ = writeln!(
            mounts,
            "50 30 0:26 / {mount} rw,nosuid shared:10 - cgroup2 cgroup2 rw,nsdelegate"
        );
        let _ = writeln!(lines, "0::{path}");
    }
    (mounts, lines)
}

/// `cgroup.procs`: the processes are all in the own cgroup.
fn members(limits: &Limits, up: usize, dir: &str, files: &mut MemorySource) {
    let own = limits.processes.iter().filter(|_| up == 0);
    let pids: String = own
        .map(|process| format!("{}\n", process.pid.saturating_add(HOST_PIDS)))
        .collect();
    files.insert(format!("{dir}/cgroup.procs"), pids);
}

fn write_process(process: &Process, limits: &Limits, cgroup: &str, files: &mut MemorySource) {
    let pid = process.pid.saturating_add(HOST_PIDS);
    let count = process.threads.len().max(1);
    // The threads of an earlier description have ended.
    let threads = format!("/proc/{pid}/task");
    for thread in files.list(Path::new(&threads)).unwrap_or_default() {
        files.remove(Path::new(&format!("{threads}/{}/status", thread.name)));
    }
    for (own, state) in (process.pid..).zip(process.threads.chars()) {
        let tid = own.saturating_add(HOST_PIDS);
        let status = format!(
            "Name:\tmade: up\nUmask:\t0022\nState:\t{state} (made up)\nTgid:\t{pid}\nPid:\t{tid}\nPPid:\t0\n\
             NStgid:\t{pid}\t{}\nNSpid:\t{tid}\t{own}\nVmRSS:\t    4096 kB\nThreads:\t{count}\n",
            process.pid
        );
        if tid == pid {
            files.insert(format!("/proc/{pid}/status"), status.clone());
        }
        files.insert(format!("/proc/{pid}/task/{tid}/status"), status);
    }
    files.insert(format!("/proc/{pid}/cgroup"), cgroup.to_owned());
    let started = ticks(limits);
    files.insert(
        format!("/proc/{pid}/stat"),
        format!("{pid} (made up) S 0 {pid} {pid} 0 -1 4194560 9 9 0 0 1 1 0 0 20 0 {count} 0 {started} 9999 99\n"),
    );
    *files = std::mem::take(files).with_link(format!("/proc/{pid}/ns/pid"), "pid:[4026532999]");
}
