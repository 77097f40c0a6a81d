//! Somebody else's keeper: a program that has the library mount, and starts itself again to serve, at once whatever has
//! happened. Its workers can be killed at any age.

use std::fs::{self, File};
use std::os::fd::{FromRawFd as _, OwnedFd};
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::channel;
use std::thread::sleep;
use std::time::Duration;

use lxcfs_fuse::{Kept, MountOptions, Resume, Settings, begin, serve};
use lxcfs_testing::storm::Size;
use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::prctl;
use nix::sys::signal::Signal;

use crate::killed::killed_at_once;
use crate::numbers::{number, size};
use crate::rig;
use crate::storm::{Program, a_while, can_be, storm_over};

#[test]
fn workers_that_are_killed_young_are_missed_by_no_reader() {
    killed_young("kill -9 of the young", Resume::Auto);
}

#[test]
fn workers_that_are_killed_young_are_missed_by_no_reader_of_a_kernel_that_sends_nothing_again() {
    killed_young("kill -9 of the young, no resend", Resume::Slots);
}

fn killed_young(name: &str, resume: Resume) {
    if !can_be() {
        return;
    }
    let kills = number("YOUNG_KILLS", 40);
    let program = Program::none();
    write_program(&program.path(), resume);
    storm_over(program, name, &[], &size(), |storm| {
        let killed = |number| {
            sleep(a_while(Duration::from_millis(40)));
            killed_at_once(storm, number)
        };
        (0..kills).map(killed).collect()
    });
}

#[test]
fn an_open_files_text_stays_although_the_request_for_its_beginning_lies_in_a_slot_still() {
    if !can_be() {
        return;
    }
    let program = Program::none();
    write_program(&program.path(), Resume::Slots);
    let size = Size {
        containers: 0,
        ..size()
    };
    storm_over(program, "kill -9 of who has nothing in hand", &[], &size, |storm| {
        let path = storm.kept.file("proc/uptime");
        let killed = |_| {
            // More than there are threads: which of them keeps which request is up to chance.
            let files: Vec<_> = (0..8)
                .map(|_| {
                    let file = File::open(&path).unwrap();
                    let _ = pread(&file, 0, 4);
                    let rest = pread(&file, 4, 100);
                    (file, rest)
                })
                .collect();
            let outage = storm.replaced_by(|worker| assert!(worker.signal(Signal::SIGKILL)));
            for (file, rest) in files {
                assert_eq!(pread(&file, 4, 100), rest);
            }
            outage
        };
        (0..number("IDLE_KILLS", 10)).map(killed).collect()
    });
}

fn pread(file: &File, offset: u64, size: usize) -> String {
    let mut room = vec![0; size];
    let length = file.read_at(&mut room, offset).unwrap();
    room.truncate(length);
    String::from_utf8(room).unwrap()
}

/// Writes a program that is called as the daemon is: `-f -p PIDFILE --keep … MOUNTPOINT`.
fn write_program(path: &Path, resume: Resume) {
    let test = std::env::current_exe().unwrap();
    let script = format!(
        "#!/bin/sh\nfor last; do :; done\n\
         export LXCFS_TESTING_ACT=\"$(printf 'keep\\037%s\\037{resume:?}' \"$last\")\"\n\
         exec '{}' act --exact --nocapture --test-threads=1\n",
        test.display()
    );
    fs::write(path, script).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// The act of the keeper.
pub(crate) fn keep(arguments: &[&str]) {
    let kept = begin(&options(arguments)).unwrap();
    let numbers = kept.descriptors().map(|(name, descriptor)| {
        let number = fcntl(descriptor, FcntlArg::F_DUPFD(3)).unwrap();
        format!("{name}={number}")
    });
    let told: Vec<&str> = ["work"]
        .into_iter()
        .chain(arguments.iter().copied())
        .chain(numbers.iter().map(String::as_str))
        .collect();
    loop {
        let status = Command::new(std::env::current_exe().unwrap())
            // The last is what workers are known by; it skips nothing.
            .args(["act", "--exact", "--nocapture", "--test-threads=1", "--skip=--worker"])
            .env("LXCFS_TESTING_ACT", told.join("\u{1f}"))
            .status()
            .unwrap();
        println!("a worker has ended: {status}");
    }
}

/// The act of the worker.
pub(crate) fn work(arguments: &[&str]) {
    prctl::set_pdeathsig(Signal::SIGKILL).unwrap();
    let named = arguments.iter().filter_map(|argument| argument.split_once('='));
    let named = named.map(|(name, number)| {
        #[expect(unsafe_code, reason = "whose descriptor it is can only be said")]
        // SAFETY: our keeper has left it open for us, and nothing else here knows its number.
        let descriptor = unsafe { OwnedFd::from_raw_fd(number.parse().unwrap()) };
        (name.to_owned(), descriptor)
    });
    let kept = Kept::from_descriptors(named.collect()).unwrap();
    let (sender, receiver) = channel();
    let deadline = rig::deadline().unwrap_or(Settings::DEADLINE);
    let settings = Settings {
        deadline,
        ..Settings::default()
    };
    let ended = move |end| sender.send(end).unwrap();
    let _mounted = serve(kept, &options(arguments), settings, ended).unwrap();
    println!("requests have ended: {:?}", receiver.recv());
}

fn options(arguments: &[&str]) -> MountOptions {
    let [mountpoint, resume, ..] = arguments else {
        panic!("{arguments:?}")
    };
    let resume = if *resume == "Slots" {
        Resume::Slots
    } else {
        Resume::Auto
    };
    MountOptions {
        resume,
        ..MountOptions::new(*mountpoint)
    }
}
