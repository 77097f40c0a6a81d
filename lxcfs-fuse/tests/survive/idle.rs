//! Workers that die while nobody asks.

use std::fs::{self, File};
use std::io::{ErrorKind, Read as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::time::Duration;

use lxcfs_fuse::{MountOptions, Resume, Settings, mount};
use lxcfs_testing::wait_until;
use nix::mount::{MntFlags, MsFlags, umount2};

use crate::mount::{BOTH, Mount};
use crate::worker::Worker;

#[test]
fn who_reads_before_anybody_serves_waits_and_is_served() {
    let Some(mount) = Mount::new() else { return };
    let mut reader = mount.reader("proc/uptime");
    std::thread::sleep(Duration::from_millis(50));
    assert!(reader.is_running());
    let _worker = Worker::serving(&mount, Resume::Auto);
    assert!(reader.finish().well().text().contains('.'));
}

#[test]
fn the_next_worker_shows_the_same_files_with_the_same_times() {
    for resume in BOTH {
        let Some(mount) = Mount::new() else { return };
        let seen = |path: &str| {
            let facts = fs::metadata(mount.file(path)).unwrap();
            (facts.ino(), facts.mtime(), facts.mtime_nsec(), facts.mode())
        };
        let names = || {
            let mut names: Vec<_> = fs::read_dir(mount.file("proc"))
                .unwrap()
                .map(|one| one.unwrap().file_name())
                .collect();
            names.sort();
            names
        };
        let first = Worker::serving(&mount, resume);
        let before = (seen("proc/meminfo"), seen("sys/devices/system/cpu"), names());
        first.kill();
        let _second = Worker::serving(&mount, resume);
        // The kernel asks anew for what it has forgotten.
        fs::write("/proc/sys/vm/drop_caches", "2").unwrap();
        assert_eq!((seen("proc/meminfo"), seen("sys/devices/system/cpu"), names()), before);
    }
}

#[test]
fn an_open_file_can_be_read_at_the_next_worker() {
    let Some(mount) = Mount::new() else { return };
    let first = Worker::serving(&mount, Resume::Auto);
    // Before Linux 5.16 the kernel asks once whether a file may be closed. So does a process that is started by us, for what
    // we have open, and it is to start without a worker.
    drop(fs::read(mount.file("proc/uptime")).unwrap());
    let mut file = File::open(mount.file("proc/meminfo")).unwrap();
    let mut begun = [0; 10];
    file.read_exact(&mut begun).unwrap();
    first.kill();
    let _second = Worker::serving(&mount, Resume::Auto);
    let mut text = String::new();
    file.read_to_string(&mut text).unwrap();
    assert!(text.contains("MemFree:"), "{text}");
    let mut again = [0; 10];
    file.read_exact_at(&mut again, 0).unwrap();
    assert_eq!(again, *b"MemTotal: ");
}

#[test]
fn nobody_else_serves_while_a_worker_lives() {
    let Some(mount) = Mount::new() else { return };
    let first = Worker::serving(&mount, Resume::Auto);
    let second = Worker::start(&mount, crate::worker::WELL, Resume::Auto).finish();
    assert!(!second.status.success());
    assert!(second.text().contains("Served"), "{}", second.text());
    let text = fs::read_to_string(mount.file("proc/uptime")).unwrap();
    assert!(text.contains('.'));
    first.kill();
}

#[test]
fn an_abort_ends_who_waits_and_who_serves() {
    let Some(mount) = Mount::new() else { return };
    let worker = Worker::serving(&mount, Resume::Auto);
    assert!(mount.is_alive());
    mount.abort().unwrap();
    assert!(!mount.is_alive());
    mount.abort().unwrap();
    let said = worker.finish().well().text();
    assert!(said.contains("Err(Kind(ConnectionAborted))"), "{said}");
    // The worker has unmounted what was dead.
    assert!(fs::read_dir(mount.file("proc")).is_err_and(|error| error.kind() == ErrorKind::NotFound));
    let late = Worker::start(&mount, crate::worker::WELL, Resume::Auto).finish();
    assert!(
        !late.status.success() && late.text().contains("Ended"),
        "{}",
        late.text()
    );
}

#[test]
fn an_abort_frees_those_whom_nobody_serves() {
    let Some(mount) = Mount::new() else { return };
    let reader = mount.reader("proc/uptime");
    mount.abort().unwrap();
    assert!(!reader.finish().status.success());
}

#[test]
fn an_unmount_by_somebody_else_is_no_error() {
    let Some(mount) = Mount::new() else { return };
    let worker = Worker::serving(&mount, Resume::Auto);
    umount2(&mount.mountpoint(), MntFlags::empty()).unwrap();
    let said = worker.finish().well().text();
    assert!(said.contains("requests have ended: Ok"), "{said}");
    assert!(!mount.is_alive());
}

#[test]
fn nobody_unmounts_what_another_has_mounted_there() {
    let Some(first) = Mount::new() else { return };
    let here = first.mountpoint();
    let worker = Worker::serving(&first, Resume::Auto);
    let over = mount(&MountOptions::new(&here), Settings::default(), |_| {}).unwrap();
    // Ended from outside, the worker finds its mount gone and another's there.
    first.abort().unwrap();
    let said = worker.finish().well().text();
    assert!(said.contains("requests have ended"), "{said}");
    assert!(fs::read_to_string(here.join("proc/uptime")).unwrap().contains('.'));
    over.unmount().unwrap();
}

#[test]
fn what_is_below_another_mount_is_not_unmounted_in_its_place() {
    const NONE: Option<&str> = None;
    let Some(below) = Mount::new() else { return };
    let here = below.mountpoint();
    drop(below);
    let mounted = {
        fs::create_dir_all(&here).unwrap();
        mount(&MountOptions::new(&here), Settings::default(), |_| {}).unwrap()
    };
    nix::mount::mount(Some("over"), &here, Some("tmpfs"), MsFlags::empty(), NONE).unwrap();
    let refused = mounted.unmount().unwrap_err().to_string();
    assert!(refused.contains("mounted over it"), "{refused}");
    umount2(&here, MntFlags::empty()).unwrap();
    umount2(&here, MntFlags::MNT_DETACH).unwrap();
    fs::remove_dir(&here).unwrap();
}

#[test]
fn a_mount_that_is_left_is_served_until_the_process_ends() {
    let Some(begun) = Mount::new() else { return };
    let options = MountOptions::new(begun.mountpoint());
    let kept = begun.try_clone().unwrap();
    let mounted = lxcfs_fuse::serve(kept, &options, Settings::default(), |_| {}).unwrap();
    assert!(!mounted.is_stuck());
    assert_eq!(mounted.kept().device(), begun.device());
    mounted.leave();
    assert!(fs::read_to_string(begun.file("proc/uptime")).unwrap().contains('.'));
    wait_until("it is alive", || begun.is_alive());
}
