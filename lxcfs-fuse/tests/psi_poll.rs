//! Processes of containers that wait for pressure.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "this is test code"
)]

mod rig;

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use lxcfs_testing::{Cgroup, Container, Daemon, Limits, act_if_told, wait_until};
use nix::libc;
use rig::mounted_with;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// A trigger that everybody may set, with the zero that most programs write with it.
const TRIGGER: &[u8] = b"some 50000 2000000\0";
const WINDOW: Duration = Duration::from_secs(2);
/// Far more than the kernel takes, in an emulated machine too.
const LONG: Duration = Duration::from_secs(100);

#[test]
fn act() {
    act_if_told(&[
        ("wait and work", |paths| wait_and_work(paths[0])),
        ("wait", |paths| wait(paths[0])),
        ("wait for ever", |paths| {
            let mut file = open(paths[0]).unwrap();
            file.write_all(b"full 2000000 2000000").unwrap();
            polled(&file, PollFlags::PRI, LONG);
        }),
        ("set and close", |paths| {
            // Those that were set before are still to be closed, which takes the kernel longer than all of this.
            let set = set_and_close(paths, &[libc::ENOSPC]);
            assert!(set >= 32, "{set}");
        }),
        ("set too late and close", |paths| {
            set_and_close(paths, &[libc::ENOSPC, libc::EIO]);
        }),
        ("set", |arguments| {
            let result = open(arguments[0]).and_then(|mut file| file.write(arguments[1].as_bytes()));
            println!(
                "result {}",
                result.map_or_else(|error| -error.raw_os_error().unwrap(), |_| 0)
            );
        }),
        ("poll", |paths| {
            println!(
                "result {:?}",
                polled(&File::open(paths[0]).unwrap(), PollFlags::IN | PollFlags::PRI, LONG)
            );
        }),
    ]);
}

/// Calls that with a container, if the kernel tells of its pressure or if it does not.
fn with_container(kernel_tells: bool, test: impl FnOnce(&Daemon, &Container<'_>)) {
    // An emulated machine on a busy host is slow.
    with_deadline("100000", kernel_tells, test);
}

fn with_deadline(millis: &str, kernel_tells: bool, test: impl FnOnce(&Daemon, &Container<'_>)) {
    let Some(daemon) = mounted_with(&["--enable-psi-poll", "--deadline", millis]) else {
        return;
    };
    let cgroup = Cgroup::new(&limits());
    let tells = |dir: &Path| dir.join("cpu.pressure").exists();
    let needs = match cgroup.dir("unified").is_some_and(tells) {
        _ if !Path::new("/proc/pressure").exists() => "a kernel with PSI",
        false if kernel_tells => "cgroup v2",
        true if !kernel_tells => "to be without cgroup v2",
        _ => return test(&daemon, &Container::start(&cgroup)),
    };
    let thread = std::thread::current();
    // Not `eprintln!`: the test harness would keep that to itself.
    let _ = writeln!(
        io::stderr(),
        "SKIPPED {}: needs {needs}",
        thread.name().unwrap_or_default()
    );
}

fn limits() -> Limits {
    Limits::default().memory(256 << 20).cpu_percent(50)
}

fn open(path: &str) -> io::Result<File> {
    File::options().read(true).write(true).open(path)
}

/// What poll(2) says within that time.
fn polled(file: &File, events: PollFlags, patience: Duration) -> PollFlags {
    let mut fds = [PollFd::new(file, events)];
    let patience = Timespec::try_from(patience).unwrap();
    poll(&mut fds, Some(&patience)).unwrap();
    fds[0].revents()
}

/// Processes that use as much CPU time as they get.
struct Busy(Vec<Child>);

impl Busy {
    fn start() -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", "while :; do :; done"]).stdin(Stdio::null());
        Self((0..4).map(|_| command.spawn().unwrap()).collect())
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        for child in &mut self.0 {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}

#[test]
fn who_waits_is_told_of_the_pressure_of_its_own_container() {
    with_container(true, |daemon, container| {
        let other_cgroup = Cgroup::new(&limits());
        let other = Container::start(&other_cgroup);
        let path = daemon.file("proc/pressure/cpu");
        let waiting = other.caller().act("wait", &[&path]);
        let busy = container.caller().act("wait and work", &[&path]);
        let _ = busy.finish().well();
        let _ = waiting.finish().well();
    });
}

fn wait_and_work(path: &str) {
    let mut file = open(path).unwrap();
    assert_eq!(
        polled(&file, PollFlags::PRI, LONG),
        PollFlags::PRI | PollFlags::ERR,
        "there is nothing to wait for"
    );
    assert_eq!(file.write(TRIGGER).unwrap(), TRIGGER.len());
    let again = file.write(TRIGGER).unwrap_err();
    assert_eq!(again.raw_os_error(), Some(libc::EBUSY));
    assert_eq!(file.metadata().unwrap().len(), 4096);

    let _busy = Busy::start();
    assert_eq!(polled(&file, PollFlags::PRI, LONG), PollFlags::PRI);
    assert_eq!(polled(&file, PollFlags::IN, LONG), PollFlags::IN);
    assert_eq!(polled(&file, PollFlags::PRI, LONG), PollFlags::PRI, "and again");

    let epoll = epoll::create(CreateFlags::CLOEXEC).unwrap();
    epoll::add(&epoll, &file, EventData::new_u64(1), EventFlags::PRI | EventFlags::ET).unwrap();
    let mut events = Vec::with_capacity(1);
    for _ in 0..2 {
        let patience = Timespec::try_from(LONG).unwrap();
        events.clear();
        epoll::wait(&epoll, rustix::buffer::spare_capacity(&mut events), Some(&patience)).unwrap();
        let flags = events.first().map(|event| event.flags);
        assert_eq!(flags, Some(EventFlags::PRI));
    }
}

fn wait(path: &str) {
    let mut file = open(path).unwrap();
    // Half of all time is more than these processes stall that only start.
    file.write_all(b"some 1000000 2000000").unwrap();
    assert_eq!(polled(&file, PollFlags::PRI, WINDOW * 4), PollFlags::empty());
}

#[test]
fn while_nothing_happens_the_daemon_sleeps() {
    with_container(true, |daemon, container| {
        let waiting = container
            .caller()
            .act("wait for ever", &[&daemon.file("proc/pressure/memory")]);
        wait_until("it waits", || wakes(daemon).is_some());
        std::thread::sleep(WINDOW / 2);
        let before = wakes(daemon);
        std::thread::sleep(WINDOW * 2);
        assert_eq!(wakes(daemon), before);
        waiting.kill();
    });
}

/// How often the thread that waits for the kernel has gone to sleep, if there is one.
fn wakes(daemon: &Daemon) -> Option<String> {
    fs::read_dir(format!("/proc/{}/task", daemon.pid()))
        .unwrap()
        .find_map(|task| {
            let status = fs::read_to_string(task.unwrap().path().join("status")).ok()?;
            let rest = status.strip_prefix("Name:\tpsi-triggers\n")?;
            Some(rest.split_once("\nvoluntary_ctxt_switches:")?.1.to_owned())
        })
}

#[test]
fn files_that_are_closed_without_a_poll_are_closed() {
    with_container(true, |daemon, container| {
        let paths = ["cpu", "io", "memory"].map(|kind| daemon.file(&format!("proc/pressure/{kind}")));
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        let _ = container.caller().act("set and close", &paths).finish().well();
        wait_until_no_trigger_is_left(daemon);
        assert!(!container.caller().read(paths[0]).is_empty());
    });
}

fn wait_until_no_trigger_is_left(daemon: &Daemon) {
    wait_until("the triggers are gone", || {
        let mut files = daemon.descriptors();
        files.retain(|file| file.extension().is_some_and(|end| end == "pressure"));
        // What has been read stays open, once.
        let all = files.len();
        files.sort();
        files.dedup();
        files.len() == all
    });
}

fn set_and_close(paths: &[&str], errors: &[i32]) -> u32 {
    let mut set = 0;
    for path in paths.iter().cycle().take(1000) {
        let mut file = open(path).unwrap();
        match file.write_all(TRIGGER) {
            Ok(()) => set += 1,
            Err(error) => assert!(errors.contains(&error.raw_os_error().unwrap()), "{error}"),
        }
        if set % 10 == 0 {
            polled(&file, PollFlags::PRI, Duration::ZERO);
        }
    }
    set
}

#[test]
fn a_trigger_that_is_set_too_late_is_none() {
    with_deadline("1", true, |daemon, container| {
        let path = daemon.file("proc/pressure/memory");
        let _ = container
            .caller()
            .act("set too late and close", &[&path])
            .finish()
            .well();
        wait_until_no_trigger_is_left(daemon);
    });
}

/// What came of it when a process of a container has set a trigger.
fn set(container: &Container<'_>, path: &str, text: &str) -> i32 {
    let said = container.caller().act("set", &[path, text]).finish().well().text();
    result(&said).parse().unwrap()
}

fn result(said: &str) -> &str {
    let line = said.lines().find_map(|line| Some(line.split_once("result ")?.1));
    line.unwrap_or_else(|| panic!("{said}"))
}

#[test]
fn the_root_of_an_unprivileged_container_has_windows_of_multiples_of_two_seconds() {
    with_container(true, |daemon, container| {
        let path = daemon.file("proc/pressure/memory");
        let unprivileged = Container::start_unprivileged(container.cgroup());
        assert_eq!(set(&unprivileged, &path, "some 50000 2000000\n"), 0);
        assert_eq!(set(&unprivileged, &path, "some 50000 1000000\n"), -libc::EINVAL);
        assert_eq!(set(container, &path, "some 50000 2000000"), 0);
        assert_eq!(set(container, &path, "any"), -libc::EINVAL);
    });
}

#[test]
fn what_cannot_be_told_cannot_be_waited_for() {
    with_container(false, |daemon, container| {
        let path = daemon.file("proc/pressure/cpu");
        assert_eq!(set(container, &path, "some 50000 2000000"), -libc::EOPNOTSUPP);
    });
}

#[test]
fn a_shell_can_write_to_it_and_other_files_are_read_only() {
    with_container(true, |daemon, container| {
        let shell = |file: &str| {
            let text = format!("echo some 50000 2000000 > {}", daemon.file(file));
            container.caller().run(&["sh", "-c", &text]).status.success()
        };
        assert!(shell("proc/pressure/io"));
        assert!(!shell("proc/meminfo"));
        let said = container.caller().act("poll", &[&daemon.file("proc/meminfo")]).finish();
        assert_eq!(result(&said.well().text()), format!("{:?}", PollFlags::IN));
    });
}

#[test]
fn without_the_option_files_are_read_only_and_always_ready() {
    let Some(daemon) = mounted_with(&[]) else { return };
    let cgroup = Cgroup::new(&limits());
    let container = Container::start(&cgroup);
    // A kernel without PSI has no such files; a poll is the same for all.
    for name in ["proc/pressure/cpu", "proc/meminfo"] {
        let path = daemon.file(name);
        if !fs::exists(&path).unwrap() {
            continue;
        }
        assert_eq!(set(&container, &path, "some 50000 2000000"), -libc::EROFS);
        let said = container.caller().act("poll", &[&path]).finish().well().text();
        assert_eq!(result(&said), format!("{:?}", PollFlags::IN));
    }
}
