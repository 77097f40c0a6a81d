//! Readers that die with a request under way, by the thousand, and those that only open.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::PathBuf;

use lxcfs_testing::{Cgroup, Container, Limits};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, fork};

use super::rig::rounds;
use super::worker::Served;

/// Forks, has the child read, and kills it a little later each time.
#[allow(
    unsafe_code,
    reason = "a fork that only reads, of a process with one thread that matters"
)]
pub(crate) fn die(paths: &[&str]) {
    let mut answered = 0;
    for round in 0..rounds(1000) {
        let path = paths[usize::try_from(round).unwrap() % paths.len()];
        // SAFETY: the child opens, reads into memory that is there, and is killed or ends without unwinding.
        match unsafe { fork() }.unwrap() {
            ForkResult::Child => {
                let mut room = [0; 4096];
                loop {
                    let _ = File::open(path).and_then(|mut file| file.read(&mut room));
                }
            }
            ForkResult::Parent { child } => {
                for _ in 0..(round * 61 % 4001) {
                    std::hint::spin_loop();
                }
                std::thread::yield_now();
                kill(child, Signal::SIGKILL).unwrap();
                waitpid(child, None).unwrap();
                answered += 1;
            }
        }
    }
    println!("killed {answered}");
}

/// Opens as many files as it may, and reads none.
pub(crate) fn open(paths: &[&str]) {
    let mut all = Vec::new();
    for path in paths.iter().cycle().take(900) {
        all.push(File::open(path).unwrap());
    }
    println!("opened {}", all.len());
    std::thread::sleep(std::time::Duration::from_secs(3600));
}

#[test]
fn thousands_that_die_while_they_read_leave_nothing() {
    let Some(served) = Served::start(&[]) else { return };
    let cgroup = Cgroup::new(&Limits::default().memory(64 << 20));
    let container = Container::start(&cgroup);
    let paths = ["proc/meminfo", "proc/stat", "proc/cpuinfo", "proc/loadavg"].map(|path| served.kept.file(path));
    let paths = paths.each_ref().map(String::as_str);
    let running: Vec<_> = (0..2).map(|_| container.caller().act("die", &paths)).collect();
    for one in running {
        let said = one.finish().well().text();
        assert!(said.contains(&format!("killed {}", rounds(1000))), "{said}");
    }
    assert_eq!(served.memory(container.caller()), 64);
    served.is_well();
}

#[test]
fn thousands_of_files_that_nobody_reads_cost_nothing() {
    let Some(served) = Served::start(&[]) else { return };
    let cgroup = Cgroup::new(&Limits::default().memory(64 << 20));
    let container = Container::start(&cgroup);
    let path = served.meminfo();
    let running: Vec<_> = (0..8).map(|_| container.caller().act("open", &[&path])).collect();
    for one in &running {
        lxcfs_testing::wait_until("all are open", || one.said().contains("opened 900"));
    }
    assert_eq!(served.memory(container.caller()), 64);
    // While they are open.
    served.is_well();
    drop(running);
    served.is_well();
}

#[test]
fn a_fork_bomb_within_its_limit_holds_up_nobody_else() {
    let Some(served) = Served::start(&[]) else { return };
    let cgroup = Cgroup::new(&Limits::default().memory(256 << 20));
    let limit = ["pids", "unified"].into_iter().filter_map(|name| cgroup.dir(name));
    let limit: Option<PathBuf> = limit.map(|dir| dir.join("pids.max")).find(|file| file.exists());
    let Some(limit) = limit else {
        return lxcfs_testing::kernel_lacks("the controller pids");
    };
    fs::write(limit, "200").unwrap();
    let bomb = Container::start(&cgroup);
    let other_cgroup = Cgroup::new(&Limits::default().memory(96 << 20));
    let other = Container::start(&other_cgroup);
    // Each starts two more and reads.
    let script = r#"bomb() { while :; do cat "$1" > /dev/null; bomb "$1" & done; }; bomb "$1""#;
    let path = served.meminfo();
    let running = bomb.caller().start(&["sh", "-c", script, "sh", &path]);
    let count = || {
        let procs = cgroup.dirs().next().unwrap().join("cgroup.procs");
        fs::read_to_string(procs).unwrap_or_default().lines().count()
    };
    lxcfs_testing::wait_until("the bomb has gone off", || count() > 150);
    for _ in 0..rounds(50) {
        assert_eq!(served.memory(other.caller()), 96);
    }
    drop(running);
    drop(bomb);
    served.is_well();
}
