//! A daemon without a keeper becomes the program on the disk itself.

use std::fs;

use nix::sys::signal::Signal;

use super::readers::Readers;
use super::started::{Daemon, Place};
use super::{break_the_program, copy_of_the_program, copy_program, program_of, spawn_of};

fn start(dir: &std::path::Path) -> Option<(Daemon, std::path::PathBuf)> {
    if !super::can_mount() {
        return None;
    }
    let place = Place::new();
    let program = copy_of_the_program(dir);
    let command = spawn_of(&place, &program, &[]);
    Some((place.start_as(command), program))
}

#[test]
fn usr1_makes_it_another_program_under_the_same_number() {
    let dir = tempfile::tempdir().unwrap();
    let Some((mut daemon, program)) = start(dir.path()) else {
        return;
    };
    let device = daemon.device();
    let readers = Readers::start(&daemon.place.mount_point());
    let pid = i32::try_from(daemon.pid()).unwrap();
    for _ in 0..5 {
        let new = dir.path().join("new");
        copy_program(&program, &new);
        fs::rename(&new, &program).unwrap();
        assert!(program_of(pid).ends_with(" (deleted)"));
        daemon.send_and_wait(Signal::SIGUSR1);
        assert_eq!(program_of(pid), program.to_str().unwrap());
        readers.read_on();
    }
    readers.all_was_well(&daemon.place.log());
    assert_eq!(daemon.device(), device);
    daemon.send(Signal::SIGTERM);
    daemon.ends_with(0);
    assert_eq!(daemon.place.mounted(), None);
    assert!(!daemon.place.pid_file().exists());
    assert!(!daemon.control().exists());
}

#[test]
fn a_broken_program_is_not_tried() {
    let dir = tempfile::tempdir().unwrap();
    let Some((daemon, program)) = start(dir.path()) else {
        return;
    };
    let readers = Readers::start(&daemon.place.mount_point());
    break_the_program(&program);
    daemon.send_and_wait(Signal::SIGUSR1);
    assert!(daemon.place.log().contains("broken build"), "{}", daemon.place.log());
    fs::remove_file(&program).unwrap();
    daemon.send_and_wait(Signal::SIGUSR1);
    readers.all_was_well(&daemon.place.log());
    // Nor is one that does not like our configuration.
    copy_program(env!("CARGO_BIN_EXE_lxcfs"), &program);
    daemon.place.configure("nonsense = 1\n");
    daemon.send_and_wait(Signal::SIGUSR1);
    assert!(daemon.is_served());
    assert!(daemon.place.log().contains("nonsense"), "{}", daemon.place.log());
}
