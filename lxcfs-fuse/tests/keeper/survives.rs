//! What a keeper's mount survives.

use std::fs;

use lxcfs_testing::{Cgroup, Limits, Machine, PATIENCE, becomes_true, machine_has, wait_until};
use nix::sys::signal::Signal;

use super::readers::Readers;
use super::started::Place;
use super::{break_the_program, copy_of_the_program, copy_program, program_of, runs, send, spawn_of, start, stop};

#[test]
fn readers_do_not_notice_that_the_worker_is_killed() {
    let Some(daemon) = start(&["--keep"]) else {
        return;
    };
    let device = daemon.device();
    let readers = Readers::start(&daemon.place.mount_point());
    let mut last = None;
    for _ in 0..10 {
        let pid = daemon.worker_after(last);
        send(pid, Signal::SIGKILL);
        last = Some(pid);
        daemon.worker_after(last);
        readers.read_on();
    }
    readers.all_was_well(&daemon.place.log());
    assert_eq!(daemon.device(), device);
    let pid_file = fs::read_to_string(daemon.place.pid_file()).unwrap();
    assert_eq!(pid_file, format!("{}\n", daemon.pid()), "it is the keeper's");
}

#[test]
fn a_container_is_shown_its_own_memory_before_and_after() {
    if !machine_has(&[Machine::Root, Machine::Fuse, Machine::Cgroups]) {
        return;
    }
    let daemon = Place::new().start(&["--keep"]);
    let container = Cgroup::new(&Limits::default().memory(64 << 20));
    for _ in 0..3 {
        let meminfo = daemon.read_in(&container, "proc/meminfo");
        assert!(meminfo.starts_with("MemTotal:          65536 kB\n"), "{meminfo}");
        send(daemon.worker(), Signal::SIGKILL);
    }
}

#[test]
fn a_worker_that_is_stopped_is_killed_and_followed() {
    let Some(daemon) = start(&["--keep", "--keep-watchdog=1"]) else {
        return;
    };
    let readers = Readers::start(&daemon.place.mount_point());
    let first = daemon.worker();
    stop(first);
    let second = daemon.worker_after(Some(first));
    assert!(!runs(first));
    readers.read_on();
    // One that is let go on in time is not.
    stop(second);
    send(second, Signal::SIGCONT);
    readers.all_was_well(&daemon.place.log());
    assert!(daemon.place.log().contains("does not answer"), "{}", daemon.place.log());
}

#[test]
fn usr1_makes_the_program_on_the_disk_the_worker() {
    if !super::can_mount() {
        return;
    }
    let place = Place::new();
    let dir = tempfile::tempdir().unwrap();
    let program = copy_of_the_program(dir.path());
    let command = spawn_of(&place, &program, &["--keep"]);
    let daemon = place.start_as(command);
    let readers = Readers::start(&daemon.place.mount_point());
    let first = daemon.worker();
    let mut last = first;
    for _ in 0..5 {
        // Another file under the same name, as after an upgrade.
        let new = dir.path().join("new");
        copy_program(&program, &new);
        fs::rename(&new, &program).unwrap();
        daemon.send_and_wait(Signal::SIGUSR1);
        let next = daemon.worker_after(Some(last));
        assert_eq!(
            program_of(next),
            program.to_str().unwrap(),
            "the keeper's own is deleted"
        );
        last = next;
        readers.read_on();
    }
    readers.all_was_well(&daemon.place.log());
}

#[test]
fn a_broken_program_on_the_disk_changes_nothing() {
    if !super::can_mount() {
        return;
    }
    let place = Place::new();
    let dir = tempfile::tempdir().unwrap();
    let program = copy_of_the_program(dir.path());
    let command = spawn_of(&place, &program, &["--keep"]);
    let daemon = place.start_as(command);
    let readers = Readers::start(&daemon.place.mount_point());
    let before = daemon.worker();
    break_the_program(&program);
    daemon.send_and_wait(Signal::SIGUSR1);
    assert_eq!(daemon.workers(), [before]);
    assert!(
        daemon.place.log().contains("the old one goes on"),
        "{}",
        daemon.place.log()
    );

    // Should the worker die now, the keeper's own program serves.
    send(before, Signal::SIGKILL);
    wait_until("the keeper's own program serves", || {
        let workers = daemon.workers();
        workers.len() == 1 && workers[0] != before && program_of(workers[0]).ends_with(" (deleted)")
    });
    readers.all_was_well(&daemon.place.log());
}

#[test]
fn what_usr2_has_said_holds_for_those_that_follow() {
    if !machine_has(&[Machine::Root, Machine::Fuse, Machine::Cgroups]) {
        return;
    }
    let daemon = Place::new().start(&["--keep"]);
    let container = Cgroup::new(&Limits::default().memory(64 << 20));
    let shows_the_host = || {
        !daemon
            .read_in(&container, "proc/meminfo")
            .starts_with("MemTotal:          65536 kB\n")
    };
    daemon.send_and_wait(Signal::SIGUSR2);
    assert!(shows_the_host());
    send(daemon.worker(), Signal::SIGKILL);
    assert!(shows_the_host());
    daemon.send_and_wait(Signal::SIGUSR1);
    assert!(shows_the_host());
    daemon.send(Signal::SIGUSR2);
    // Who has followed has said before what it shows: that is another text.
    daemon.told("STATUS=containers see themselves");
    assert!(!shows_the_host());
    send(daemon.worker(), Signal::SIGKILL);
    assert!(!shows_the_host());
}

#[test]
fn a_reload_is_passed_on_to_the_worker() {
    if !machine_has(&[Machine::Root, Machine::Fuse, Machine::Cgroups]) {
        return;
    }
    let daemon = Place::new().start(&["--keep"]);
    let container = Cgroup::new(&Limits::default().memory(64 << 20).cpu_percent(100));
    let online = || daemon.read_in(&container, "sys/devices/system/cpu/online");
    assert_eq!(online(), "0\n");
    daemon.place.configure("cpu-view = \"host\"\n");
    daemon.send(Signal::SIGHUP);
    daemon.told("RELOADING=1");
    daemon.told("READY=1");
    let all = fs::read_to_string("/sys/devices/system/cpu/online").unwrap();
    assert_eq!(online(), all);
}

#[test]
fn a_keeper_sleeps_but_for_its_questions() {
    let Some(daemon) = start(&["--keep", "--keep-watchdog=0"]) else {
        return;
    };
    let switches = |pid: u32| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        line.unwrap().trim().parse::<u64>().unwrap()
    };
    let readers = Readers::start(&daemon.place.mount_point());
    // It may still be busy with its start.
    let asleep = becomes_true(PATIENCE, || {
        let before = switches(daemon.pid());
        readers.read_on();
        switches(daemon.pid()) == before
    });
    assert!(asleep, "the keeper wakes up for requests");
    readers.all_was_well(&daemon.place.log());
}
