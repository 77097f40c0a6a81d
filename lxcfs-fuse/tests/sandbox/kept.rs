//! All threads of all processes have the capabilities of the document, and workers a filter.

use std::fs;
use std::process::Command;
use std::sync::Arc;

use lxcfs_fuse::sandbox::Role;
use lxcfs_testing::{Cgroup, Limits, Machine, machine_has, wait_until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::document::mask;
use super::rig::meminfo;
use super::started::{Daemon, Place};

/// A line of `/proc/PID/task/TID/status`.
fn line(status: &str, key: &str) -> String {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("no {key} in {status}")).trim().to_owned()
}

fn own(key: &str) -> String {
    line(&fs::read_to_string("/proc/thread-self/status").unwrap(), key)
}

/// Looks at all threads of a process. This process may not have all capabilities itself.
fn has_what_it_should(pid: u32, role: Role, triggers: bool) {
    let have = u64::from_str_radix(&own("CapBnd"), 16).unwrap();
    let wanted = format!("{:016x}", mask(role, triggers) & have);
    let filter = if role == Role::Worker {
        "2".to_owned()
    } else {
        own("Seccomp")
    };
    let mut threads = 0;
    for thread in fs::read_dir(format!("/proc/{pid}/task")).unwrap() {
        // One may end while we look.
        let Ok(status) = fs::read_to_string(thread.unwrap().path().join("status")) else {
            continue;
        };
        threads += 1;
        for set in ["CapEff", "CapPrm", "CapBnd"] {
            assert_eq!(
                line(&status, set),
                wanted,
                "{set} of a {role:?}, triggers: {triggers}: {status}"
            );
        }
        for set in ["CapInh", "CapAmb"] {
            assert_eq!(line(&status, set), "0000000000000000", "{set}: {status}");
        }
        assert_eq!(line(&status, "NoNewPrivs"), "1", "{status}");
        assert_eq!(line(&status, "Seccomp"), filter, "{role:?}: {status}");
    }
    assert!(threads > 0);
    println!("{role:?}, triggers: {triggers}: {threads} threads with {wanted}");
}

fn start(arguments: &[&str]) -> Option<Daemon> {
    machine_has(&[Machine::Root, Machine::Fuse]).then(|| Place::new().start(arguments))
}

fn worker(daemon: &Daemon, before: Option<i32>) -> i32 {
    let mut found = None;
    wait_until("there is one worker, and another one", || {
        found = match *daemon.workers() {
            [worker] if Some(worker) != before => Some(worker),
            _ => None,
        };
        found.is_some()
    });
    found.unwrap()
}

/// That worker serves: it has begun to confine itself, and ended.
fn serves(daemon: &Daemon, worker: i32) {
    wait_until("the worker has its threads", || {
        fs::read_dir(format!("/proc/{worker}/task")).is_ok_and(|threads| threads.count() > 3)
    });
    fs::read_to_string(daemon.place.mount_point().join("proc/uptime")).unwrap();
}

#[test]
fn a_keeper_and_its_worker_and_the_one_that_follows_keep_what_the_document_says() {
    for (arguments, triggers) in [(&["--keep"][..], false), (&["--keep", "--enable-psi-poll"], true)] {
        let Some(daemon) = start(arguments) else { return };
        let first = worker(&daemon, None);
        let look = |worker: i32| {
            serves(&daemon, worker);
            has_what_it_should(daemon.pid(), Role::Keeper, triggers);
            has_what_it_should(u32::try_from(worker).unwrap(), Role::Worker, triggers);
        };
        look(first);
        daemon.send_and_wait(Signal::SIGUSR1);
        let second = worker(&daemon, Some(first));
        look(second);
        kill(Pid::from_raw(second), Signal::SIGKILL).unwrap();
        look(worker(&daemon, Some(second)));
    }
}

#[test]
fn a_daemon_that_is_its_own_keeper_keeps_what_the_document_says_also_as_another_program() {
    for (arguments, triggers) in [(&[][..], false), (&["--enable-psi-poll"], true)] {
        let Some(daemon) = start(arguments) else { return };
        has_what_it_should(daemon.pid(), Role::Keeper, triggers);
        daemon.send_and_wait(Signal::SIGUSR1);
        has_what_it_should(daemon.pid(), Role::Keeper, triggers);
    }
}

#[test]
fn who_takes_over_keeps_what_the_document_says() {
    let Some(first) = start(&["--keep"]) else { return };
    let place = Arc::clone(&first.place);
    let second = Arc::clone(&place).start_another(place.command(&["--keep", "--take-over"]));
    let worker = worker(&second, None);
    serves(&second, worker);
    has_what_it_should(second.pid(), Role::Keeper, false);
    has_what_it_should(u32::try_from(worker).unwrap(), Role::Worker, false);
    second.read_in(&Cgroup::new(&Limits::default()), "proc/meminfo");
}

#[test]
fn to_look_for_a_mistake_it_can_be_left_out() {
    let Some(daemon) = start(&["--keep", "--no-sandbox"]) else {
        return;
    };
    let worker = worker(&daemon, None);
    let status = fs::read_to_string(format!("/proc/{worker}/status")).unwrap();
    assert_eq!(line(&status, "CapBnd"), own("CapBnd"));
    assert_eq!(line(&status, "Seccomp"), own("Seccomp"));
    assert!(daemon.place.log().contains("--no-sandbox"), "{}", daemon.place.log());
}

#[test]
fn a_daemon_with_fewer_capabilities_starts_and_says_what_will_not_work() {
    if !machine_has(&[Machine::Root, Machine::Fuse, Machine::Cgroups]) {
        return;
    }
    let place = Place::new();
    let lxcfs = place.command(&["--keep"]);
    let mut command = Command::new("setpriv");
    command
        .args(["--bounding-set", "-sys_ptrace"])
        .arg(lxcfs.get_program())
        .args(lxcfs.get_args());
    for (name, value) in lxcfs.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let log = fs::File::create(place.mount_point().with_file_name("log")).unwrap();
    command.stderr(log);
    let daemon = place.start_as(command);
    let said = daemon.place.log();
    assert!(
        said.contains(r#"a capability is missing capability="CAP_SYS_PTRACE" without="a caller"#),
        "{said}"
    );
    let cgroup = Cgroup::new(&Limits::default().memory(64 << 20));
    assert_eq!(meminfo(&daemon.read_in(&cgroup, "proc/meminfo"), "MemTotal"), 64 << 10);
}
