//! Somebody else's keeper: a program that has the library mount, and starts itself again to serve.
//!
//! It is called as the daemon is: `-f -p PIDFILE --keep … MOUNTPOINT`.

use std::fs;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use lxcfs_fuse::{Kept, MountOptions, Resume, Settings, begin, serve};
use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::prctl;
use nix::sys::signal::Signal;

const NAMES: [&str; 3] = ["fuse", "requests", "store"];

/// A program that is such a keeper, written to that path. `slots`: as on a kernel that sends nothing again.
pub(crate) fn write_program(path: &Path, slots: bool) {
    let test = std::env::current_exe().unwrap();
    let script = format!(
        "#!/bin/sh\nfor last; do :; done\nexport LXCFS_TESTING_ACT=\"$(printf 'keep\\037%s\\037{slots}' \"$last\")\"\n\
         exec '{}' act --exact --nocapture --test-threads=1\n",
        test.display()
    );
    fs::write(path, script).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

fn options(mountpoint: &str, slots: &str) -> MountOptions {
    let resume = if slots == "true" { Resume::Slots } else { Resume::Auto };
    MountOptions {
        resume,
        psi_poll: true,
        ..MountOptions::new(mountpoint)
    }
}

/// The act of the keeper.
pub(crate) fn keep(arguments: &[&str]) {
    let [mountpoint, slots] = arguments else {
        panic!("{arguments:?}")
    };
    let kept = begin(&options(mountpoint, slots)).unwrap();
    let numbers: Vec<String> = kept
        .descriptors()
        .map(|(_, descriptor)| fcntl(descriptor, FcntlArg::F_DUPFD(3)).unwrap().to_string())
        .to_vec();
    loop {
        let told = [
            &["serve", mountpoint, slots],
            numbers.iter().map(String::as_str).collect::<Vec<_>>().as_slice(),
        ]
        .concat();
        let status = Command::new(std::env::current_exe().unwrap())
            .args(["act", "--exact", "--nocapture", "--test-threads=1", "--skip=--worker"])
            .env("LXCFS_TESTING_ACT", told.join("\u{1f}"))
            .status()
            .unwrap();
        println!("a worker has ended: {status}");
    }
}

/// The act of the worker.
pub(crate) fn work(arguments: &[&str]) {
    let [mountpoint, slots, numbers @ ..] = arguments else {
        panic!("{arguments:?}")
    };
    prctl::set_pdeathsig(Signal::SIGKILL).unwrap();
    let named = NAMES.iter().zip(numbers).map(|(name, number)| {
        #[expect(unsafe_code, reason = "whose descriptor it is can only be said")]
        // SAFETY: our keeper has left it open for us, and nothing else here knows its number.
        let descriptor = unsafe { OwnedFd::from_raw_fd(number.parse().unwrap()) };
        assert!(descriptor.as_raw_fd() > 2);
        ((*name).to_owned(), descriptor)
    });
    let kept = Kept::from_descriptors(named.collect()).unwrap();
    let (sender, receiver) = std::sync::mpsc::channel();
    let _mounted = serve(kept, &options(mountpoint, slots), Settings::default(), move |end| {
        sender.send(end).unwrap();
    })
    .unwrap();
    println!("ended: {:?}", receiver.recv());
}
