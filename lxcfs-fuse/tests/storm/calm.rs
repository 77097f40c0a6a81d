//! Before any storm: readers find nothing wrong with a daemon that nothing happens to.

use std::time::Duration;

use lxcfs_testing::storm::{Crowd, Fleet, Size};

use crate::rig::mounted_with;
use crate::{files, numbers};

#[test]
fn readers_find_nothing_wrong_while_nothing_happens() {
    let Some(daemon) = mounted_with(&["--enable-psi-poll"]) else {
        return;
    };
    let size = Size {
        waiters: true,
        ..numbers::size()
    };
    let fleet = Fleet::new(&size);
    let members = fleet.containers();
    let crowd = Crowd::start(&daemon, &members, "storm", &files(), &size);
    std::thread::sleep(Duration::from_secs(numbers::number("CALM", 2).into()));
    let report = crowd.finish();
    println!(
        "{} texts in {} calls, errors {:?}",
        report.texts, report.calls, report.errors
    );
    report.assert_faultless();
}
