//! Those who ask what they may not, or ask too much.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::thread;

use lxcfs_fuse::daemon::{AskError, status};
use lxcfs_fuse::status::WorkerState;
use lxcfs_testing::wait_until;
use nix::sys::signal::Signal;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, accept, bind, listen, socket_with};

use super::says::said;
use super::take_over::Taker;
use super::{send, start};

const STATUS: u16 = 20;
const SAID: u16 = 21;

#[test]
fn another_user_is_told_nothing() {
    let Some(daemon) = start(&["--keep"]) else {
        return;
    };
    // As if modes did not count, as on some file systems.
    let control = daemon.control();
    let above: Vec<PathBuf> = control.ancestors().skip(1).take(2).map(PathBuf::from).collect();
    for dir in &above {
        fs::set_permissions(dir, Permissions::from_mode(0o755)).unwrap();
    }
    fs::set_permissions(&control, Permissions::from_mode(0o666)).unwrap();
    let pid_file = daemon.place.pid_file();
    let told = thread::spawn(move || {
        let nobody = rustix::process::Uid::from_raw(65534);
        // Of this thread only.
        rustix::thread::set_thread_res_uid(Some(nobody), Some(nobody), Some(nobody)).unwrap();
        status(&pid_file)
    });
    let told = told.join().unwrap();
    assert!(matches!(told, Err(AskError::Broken { .. })), "{told:?}");
    assert!(status(&daemon.place.pid_file()).is_ok());
}

#[test]
fn who_never_listens_and_who_asks_without_end_do_not_disturb() {
    for arguments in [&["--keep"][..], &[]] {
        let Some(mut daemon) = start(arguments) else {
            return;
        };
        let control = daemon.control();
        let silent: Vec<Taker> = (0..3).map(|_| Taker::connect(&control)).collect();
        let deaf = (0..20).map(|_| {
            let one = Taker::connect(&control);
            one.say(1, STATUS);
            one
        });
        let deaf: Vec<Taker> = deaf.collect();
        let (end, asked) = (AtomicBool::new(false), AtomicU64::new(0));
        let second = thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while !end.load(Ordering::Relaxed) {
                        // It may be busy, or just have been followed by another one.
                        if status(&daemon.place.pid_file()).is_ok() {
                            asked.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                });
            }
            let _stop = End(&end);
            let is_asked = || {
                let before = asked.load(Ordering::Relaxed);
                wait_until("it is asked", || asked.load(Ordering::Relaxed) > before + 50);
            };
            is_asked();
            if !arguments.is_empty() {
                // The keeper does what a keeper does.
                let first = daemon.worker();
                send(first, Signal::SIGKILL);
                let next = daemon.worker_after(Some(first));
                // One that does not serve yet is not replaced.
                wait_until("it serves", || {
                    said(&daemon)
                        .worker
                        .is_some_and(|worker| worker.state == WorkerState::Serves)
                });
                daemon.send_and_wait(Signal::SIGUSR1);
                daemon.worker_after(Some(next));
            }
            is_asked();
            assert!(daemon.is_served());
            let place = Arc::clone(&daemon.place);
            let second = Arc::clone(&place).start_another(place.command(&["--take-over"]));
            is_asked();
            second
        });
        daemon.ends_with(0);
        // The one that has taken over makes its socket a moment after the other's is gone.
        wait_until("the second one is asked", || {
            status(&second.place.pid_file()).is_ok_and(|status| status.workers_started >= 2)
        });
        drop((silent, deaf));
    }
}

struct End<'e>(&'e AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn one_conversation_is_one_answer() {
    let Some(daemon) = start(&["--keep"]) else {
        return;
    };
    let one = Taker::connect(&daemon.control());
    one.say(1, STATUS);
    assert_eq!(one.hear().unwrap(), SAID);
    assert!(one.hear().is_err(), "it hangs up");
}

/// What is made of a daemon that answers with this message.
fn told_by(message: [u8; 8]) -> AskError {
    let dir = tempfile::tempdir().unwrap();
    let listener = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap();
    bind(&listener, &SocketAddrUnix::new(dir.path().join("pid.sock")).unwrap()).unwrap();
    listen(&listener, 1).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            let caller = accept(&listener).unwrap();
            let mut asked = [0; 8];
            assert_eq!(rustix::io::read(&caller, &mut asked), Ok(8));
            rustix::io::write(&caller, &message).unwrap();
        });
        status(&dir.path().join("pid")).unwrap_err()
    })
}

#[test]
fn of_an_older_daemon_it_is_said_that_it_is_older() {
    // It refuses words that it does not know as those of another version.
    let older = told_by([1, 0, 8, 0, 1, 0, 0, 0]);
    assert!(matches!(older, AskError::Older { .. }), "{older}");
    assert!(older.to_string().contains("--take-over"), "{older}");
    let other = told_by([1, 0, 7, 0, 0, 0, 0, 0]);
    assert!(matches!(other, AskError::NotUnderstood { .. }), "{other}");
    let dir = tempfile::tempdir().unwrap();
    let nobody = status(&dir.path().join("pid")).unwrap_err();
    assert!(nobody.to_string().contains("is a daemon running"), "{nobody}");
}

#[test]
fn who_comes_when_many_wait_to_be_let_in_waits_too() {
    let Some(daemon) = start(&["--keep"]) else {
        return;
    };
    daemon.send(Signal::SIGSTOP);
    // No more are let wait by the kernel.
    let before: Vec<Taker> = (0..9).map(|_| Taker::connect(&daemon.control())).collect();
    let pid_file = daemon.place.pid_file();
    let (tell, told) = channel();
    let asks = thread::spawn(move || {
        tell.send(rustix::thread::gettid().as_raw_nonzero()).unwrap();
        status(&pid_file)
    });
    let stat = format!("/proc/self/task/{}/stat", told.recv().unwrap());
    wait_until("it waits", || {
        let sleeps = fs::read_to_string(&stat).is_ok_and(|stat| stat.contains(") S "));
        sleeps || asks.is_finished()
    });
    drop(before);
    daemon.send(Signal::SIGCONT);
    let answer = asks.join().unwrap();
    assert!(answer.is_ok(), "{answer:?}");
}
