//! A worker whose keeper has died.

use std::sync::Arc;

use lxcfs_fuse::daemon::stop;
use lxcfs_testing::wait_until;
use nix::sys::signal::Signal;

use super::readers::Readers;
use super::started::Daemon;
use super::{Doomed, program_of, runs, send, start};

/// A worker that was left alone, and the daemon whose keeper it was.
fn orphan() -> Option<(Daemon, Doomed)> {
    let mut daemon = start(&["--keep"])?;
    let orphan = Doomed(daemon.worker());
    daemon.send(Signal::SIGKILL);
    daemon.ended();
    Some((daemon, orphan))
}

#[test]
fn it_serves_on_and_the_next_start_takes_over_from_it() {
    let Some((first, orphan)) = orphan() else {
        return;
    };
    let place = Arc::clone(&first.place);
    let device = first.device();
    let readers = Readers::start(&place.mount_point());
    let mut orphans = vec![orphan];
    for arguments in [&["--keep"][..], &["--keep", "--take-over"]] {
        let mut next = Arc::clone(&place).start_another(place.command(arguments));
        assert_eq!(next.device(), device, "{}", place.log());
        readers.read_on();
        wait_until("the orphan has gone", || !runs(orphans.last().unwrap().0));
        orphans.push(Doomed(next.worker()));
        next.send(Signal::SIGKILL);
        next.ended();
        readers.read_on();
    }
    readers.all_was_well(&place.log());
    let last = Arc::clone(&place).start_another(place.command(&["--keep"]));
    assert_eq!(last.device(), device);
}

#[test]
fn one_that_was_only_just_started_serves_too_and_can_be_found() {
    for _ in 0..3 {
        let Some(mut daemon) = start(&["--keep"]) else {
            return;
        };
        let first = daemon.worker();
        send(first, Signal::SIGKILL);
        let second = Doomed(daemon.worker_after(Some(first)));
        // It may not have looked into its mail yet.
        super::stop(second.0);
        daemon.send(Signal::SIGKILL);
        daemon.ended();
        send(second.0, Signal::SIGCONT);
        assert!(daemon.is_served(), "{}", daemon.place.log());
        stop(&daemon.place.pid_file(), true).unwrap();
        wait_until("the orphan has gone", || !runs(second.0));
        assert_eq!(daemon.place.mounted(), None, "{}", daemon.place.log());
    }
}

#[test]
fn it_is_told_to_unmount_over_the_control_socket() {
    let Some((first, orphan)) = orphan() else {
        return;
    };
    stop(&first.place.pid_file(), true).unwrap();
    wait_until("the orphan has gone", || !runs(orphan.0));
    assert_eq!(first.place.mounted(), None, "{}", first.place.log());
    assert!(!first.control().exists());
}

#[test]
fn it_becomes_no_other_program_and_told_by_a_signal_to_end_it_leaves_the_mount_to_the_next_start() {
    let Some((first, orphan)) = orphan() else {
        return;
    };
    let place = Arc::clone(&first.place);
    let program = program_of(orphan.0);
    send(orphan.0, Signal::SIGUSR1);
    wait_until("it says that it stays", || place.log().contains("stays what it is"));
    assert!(first.is_served());
    assert_eq!(program_of(orphan.0), program);
    send(orphan.0, Signal::SIGTERM);
    wait_until("the orphan has gone", || !runs(orphan.0));
    assert!(place.mounted().is_some());
    assert!(!first.is_served());
    let next = Arc::clone(&place).start_another(place.command(&["--keep"]));
    assert!(next.is_served(), "{}", place.log());
    // There was nothing below it any more.
    stop(&place.pid_file(), true).unwrap();
    assert_eq!(place.mounted(), None, "{}", place.log());
}

#[test]
fn it_does_not_unmount_what_is_not_its_own() {
    let Some((first, orphan)) = orphan() else {
        return;
    };
    let place = Arc::clone(&first.place);
    // Another daemon, which does not know of it, mounts over it.
    let run = tempfile::tempdir().unwrap();
    let pid_file = run.path().join("other.pid");
    let before = first.device();
    let other = Arc::clone(&place).start_another(place.command(&["--pidfile", pid_file.to_str().unwrap()]));
    let device = other.device();
    assert_ne!(device, before, "{}", place.log());
    send(orphan.0, Signal::SIGTERM);
    wait_until("the orphan has gone", || !runs(orphan.0));
    assert_eq!(other.device(), device, "{}", place.log());
    assert!(other.is_served());
    drop(other);
    // Its own mount is below.
    let _ = nix::mount::umount2(&place.mount_point(), nix::mount::MntFlags::MNT_DETACH);
}
