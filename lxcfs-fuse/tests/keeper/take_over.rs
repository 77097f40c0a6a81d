//! One daemon after another, with the same mount.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use lxcfs_testing::wait_until;
use nix::sys::signal::Signal;
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, UnixAddr, connect, recv, send, socket};
use std::os::fd::AsRawFd as _;

use super::readers::Readers;
use super::start;
use super::started::Daemon;

fn follow(first: &Daemon, arguments: &[&str]) -> Daemon {
    let place = Arc::clone(&first.place);
    let command: Command = place.command(arguments);
    place.start_another(command)
}

#[test]
fn a_successor_takes_over_under_load_and_the_first_ends_well() {
    for (of_first, of_second) in [
        (&["--keep"][..], &["--keep", "--take-over"][..]),
        (&[], &["--take-over"]),
        (&[], &["--keep", "--take-over"]),
        (&["--keep"], &["--take-over"]),
    ] {
        let Some(mut first) = start(of_first) else {
            return;
        };
        let device = first.device();
        let readers = Readers::start(&first.place.mount_point());
        let second = follow(&first, of_second);
        first.ends_with(0);
        assert_eq!(second.device(), device);
        let pid_file = std::fs::read_to_string(second.place.pid_file()).unwrap();
        assert_eq!(pid_file, format!("{}\n", second.pid()));
        readers.all_was_well(&second.place.log());
    }
}

#[test]
fn without_the_word_a_daemon_that_runs_is_left_alone() {
    let Some(first) = start(&["--keep"]) else {
        return;
    };
    let status = first.place.command(&["--keep"]).status().unwrap();
    assert_eq!(status.code(), Some(1));
    let log = first.place.log();
    assert!(log.contains("held by process") && log.contains("--take-over"), "{log}");
    assert!(first.is_served());
}

#[test]
fn with_nobody_to_take_over_from_it_mounts() {
    let Some(mut daemon) = start(&["--keep", "--take-over"]) else {
        return;
    };
    assert!(daemon.is_served());
    daemon.send(Signal::SIGTERM);
    daemon.ends_with(0);
}

#[test]
fn who_takes_over_shows_what_was_shown() {
    let Some(mut first) = start(&["--keep"]) else {
        return;
    };
    first.send_and_wait(Signal::SIGUSR2);
    let second = follow(&first, &["--take-over"]);
    first.ends_with(0);
    let log = second.place.log();
    assert!(
        log.rsplit("role=\"daemon\"")
            .next()
            .unwrap()
            .contains("passthrough=true"),
        "{log}"
    );
}

#[test]
fn one_that_lingers_waits_to_be_told_to_end_after_it_was_followed() {
    let Some(mut first) = start(&["--keep", "--linger"]) else {
        return;
    };
    let second = follow(&first, &["--keep", "--linger", "--take-over"]);
    wait_until("the first waits", || {
        first.place.log().contains("waiting to be told to end")
    });
    assert!(first.workers().is_empty());
    first.send(Signal::SIGTERM);
    first.ends_with(0);
    assert!(second.is_served());
}

#[test]
fn one_that_lingers_and_was_told_to_end_serves_until_it_is_followed_and_then_ends() {
    let Some(mut first) = start(&["--keep", "--linger"]) else {
        return;
    };
    first.send(Signal::SIGTERM);
    wait_until("the first has heard it", || {
        first.place.log().contains("serving on until somebody takes over")
    });
    assert!(first.is_served());
    let second = follow(&first, &["--keep", "--linger", "--take-over"]);
    first.ends_with(0);
    assert!(second.is_served());
}

/// Somebody who speaks the protocol as far as it goes.
pub struct Taker(OwnedFd);

const TAKE_OVER: u16 = 1;
const PREPARED: u16 = 5;
const STOPPED: u16 = 6;
const REFUSED: u16 = 8;
const ABLE: u16 = 18;

impl Taker {
    pub fn connect(path: &Path) -> Self {
        let socket = socket(AddressFamily::Unix, SockType::SeqPacket, SockFlag::SOCK_CLOEXEC, None).unwrap();
        connect(socket.as_raw_fd(), &UnixAddr::new(path).unwrap()).unwrap();
        Self(socket)
    }

    pub fn say(&self, version: u16, word: u16) {
        let mut message = [0; 8];
        message[..2].copy_from_slice(&version.to_ne_bytes());
        message[2..4].copy_from_slice(&word.to_ne_bytes());
        send(self.0.as_raw_fd(), &message, MsgFlags::empty()).unwrap();
    }

    pub fn hear(&self) -> io::Result<u16> {
        let mut message = [0; 8];
        let length = recv(self.0.as_raw_fd(), &mut message, MsgFlags::empty())?;
        if length == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(u16::from_ne_bytes([message[2], message[3]]))
    }
}

#[test]
fn one_that_dies_half_way_changes_nothing() {
    for arguments in [&["--keep"][..], &[]] {
        let Some(daemon) = start(arguments) else {
            return;
        };
        let readers = Readers::start(&daemon.place.mount_point());
        // Before it is able to serve, and after.
        for words in [&[TAKE_OVER][..], &[TAKE_OVER, ABLE]] {
            let taker = Taker::connect(&daemon.control());
            for word in words {
                taker.say(1, *word);
                let answer = taker.hear().unwrap();
                assert_eq!(answer, if *word == TAKE_OVER { PREPARED } else { STOPPED });
            }
            drop(taker);
            readers.read_on();
        }
        assert!(daemon.is_served());
        readers.all_was_well(&daemon.place.log());
        if !arguments.is_empty() {
            daemon.worker();
        }
    }
}

#[test]
fn two_do_not_take_over_at_once_and_another_version_is_refused() {
    let Some(daemon) = start(&["--keep"]) else {
        return;
    };
    let first = Taker::connect(&daemon.control());
    first.say(1, TAKE_OVER);
    assert_eq!(first.hear().unwrap(), PREPARED);
    let second = Taker::connect(&daemon.control());
    second.say(1, TAKE_OVER);
    assert_eq!(second.hear().unwrap(), REFUSED);
    let other = Taker::connect(&daemon.control());
    other.say(99, TAKE_OVER);
    assert_eq!(other.hear().unwrap(), REFUSED);
    assert!(other.hear().is_err(), "it hangs up");
    drop(first);
    let third = Taker::connect(&daemon.control());
    wait_until("it is free again", || {
        third.say(1, TAKE_OVER);
        third.hear().unwrap() == PREPARED
    });
    assert!(daemon.is_served());
}

#[test]
fn one_that_had_to_go_for_others_does_not_keep_others_from_taking_over() {
    for arguments in [&["--keep"][..], &[]] {
        let Some(mut daemon) = start(arguments) else {
            return;
        };
        let first = Taker::connect(&daemon.control());
        first.say(1, TAKE_OVER);
        assert_eq!(first.hear().unwrap(), PREPARED);
        // Those who say nothing, or want something else, have to go before it.
        let silent: Vec<Taker> = (0..8).map(|_| Taker::connect(&daemon.control())).collect();
        let third = Taker::connect(&daemon.control());
        third.say(1, TAKE_OVER);
        assert_eq!(third.hear().unwrap(), REFUSED, "the first is still there");
        drop((silent, third));
        // So many want the same that there is no place for it any more.
        let wishing = || {
            let other = Taker::connect(&daemon.control());
            other.say(1, TAKE_OVER);
            other.hear().unwrap();
            other
        };
        let others: Vec<Taker> = (0..4).map(|_| wishing()).collect();
        assert!(first.hear().is_err(), "it had to go");
        drop(others);
        let second = follow(&daemon, &["--take-over"]);
        daemon.ends_with(0);
        assert!(second.is_served());
    }
}
