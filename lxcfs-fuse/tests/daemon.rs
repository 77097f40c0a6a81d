//! The daemon's life: it mounts, is told this and that, and ends. Needs root and /dev/fuse.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    unreachable_pub,
    reason = "this is test code"
)]

mod started;

use std::fs::{self, File};
use std::io::pipe;
use std::process::Stdio;

use lxcfs_testing::{Cgroup, Limits, Machine, machine_has, wait_until};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::signal::Signal;

use started::{Daemon, Place};

/// What the container of [`start_with_container`] has.
const MEM_TOTAL: &str = "MemTotal:          65536 kB";

fn can_mount() -> bool {
    machine_has(&[Machine::Root, Machine::Fuse])
}

fn start(arguments: &[&str]) -> Option<Daemon> {
    can_mount().then(|| Place::new().start(arguments))
}

/// A daemon and a container of 64 MiB and one CPU.
fn start_with_container(arguments: &[&str]) -> Option<(Daemon, Cgroup)> {
    machine_has(&[Machine::Root, Machine::Fuse, Machine::Cgroups]).then(|| {
        let limits = Limits::default().memory(64 << 20).cpu_percent(100);
        (Place::new().start(arguments), Cgroup::new(&limits))
    })
}

fn hosts_mem_total() -> String {
    let meminfo = fs::read_to_string("/proc/meminfo").unwrap();
    meminfo.lines().next().unwrap().to_owned()
}

impl Daemon {
    fn mem_total(&self, container: &Cgroup) -> String {
        let meminfo = self.read_in(container, "proc/meminfo");
        meminfo.lines().next().unwrap().to_owned()
    }

    fn online(&self, container: &Cgroup) -> String {
        self.read_in(container, "sys/devices/system/cpu/online")
            .trim()
            .to_owned()
    }

    /// Ends as it should, with nothing left behind.
    fn ends_well(&mut self) {
        let status = self.ended();
        let log = self.place.log();
        assert_eq!(status.code(), Some(0), "{status}: {log}");
        assert_eq!(self.place.mounted(), None, "{log}");
        assert!(!self.place.pid_file().exists(), "{log}");
    }
}

#[test]
fn it_is_mounted_under_the_name_that_tools_look_for_and_ready_is_said() {
    let Some(daemon) = start(&[]) else {
        return;
    };
    let (kind, source, options) = daemon.place.mounted().unwrap();
    assert_eq!((kind.as_str(), source.as_str()), ("fuse.lxcfs", "lxcfs"));
    let options: Vec<&str> = options.split(',').collect();
    for option in ["ro", "nosuid", "nodev", "allow_other"] {
        assert!(options.contains(&option), "{options:?}");
    }
    let pid_file = fs::read_to_string(daemon.place.pid_file()).unwrap();
    assert_eq!(pid_file, format!("{}\n", daemon.pid()));
    let names = |dir| {
        let entries = fs::read_dir(daemon.place.mount_point().join(dir)).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    assert_eq!(names(""), ["proc", "sys"]);
    assert!(names("proc").contains(&"meminfo".into()));
}

#[test]
fn pressure_triggers_need_a_mount_that_can_be_written() {
    let Some(daemon) = start(&["--enable-psi-poll"]) else {
        return;
    };
    let (_, _, options) = daemon.place.mounted().unwrap();
    assert!(!options.split(',').any(|option| option == "ro"), "{options}");
}

#[test]
fn it_unmounts_and_ends_well_when_it_is_told_to() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let Some(mut daemon) = start(&[]) else {
            return;
        };
        daemon.send(signal);
        daemon.told("STOPPING=1");
        daemon.ends_well();
    }
}

#[test]
fn it_ends_well_when_somebody_else_unmounts() {
    let Some(mut daemon) = start(&[]) else {
        return;
    };
    umount2(&daemon.place.mount_point(), MntFlags::empty()).unwrap();
    daemon.told("STOPPING=1");
    daemon.ends_well();
}

/// Else nobody would start it again.
#[test]
fn it_does_not_end_well_when_the_connection_is_aborted() {
    let Some(mut daemon) = start(&[]) else {
        return;
    };
    let device = nix::sys::stat::stat(&daemon.place.mount_point()).unwrap().st_dev;
    let connections = tempfile::tempdir().unwrap();
    mount(
        None::<&str>,
        connections.path(),
        Some("fusectl"),
        MsFlags::empty(),
        None::<&str>,
    )
    .unwrap();
    // Of an anonymous device the minor number is all there is.
    let abort = connections.path().join(device.to_string()).join("abort");
    let aborted = fs::write(abort, "1");
    umount2(connections.path(), MntFlags::empty()).unwrap();
    aborted.unwrap();
    let status = daemon.ended();
    assert_eq!(status.code(), Some(1), "{}", daemon.place.log());
    assert_eq!(daemon.place.mounted(), None);
    assert!(!daemon.place.pid_file().exists());
}

#[test]
fn a_second_signal_while_a_file_is_still_open_ends_it_too() {
    let Some(mut daemon) = start(&[]) else {
        return;
    };
    let open = File::open(daemon.place.mount_point().join("proc/uptime")).unwrap();
    daemon.send(Signal::SIGTERM);
    daemon.send(Signal::SIGTERM);
    let status = daemon.ended();
    assert!(status.code().is_some(), "{status}: {}", daemon.place.log());
    wait_until("it is unmounted", || daemon.place.mounted().is_none());
    assert!(!daemon.place.pid_file().exists());
    drop(open);
}

#[test]
fn usr2_shows_the_host_until_it_comes_again_whatever_is_reloaded() {
    let Some((mut daemon, container)) = start_with_container(&[]) else {
        return;
    };
    assert_eq!(daemon.mem_total(&container), MEM_TOTAL);
    daemon.send_and_wait(Signal::SIGUSR2);
    assert_eq!(daemon.mem_total(&container), hosts_mem_total());
    for reload in [Signal::SIGHUP, Signal::SIGUSR1] {
        daemon.send_and_wait(reload);
        assert_eq!(daemon.mem_total(&container), hosts_mem_total());
    }
    daemon.send_and_wait(Signal::SIGUSR2);
    assert_eq!(daemon.mem_total(&container), MEM_TOTAL);
    let log = daemon.place.log();
    assert!(
        log.contains("passing through") && log.contains("no longer passing through"),
        "{log}"
    );
    daemon.send(Signal::SIGTERM);
    daemon.ends_well();
}

#[test]
fn a_reload_reads_the_file_again_and_a_broken_file_changes_nothing() {
    let Some((daemon, container)) = start_with_container(&["--threads", "1"]) else {
        return;
    };
    let all = fs::read_to_string("/sys/devices/system/cpu/online").unwrap();
    let all = all.trim();
    assert_eq!(daemon.online(&container), "0");

    daemon.place.configure("cpu-view = \"host\"\n");
    daemon.send(Signal::SIGHUP);
    let reloading = daemon.told("RELOADING=1");
    assert!(reloading.contains("MONOTONIC_USEC="), "{reloading}");
    daemon.told("READY=1");
    assert_eq!(daemon.online(&container), all);

    daemon.place.configure("cpu-view = \"quota\"\nswp = true\n");
    daemon.send_and_wait(Signal::SIGHUP);
    assert_eq!(daemon.online(&container), all);
    let log = daemon.place.log();
    assert!(
        log.contains("ERROR") && log.contains("lxcfs.toml, line 2, `swp = true`"),
        "{log}"
    );

    daemon.place.configure("cpu-view = \"quota\"\n");
    daemon.send_and_wait(Signal::SIGUSR1);
    assert_eq!(daemon.online(&container), "0");
}

#[test]
fn a_reload_says_what_needs_a_restart() {
    let Some(daemon) = start(&["--log-level", "warn"]) else {
        return;
    };
    daemon.place.configure("threads = 7\npsi-poll = true\n");
    daemon.send_and_wait(Signal::SIGHUP);
    let log = daemon.place.log();
    assert!(log.contains("threads: another number needs a restart"), "{log}");
    assert!(log.contains("psi-poll: a change needs a restart"), "{log}");
}

#[test]
fn a_second_instance_fails_and_leaves_the_first_alone() {
    let Some(mut first) = start(&[]) else {
        return;
    };
    let other = Place::new();
    let pid_file = first.place.pid_file();
    let mut second = other.command(&["--pidfile", pid_file.to_str().unwrap()]);
    assert_eq!(second.status().unwrap().code(), Some(1));
    assert!(
        other.log().contains(&format!("held by process {}", first.pid())),
        "{}",
        other.log()
    );
    assert_eq!(other.mounted(), None);

    assert_eq!(fs::read_to_string(&pid_file).unwrap(), format!("{}\n", first.pid()));
    fs::read_to_string(first.place.mount_point().join("proc/uptime")).unwrap();
    first.send(Signal::SIGTERM);
    first.ends_well();
}

#[test]
fn a_log_that_nobody_reads_any_more_stops_nothing() {
    if !can_mount() {
        return;
    }
    let place = Place::new();
    let (reader, writer) = pipe().unwrap();
    let mut command = place.command(&[]);
    command.stderr(Stdio::from(writer));
    let mut daemon = place.start_as(command);
    drop(reader);
    daemon.send_and_wait(Signal::SIGUSR2);
    daemon.send_and_wait(Signal::SIGHUP);
    daemon.send(Signal::SIGTERM);
    daemon.ends_well();
}

#[test]
fn it_sleeps_when_nobody_reads() {
    let Some((daemon, container)) = start_with_container(&[]) else {
        return;
    };
    daemon.read_in(&container, "proc/meminfo");
    let switches = || {
        let tasks = fs::read_dir(format!("/proc/{}/task", daemon.pid())).unwrap();
        let statuses = tasks.map(|task| fs::read_to_string(task.unwrap().path().join("status")).unwrap());
        let voluntary = |status: String| {
            let line = status
                .lines()
                .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
            line.unwrap().trim().parse::<u64>().unwrap()
        };
        statuses.map(voluntary).sum::<u64>()
    };
    // After the read the watchdog looks around for a deadline at most. A container that ends wakes the housekeeper.
    let pause = std::time::Duration::from_secs(3);
    wait_until("nothing wakes it any more", || {
        let before = switches();
        std::thread::sleep(pause);
        switches() == before
    });
}

#[test]
fn it_may_open_as_many_files_as_its_hard_limit_allows() {
    let Some(daemon) = start(&[]) else {
        return;
    };
    let limits = fs::read_to_string(format!("/proc/{}/limits", daemon.pid())).unwrap();
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))
        .unwrap();
    let words: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(words[0], words[1], "{line}");
}
