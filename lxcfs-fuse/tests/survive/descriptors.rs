//! Descriptors that are not what they are said to be.

use std::fs::File;
use std::os::fd::OwnedFd;

use lxcfs_fuse::{Kept, KeptError, Resume};
use rustix::io::{FdFlags, fcntl_getfd, fcntl_setfd};

use crate::mount::Mount;
use crate::worker::Worker;

fn named(kept: &Kept) -> Vec<(String, OwnedFd)> {
    let each = kept.descriptors().into_iter();
    each.map(|(name, one)| (name.to_owned(), one.try_clone_to_owned().unwrap()))
        .collect()
}

/// What is said when one of the descriptors is another.
fn refused(kept: &Kept, name: &str, by: OwnedFd) -> KeptError {
    let mut all = named(kept);
    all.retain(|(other, _)| other != name);
    all.push((name.to_owned(), by));
    Kept::from_descriptors(all).unwrap_err()
}

#[test]
fn descriptors_that_were_handed_on_are_as_good() {
    let Some(mount) = Mount::new() else { return };
    let all = named(&mount);
    for (_, one) in &all {
        // As they come from systemd.
        fcntl_setfd(one, FdFlags::empty()).unwrap();
    }
    let kept = Kept::from_descriptors(all).unwrap();
    assert_eq!((kept.mountpoint(), kept.device()), (mount.mountpoint(), mount.device()));
    for (name, one) in kept.descriptors() {
        assert!(fcntl_getfd(one).unwrap().contains(FdFlags::CLOEXEC), "{name}");
    }
    let worker = Worker::serving(&kept, Resume::Auto);
    worker.kill();
}

#[test]
fn what_is_something_else_is_refused_and_it_is_said_why() {
    let Some(mount) = Mount::new() else { return };
    let null = || OwnedFd::from(File::open("/dev/null").unwrap());
    let memory = || rustix::fs::memfd_create("other", rustix::fs::MemfdFlags::CLOEXEC).unwrap();
    for (name, by, why) in [
        ("fuse", null(), "not /dev/fuse"),
        ("fuse", memory(), "not /dev/fuse"),
        ("requests", null(), "no memfd"),
        ("requests", memory(), "could become shorter"),
    ] {
        let said = refused(&mount, name, by).to_string();
        assert!(said.contains(why) && said.contains(name), "{said}");
    }
    let [fuse, _, _] = mount.descriptors();
    let said = refused(&mount, "requests", fuse.1.try_clone_to_owned().unwrap()).to_string();
    assert!(said.contains("no memfd"), "{said}");
}

#[test]
fn what_is_missing_or_unknown_or_there_twice_is_named() {
    let Some(mount) = Mount::new() else { return };
    let mut all = named(&mount);
    all.retain(|(name, _)| name != "store");
    assert!(matches!(Kept::from_descriptors(all), Err(KeptError::Missing("store"))));
    for name in ["fuse", "stored"] {
        let mut all = named(&mount);
        all.push((name.to_owned(), File::open("/dev/null").unwrap().into()));
        let refused = Kept::from_descriptors(all).unwrap_err();
        assert!(
            matches!(&refused, KeptError::Unknown(which) if which == name),
            "{refused}"
        );
    }
    assert!(matches!(
        Kept::from_descriptors(Vec::new()),
        Err(KeptError::Missing("fuse"))
    ));
}
