//! Who waits for a pressure trigger of a worker that dies.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::FileExt as _;
use std::process;

use lxcfs_fuse::Kept;
use lxcfs_testing::{Cgroup, Container, Limits, Machine, machine_has, wait_until};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll as wait};

use crate::mount::{BOTH, Mount};
use crate::worker::Worker;

/// Sets a trigger that never fires, and says what poll(2) says in the end.
pub(crate) fn poll(words: &[&str]) {
    let mut file = File::options().read(true).write(true).open(words[0]).unwrap();
    file.write_all(b"some 1999999 2000000\0").unwrap();
    println!("waits");
    let mut asked = [PollFd::new(file.as_fd(), PollFlags::POLLPRI)];
    assert_eq!(wait(&mut asked, PollTimeout::NONE).unwrap(), 1);
    println!("{:?}", asked[0].revents().unwrap());
    process::exit(0);
}

/// Whether the shared memory says that somebody waits.
fn is_written_down(kept: &Kept) -> bool {
    let [_, (_, requests), _] = kept.descriptors();
    let mut first = [0; 8];
    let memory = File::from(requests.try_clone_to_owned().unwrap());
    memory.read_exact_at(&mut first, 16 << 10).unwrap();
    first != [0; 8]
}

fn without(what: &str) {
    let thread = std::thread::current();
    // Not `eprintln!`: the test harness would keep that to itself.
    let _ = writeln!(
        io::stderr(),
        "SKIPPED {}: needs {what}",
        thread.name().unwrap_or_default()
    );
}

#[test]
fn who_waits_for_a_trigger_is_told_that_it_is_gone() {
    if !machine_has(&[Machine::Root, Machine::Pressure, Machine::Cgroups]) {
        return;
    }
    let cgroup = Cgroup::new(&Limits::default().memory(256 << 20));
    if !cgroup
        .dir("unified")
        .is_some_and(|dir| dir.join("cpu.pressure").exists())
    {
        return without("cgroup v2");
    }
    let container = Container::start(&cgroup);
    for resume in BOTH {
        let Some(mount) = Mount::with(|options| options.psi_poll = true) else {
            return;
        };
        let first = Worker::serving(&mount, resume);
        let file = mount.file("proc/pressure/cpu");
        let mut poller = container.caller().act("poll", &[file.to_str().unwrap()]);
        wait_until("somebody waits", || {
            assert!(poller.is_running(), "{}", poller.said());
            is_written_down(&mount)
        });
        first.kill();
        let _second = Worker::serving(&mount, resume);
        let said = poller.finish().well().text();
        assert!(mount.is_alive(), "it was the end of the connection that woke him");
        assert!(said.contains("POLLERR"), "{said}");
    }
}
