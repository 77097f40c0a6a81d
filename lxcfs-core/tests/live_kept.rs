//! Kept descriptors of real cgroup files: what the kernel answers when the cgroup has gone and has come again.
#![cfg(feature = "live")]
#![expect(clippy::disallowed_methods, reason = "tests of the running machine")]

use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;

use lxcfs_core::live::{KeptOpen, Root};
use lxcfs_core::{Source as _, SourceErrorKind};
use lxcfs_testing::{Cgroup, Limits, Machine, machine_has};

#[test]
fn a_removed_cgroup_is_gone_and_one_made_again_is_found() {
    if !machine_has(&[Machine::Root, Machine::Cgroups]) {
        return;
    }
    let cgroup = Cgroup::new(&Limits::default());
    let dir = cgroup.dir("memory").unwrap().join("ct");
    fs::create_dir(&dir).unwrap();
    let path = dir.join("cgroup.procs");
    let mut by_hand = File::open(&path).unwrap();
    let source = KeptOpen::new();
    assert_eq!(source.read(&path).unwrap(), "");
    assert_eq!(source.kept(), 1);

    fs::remove_dir(&dir).unwrap();
    let error = by_hand.read(&mut [0; 64]).unwrap_err();
    assert_eq!(
        error.raw_os_error(),
        Some(nix::libc::ENODEV),
        "what a kept descriptor gives"
    );
    assert_eq!(source.read(&path).unwrap_err().kind, SourceErrorKind::NotFound);
    assert_eq!(source.kept(), 0);

    fs::create_dir(&dir).unwrap();
    assert_eq!(source.read(&path).unwrap(), "");
    fs::remove_dir(&dir).unwrap();
    fs::create_dir(&dir).unwrap();
    assert_eq!(source.read(&path).unwrap(), "", "at once, without an error between");
    assert_eq!(source.kept(), 1);
}

#[test]
fn kept_descriptors_read_what_fresh_ones_read() {
    let (kept, fresh) = (KeptOpen::new(), Root::host());
    for path in [
        "/proc/cpuinfo",
        "/proc/swaps",
        "/proc/version",
        "/sys/devices/system/cpu/online",
    ] {
        let path = Path::new(path);
        for _ in 0..3 {
            assert_eq!(kept.read(path), fresh.read(path));
        }
    }
}

#[test]
fn what_the_kernel_counts_goes_on_in_a_kept_descriptor() {
    let source = KeptOpen::new();
    let uptime = || {
        let text = source.read(Path::new("/proc/uptime")).unwrap();
        let text = std::str::from_utf8(&text).unwrap().to_owned();
        text.split(' ').next().unwrap().parse::<f64>().unwrap()
    };
    let before = uptime();
    std::thread::sleep(std::time::Duration::from_millis(30));
    assert!(uptime() > before);
    assert_eq!(source.kept(), 1);
}
