//! The worker is replaced by another build of its program, again and again.

use std::io::Write as _;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::Duration;

use lxcfs_testing::storm::Outage;
use nix::sys::signal::Signal;

use crate::numbers::{number, size};
use crate::storm::{Storm, a_while, can_be, storm};

#[test]
fn upgrades_to_another_build_are_noticed_by_no_reader() {
    if !can_be() {
        return;
    }
    let upgrades = number("UPGRADES", 4);
    let builds = Builds::new();
    storm("upgrade", &[], &size(), |storm| {
        (0..upgrades).map(|number| upgraded(storm, &builds, number)).collect()
    });
}

/// This build and another one: the one that `LXCFS_STORM_OTHER_BUILD` names, or the same with more bytes.
struct Builds {
    both: [PathBuf; 2],
    _dir: tempfile::TempDir,
}

impl Builds {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let this = PathBuf::from(env!("CARGO_BIN_EXE_lxcfs"));
        let other = std::env::var_os("LXCFS_STORM_OTHER_BUILD").map_or_else(
            || {
                let other = dir.path().join("other");
                std::fs::copy(&this, &other).unwrap();
                let mut file = std::fs::File::options().append(true).open(&other).unwrap();
                file.write_all(b"another build").unwrap();
                other
            },
            PathBuf::from,
        );
        Self {
            both: [other, this],
            _dir: dir,
        }
    }

    fn of(&self, number: u32) -> &PathBuf {
        let [other, this] = &self.both;
        if number.is_multiple_of(2) { other } else { this }
    }
}

fn upgraded(storm: &Storm, builds: &Builds, number: u32) -> Outage {
    let build = builds.of(number);
    storm.program.replace(build);
    let outage = storm.replaced_by(|_| storm.kept.signal(Signal::SIGUSR1));
    // It is the new one that serves.
    let worker = storm.kept.worker_now();
    let length = std::fs::metadata(format!("/proc/{}/exe", worker.pid())).unwrap().len();
    assert_eq!(length, build.metadata().unwrap().len(), "{}", storm.kept.log());
    sleep(a_while(Duration::from_millis(40)));
    outage
}
