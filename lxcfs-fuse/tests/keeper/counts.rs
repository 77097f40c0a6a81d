//! What was done for each container, whoever serves it.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use lxcfs_fuse::status::{Container as Counted, Status};
use lxcfs_testing::{Cgroup, Container, Limits, Machine, machine_has, wait_until};
use nix::sys::signal::Signal;

use super::says::said;
use super::started::{Daemon, Place};
use super::{Doomed, send, stop};

fn can_count() -> bool {
    machine_has(&[Machine::Root, Machine::Fuse, Machine::Cgroups])
}

/// What was counted for the container in that cgroup.
fn of<'s>(status: &'s Status, cgroup: &Cgroup) -> Option<&'s Counted> {
    let path = format!("/{}", cgroup.path().display());
    status.containers.iter().find(|container| container.cgroup == path)
}

/// Reads a file in a container, so many times.
fn reads(daemon: &Daemon, container: &Container<'_>, file: &str, times: u32) {
    let path = daemon.place.mount_point().join(file);
    let script = format!("for i in $(seq {times}); do cat '{}' || exit 1; done", path.display());
    let _ = container.caller().text(&["sh", "-c", &script]);
}

fn expected(meminfo: u64, stat: u64) -> BTreeMap<String, u64> {
    let all = [("proc/meminfo", meminfo), ("proc/stat", stat)];
    all.into_iter().map(|(path, reads)| (path.to_owned(), reads)).collect()
}

#[test]
fn each_read_is_counted_once_for_whom_it_was_also_over_deaths_replacements_and_take_overs() {
    if !can_count() {
        return;
    }
    let mut daemon = Place::new().start(&["--keep"]);
    let (busy_cgroup, idle_cgroup) = (Cgroup::new(&Limits::default()), Cgroup::new(&Limits::default()));
    let (busy, idle) = (Container::start(&busy_cgroup), Container::start(&idle_cgroup));
    let before = said(&daemon);
    reads(&daemon, &busy, "proc/meminfo", 100);
    reads(&daemon, &busy, "proc/stat", 3);
    let path = daemon.place.mount_point().join("proc");
    let _ = idle.caller().text(&["ls", path.join("meminfo").to_str().unwrap()]);

    let first = said(&daemon);
    let container = of(&first, &busy_cgroup).unwrap();
    assert_eq!(container.reads, expected(100, 3));
    assert_eq!(
        (container.pid, container.errors, container.latency.count()),
        (Some(busy.init()), 0, 103)
    );
    assert!(container.latency.sum_ns > 0);
    let times = [before.at_ms, container.met_at_ms, container.asked_at_ms, first.at_ms];
    assert!(times.is_sorted(), "{times:?}");
    assert_eq!(of(&first, &idle_cgroup), None, "it has not read anything");
    assert_eq!(first.counts.renderings - before.counts.renderings, 103);

    // A worker that is killed.
    let pid = daemon.worker();
    send(pid, Signal::SIGKILL);
    reads(&daemon, &busy, "proc/stat", 2);
    assert_eq!(of(&said(&daemon), &busy_cgroup).unwrap().reads, expected(100, 5));
    // One that is replaced.
    let pid = daemon.worker_after(Some(pid));
    daemon.send_and_wait(Signal::SIGUSR1);
    daemon.worker_after(Some(pid));
    reads(&daemon, &busy, "proc/meminfo", 1);
    assert_eq!(of(&said(&daemon), &busy_cgroup).unwrap().reads, expected(101, 5));
    // Other daemons, with a keeper and without.
    for (round, arguments) in [(1, &["--keep", "--take-over"][..]), (2, &["--take-over"])] {
        let place = Arc::clone(&daemon.place);
        let next = Arc::clone(&place).start_another(place.command(arguments));
        daemon.ends_with(0);
        daemon = next;
        assert_eq!(of(&said(&daemon), &busy_cgroup).unwrap().all_reads(), 105 + round);
        reads(&daemon, &busy, "proc/meminfo", 1);
    }
    let last = said(&daemon);
    let container = of(&last, &busy_cgroup).unwrap();
    assert_eq!(container.reads, expected(103, 5));
    assert_eq!(
        (container.met_at_ms, container.latency.count()),
        (of(&first, &busy_cgroup).unwrap().met_at_ms, 108)
    );
    assert_eq!(last.counts.renderings - before.counts.renderings, 108);
    // The first, the one after it was killed, its replacement, that of the second keeper, and the one without.
    assert_eq!((last.workers_started, last.workers_died), (5, 1));
    assert_eq!(last.mounted_at_ms, first.mounted_at_ms);

    drop(busy);
    wait_until("a container that has ended is not said any more", || {
        of(&said(&daemon), &busy_cgroup).is_none()
    });
}

#[test]
fn of_reads_that_a_dying_worker_has_in_hand_none_is_lost_and_none_counted_more_often_than_worked_at() {
    if !can_count() {
        return;
    }
    let daemon = Place::new().start(&["--keep"]);
    let cgroup = Cgroup::new(&Limits::default());
    let container = Container::start(&cgroup);
    let counted = || {
        let status = said(&daemon);
        of(&status, &cgroup).map_or(0, Counted::all_reads)
    };
    let path = daemon.place.mount_point().join("proc/uptime");
    let script = format!(
        "for i in $(seq 500); do read line < '{}' || exit 1; done",
        path.display()
    );
    let mut reader = container.caller().start(&["sh", "-c", &script]);
    let (mut killed, mut last) = (0, None);
    while killed < 8 && reader.is_running() {
        let pid = daemon.worker_after(last);
        let before = counted();
        wait_until("it reads on", || counted() > before || !reader.is_running());
        send(pid, Signal::SIGKILL);
        last = Some(pid);
        killed += 1;
    }
    let _ = reader.finish().well();
    // It reads one byte after the other, which is one sequence of reads: it begins once for each line.
    let counted = counted();
    assert!(
        (500..=500 + killed).contains(&counted),
        "{counted} after {killed} deaths"
    );
}

#[test]
fn it_is_said_while_the_worker_is_stopped_or_there_is_none() {
    if !can_count() {
        return;
    }
    let daemon = Place::new().start(&["--keep", "--keep-watchdog=0"]);
    let cgroup = Cgroup::new(&Limits::default());
    let container = Container::start(&cgroup);
    reads(&daemon, &container, "proc/meminfo", 7);
    let stopped = Doomed(daemon.worker());
    stop(stopped.0);
    let status = said(&daemon);
    assert_eq!(of(&status, &cgroup).unwrap().reads.get("proc/meminfo"), Some(&7));
    assert_eq!(status.worker.unwrap().pid, u32::try_from(stopped.0).unwrap());
    send(stopped.0, Signal::SIGCONT);
    // Those that die young are followed later and later.
    let mut none = None;
    wait_until("there is no worker for a while", || {
        let status = said(&daemon);
        match &status.worker {
            Some(worker) => {
                // It may have ended since.
                let pid = nix::unistd::Pid::from_raw(i32::try_from(worker.pid).unwrap());
                let _ = nix::sys::signal::kill(pid, Signal::SIGKILL);
            }
            None => none = Some(status),
        }
        none.is_some()
    });
    let status = none.unwrap();
    assert_eq!(of(&status, &cgroup).unwrap().reads.get("proc/meminfo"), Some(&7));
    assert_eq!(status.workers_started, status.workers_died);
    reads(&daemon, &container, "proc/meminfo", 1);
    let status = said(&daemon);
    assert_eq!(of(&status, &cgroup).unwrap().reads.get("proc/meminfo"), Some(&8));
}

/// A daemon in a mount namespace of its own, where the host's meminfo comes from another daemon.
fn over_another(other: &Daemon, arguments: &[&str]) -> Daemon {
    let place = Place::new();
    let lxcfs = place.command(&[&["--deadline=300", "--coalesce=0"], arguments].concat());
    let script = "mount --bind \"$0\" /proc/meminfo && exec \"$@\"";
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "--propagation", "private", "sh", "-c", script])
        .arg(other.place.mount_point().join("proc/meminfo"))
        .arg(lxcfs.get_program())
        .args(lxcfs.get_args());
    for (name, value) in lxcfs.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let log = fs::File::options().create(true).append(true).open(place.log_file());
    command.stdin(std::process::Stdio::null()).stderr(log.unwrap());
    place.start_as(command)
}

#[test]
fn a_read_that_hangs_is_an_error_of_its_container_and_it_is_said_meanwhile() {
    if !can_count() {
        return;
    }
    let host = Place::new().start(&["--keep", "--keep-watchdog=0"]);
    let daemon = over_another(&host, &["--keep", "--keep-watchdog=0"]);
    let cgroup = Cgroup::new(&Limits::default());
    let container = Container::start(&cgroup);
    let file = |name: &str| {
        let mount_point = daemon.place.mount_point();
        format!("/proc/{}/root{}/proc/{name}", daemon.pid(), mount_point.display())
    };
    let _ = container.caller().read(&file("meminfo"));
    let of_host = Doomed(host.worker());
    stop(of_host.0);
    let reader = container.caller().start(&["cat", &file("meminfo")]);
    let finished = reader.finish();
    assert!(!finished.status.success(), "{}", finished.text());
    // The worker still waits for the kernel.
    let status = said(&daemon);
    let counted = of(&status, &cgroup).unwrap();
    assert_eq!((counted.all_reads(), counted.errors), (1, 1), "{counted:?}");
    assert_eq!(counted.latency.count(), 2);
    assert!(counted.latency.within_ns(1000).unwrap() >= 300_000_000, "{counted:?}");
    assert!(counted.latency.sum_ns >= 300_000_000, "{counted:?}");
    let _ = container.caller().read(&file("uptime"));
    assert_eq!(of(&said(&daemon), &cgroup).unwrap().all_reads(), 2);
    send(of_host.0, Signal::SIGCONT);
    wait_until("it is served again", || {
        container.caller().run(&["cat", &file("meminfo")]).status.success()
    });
    // What came too late was an error already.
    let counted = said(&daemon);
    let counted = of(&counted, &cgroup).unwrap();
    assert_eq!(counted.latency.count(), counted.all_reads() + counted.errors);
}

#[test]
fn a_request_that_came_too_late_and_then_fails_has_failed_once() {
    if !can_count() {
        return;
    }
    let host = Place::new().start(&["--keep", "--keep-watchdog=0"]);
    let daemon = over_another(&host, &["--keep", "--keep-watchdog=0", "--threads=1"]);
    let cgroup = Cgroup::new(&Limits::default());
    let container = Container::start(&cgroup);
    let file = |name: &str| {
        let mount_point = daemon.place.mount_point();
        format!("/proc/{}/root{}/proc/{name}", daemon.pid(), mount_point.display())
    };
    let of_host = Doomed(host.worker());
    stop(of_host.0);
    // It is told that it was too late, and lives on.
    let script = "read line < \"$0\"; exec sleep 600";
    let reader = container.caller().start(&["sh", "-c", script, &file("meminfo")]);
    let counts = || said(&daemon).counts;
    wait_until("the watchdog has answered", || counts().deadlines == 1);
    assert_eq!((counts().failures, counts().refused), (1, 0));
    // What the kernel was asked for ends with an error: nobody follows the worker whose keeper is stopped. (A keeper that is
    // killed first leaves a stopped process group behind, which the kernel wakes.)
    stop(i32::try_from(host.pid()).unwrap());
    send(of_host.0, Signal::SIGKILL);
    host.send(Signal::SIGKILL);
    // The only thread does this when it is done with that.
    let _ = container.caller().read(&file("uptime"));
    let log = daemon.place.log();
    assert!(log.contains("proc/meminfo"), "it has failed: {log}");
    let after = counts();
    assert_eq!((after.failures, after.deadlines, after.refused), (1, 1, 0));
    let status = said(&daemon);
    assert_eq!(of(&status, &cgroup).unwrap().errors, 1);
    drop(reader);
}

#[test]
fn a_daemon_without_a_keeper_says_that_all_its_threads_are_late() {
    if !can_count() {
        return;
    }
    let host = Place::new().start(&["--keep", "--keep-watchdog=0"]);
    let daemon = over_another(&host, &["--threads=1"]);
    let cgroup = Cgroup::new(&Limits::default());
    let container = Container::start(&cgroup);
    let meminfo = daemon.place.mount_point().join("proc/meminfo");
    let meminfo = format!("/proc/{}/root{}", daemon.pid(), meminfo.display());
    assert_eq!(said(&daemon).worker.unwrap().silent_for_ms, None);
    let of_host = Doomed(host.worker());
    stop(of_host.0);
    assert!(!container.caller().run(&["cat", &meminfo]).status.success());
    let silent = said(&daemon).worker.unwrap().silent_for_ms;
    assert!(silent.is_some(), "nobody answers any more");
    send(of_host.0, Signal::SIGCONT);
    wait_until("it is served again", || {
        said(&daemon).worker.unwrap().silent_for_ms.is_none()
    });
}

#[test]
fn a_container_that_moves_is_listed_once_where_it_is() {
    if !can_count() {
        return;
    }
    let daemon = Place::new().start(&["--keep"]);
    let cgroup = Cgroup::new(&Limits::default());
    let others: Vec<Cgroup> = (0..5).map(|_| Cgroup::new(&Limits::default())).collect();
    let container = Container::start(&cgroup);
    let meminfo = daemon.place.mount_point().join("proc/meminfo");
    for place in std::iter::once(&cgroup).chain(&others) {
        place.attach(container.init());
        let _ = container.caller().within(place).read(meminfo.to_str().unwrap());
        let status = said(&daemon);
        let listed = status.containers.iter().filter(|one| one.pid == Some(container.init()));
        assert_eq!(listed.count(), 1, "{status:?}");
        assert!(of(&status, place).is_some(), "{status:?}");
    }
    let counts = said(&daemon).counts;
    assert_eq!((counts.containers_met, counts.containers_gone), (6, 5));
}

#[test]
fn names_of_all_kinds_come_out_as_text() {
    if !can_count() {
        return;
    }
    let daemon = Place::new().start(&["--keep"]);
    let above = Cgroup::new(&Limits::default());
    let names: [&[u8]; 6] = [
        b"a space",
        b"a \"quote\" and '",
        b"back\\slash",
        b"no\xffutf8\xc3",
        "\u{e4}\u{2603}".as_bytes(),
        b"line\nbreak",
    ];
    for name in names {
        let dir = above.dir("memory").unwrap().join(OsStr::from_bytes(name));
        // The kernel allows no line breaks there.
        if let Err(error) = fs::create_dir(&dir) {
            assert!(name.contains(&b'\n'), "{}: {error}", dir.display());
            continue;
        }
        let read = Command::new("sh")
            .args(["-c", "echo 0 > \"$1/cgroup.procs\" && exec cat \"$0\""])
            .arg(daemon.place.mount_point().join("proc/uptime"))
            .arg(&dir)
            .output()
            .unwrap();
        assert!(read.status.success(), "{read:?}");
    }
    let status = said(&daemon);
    let below = format!("/{}/", above.path().display());
    let mut found: Vec<&str> = status
        .containers
        .iter()
        .filter_map(|one| one.cgroup.strip_prefix(&below))
        .collect();
    found.sort_unstable();
    assert_eq!(
        found,
        [
            "a \"quote\" and '",
            "a space",
            "back\\slash",
            "no\\xffutf8\\xc3",
            "\u{e4}\u{2603}"
        ]
    );
    // And all of it goes through JSON and back.
    let text = serde_json::to_string(&status).unwrap();
    assert!(!text.contains('\n'));
    assert_eq!(serde_json::from_str::<Status>(&text).unwrap(), status);
}

#[test]
fn a_thousand_containers_are_said_in_one_answer() {
    if !can_count() {
        return;
    }
    let count = std::env::var("LXCFS_TESTS_SLOWER").map_or(1000, |_| 100);
    let daemon = Place::new().start(&["--keep"]);
    let above = Cgroup::new(&Limits::default());
    // A shell of the host is in each of them in turn, which makes each a container.
    let script = format!(
        "set -e; for i in $(seq {count}); do
            mkdir \"$1/$i\"; echo 0 > \"$1/$i/cgroup.procs\"; read line < \"$0\"
         done; echo 0 > \"$1/cgroup.procs\""
    );
    let path = daemon.place.mount_point().join("proc/uptime");
    let dir = above.dir("memory").unwrap();
    let done = Command::new("sh").arg("-c").arg(script).arg(path).arg(dir).status();
    assert!(done.unwrap().success());
    let begin = Instant::now();
    let status = said(&daemon);
    let took = begin.elapsed();
    let below = format!("/{}/", above.path().display());
    let found: Vec<_> = status
        .containers
        .iter()
        .filter(|one| one.cgroup.starts_with(&below))
        .collect();
    assert_eq!(found.len(), count);
    assert!(found.iter().all(|one| one.all_reads() == 1 && one.pid.is_none()));
    let bytes = serde_json::to_vec(&status).unwrap().len();
    println!("{count} containers: {bytes} bytes, {took:?}");
}
