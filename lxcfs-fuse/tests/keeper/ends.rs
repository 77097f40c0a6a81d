//! How keeping ends.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use lxcfs_fuse::daemon::stop;
use nix::mount::{MntFlags, umount2};
use nix::sys::signal::Signal;

use super::started::{Daemon, Place};
use super::{runs, send, start};

fn nothing_is_left(daemon: &Daemon, worker: i32) {
    let log = daemon.place.log();
    assert_eq!(daemon.place.mounted(), None, "{log}");
    assert!(!daemon.place.pid_file().exists(), "{log}");
    assert!(!daemon.control().exists(), "{log}");
    assert!(!runs(worker), "{log}");
}

#[test]
fn a_keeper_that_is_told_to_end_unmounts_and_its_worker_ends_too() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let Some(mut daemon) = start(&["--keep"]) else {
            return;
        };
        let worker = daemon.worker();
        daemon.send(signal);
        daemon.told("STOPPING=1");
        daemon.ends_with(0);
        nothing_is_left(&daemon, worker);
    }
}

#[test]
fn an_unmount_by_somebody_else_is_a_good_end() {
    let Some(mut daemon) = start(&["--keep"]) else {
        return;
    };
    let worker = daemon.worker();
    umount2(&daemon.place.mount_point(), MntFlags::empty()).unwrap();
    daemon.ends_with(0);
    nothing_is_left(&daemon, worker);
}

#[test]
fn stop_and_unmount_are_asked_for_over_the_control_socket() {
    for (arguments, unmount) in [
        (&["--keep"][..], true),
        (&["--keep"], false),
        (&["--keep", "--linger"], true),
        (&[], true),
        (&[], false),
    ] {
        let Some(mut daemon) = start(arguments) else {
            return;
        };
        let mode = fs::metadata(daemon.control()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        stop(&daemon.place.pid_file(), unmount).unwrap();
        daemon.ends_with(0);
        assert_eq!(daemon.place.mounted(), None, "{arguments:?}");
        assert!(!daemon.control().exists(), "{arguments:?}");
    }
}

#[test]
fn who_asks_nobody_is_told_so() {
    let dir = tempfile::tempdir().unwrap();
    let said = stop(&dir.path().join("lxcfs.pid"), false).unwrap_err().to_string();
    assert!(
        said.contains("lxcfs.pid.sock") && said.contains("is a daemon running"),
        "{said}"
    );
}

#[test]
fn when_no_worker_can_serve_readers_get_an_error_and_the_keeper_ends() {
    if !super::can_mount() {
        return;
    }
    let place = Place::new();
    let command = place.command(&["--keep", "--keep-deadline=2"]);
    let mut daemon = place.start_as(command);
    // The worker's own program is fine; what it reads is not.
    daemon.place.configure("nonsense = 1\n");
    send(daemon.worker(), Signal::SIGKILL);
    let path = daemon.place.mount_point().join("proc/uptime");
    let read = std::thread::spawn(move || fs::read_to_string(path).map_err(|error| error.raw_os_error()));
    daemon.ends_with(1);
    let failed = read.join().unwrap();
    assert!(matches!(failed, Err(Some(_))), "{failed:?}");
    let log = daemon.place.log();
    assert!(log.contains("no worker has served for 2 s"), "{log}");
    assert_eq!(daemon.place.mounted(), None, "{log}");
    assert!(!daemon.place.pid_file().exists());
}

#[test]
fn a_keeper_that_lingers_serves_on_until_the_deadline() {
    let Some(mut daemon) = start(&["--keep", "--linger", "--keep-deadline=2"]) else {
        return;
    };
    daemon.send(Signal::SIGTERM);
    daemon.told("STOPPING=1");
    assert!(daemon.is_served());
    // A worker that dies meanwhile is followed.
    send(daemon.worker(), Signal::SIGKILL);
    assert!(daemon.is_served());
    daemon.ends_with(0);
    assert_eq!(daemon.place.mounted(), None);
    assert!(daemon.place.log().contains("nobody has taken over in time"));
}

#[test]
fn a_worker_without_a_keeper_says_where_it_belongs() {
    if !super::can_mount() {
        return;
    }
    let place = Place::new();
    let status = place.command(&["--worker"]).status().unwrap();
    assert_eq!(status.code(), Some(1));
    assert!(place.log().contains("--keep starts a keeper"), "{}", place.log());
    assert_eq!(place.mounted(), None);
}

#[test]
fn a_dead_mount_of_an_earlier_run_is_cleaned_and_a_mount_point_is_made() {
    let Some(mut daemon) = start(&[]) else {
        return;
    };
    daemon.send(Signal::SIGKILL);
    daemon.ended();
    let place = std::sync::Arc::clone(&daemon.place);
    let dead = fs::read_dir(place.mount_point()).unwrap_err();
    assert_eq!(dead.raw_os_error(), Some(nix::libc::ENOTCONN));
    let mut next = std::sync::Arc::clone(&place).start_another(place.command(&["--keep"]));
    assert!(next.is_served());
    next.send(Signal::SIGTERM);
    next.ends_with(0);
    fs::remove_dir(place.mount_point()).unwrap();
    let again = std::sync::Arc::clone(&place).start_another(place.command(&["--keep"]));
    assert!(again.is_served());
}

#[test]
fn a_keeper_that_nobody_can_find_leaves_no_dead_mount() {
    if !super::can_mount() {
        return;
    }
    for arguments in [&["--keep"][..], &[]] {
        let place = Place::new();
        // No socket can be made there.
        let mut in_the_way = place.pid_file().into_os_string();
        in_the_way.push(".sock");
        fs::create_dir(&in_the_way).unwrap();
        assert_eq!(place.command(arguments).status().unwrap().code(), Some(1));
        assert!(place.log().contains("control socket"), "{}", place.log());
        assert_eq!(place.mounted(), None, "{arguments:?}: {}", place.log());
        assert!(!place.pid_file().exists());
    }
}

#[test]
fn check_looks_and_does_nothing() {
    let place = Place::new();
    assert_eq!(place.command(&["--check"]).status().unwrap().code(), Some(0));
    assert_eq!(place.mounted(), None);
    assert!(!place.pid_file().exists());
    place.configure("nonsense = 1\n");
    assert_eq!(place.command(&["--check"]).status().unwrap().code(), Some(1));
    assert!(place.log().contains("nonsense"), "{}", place.log());
}

#[test]
fn without_a_service_manager_it_cannot_keep_anything() {
    let place = Place::new();
    let mut command = place.command(&["--keep=systemd"]);
    command.env_remove("NOTIFY_SOCKET");
    assert_eq!(command.status().unwrap().code(), Some(1));
    assert!(
        place.log().contains("--keep=systemd needs a service manager"),
        "{}",
        place.log()
    );
}
