//! Whether there is FUSE.

use std::fs::File;
use std::path::Path;

use super::finding::Finding;

const CONTROL: &str = "/sys/fs/fuse/connections";

pub(super) fn check() -> Vec<Finding> {
    let device = match File::options().read(true).write(true).open("/dev/fuse") {
        Ok(_) => Finding::ok("/dev/fuse can be opened"),
        Err(error) => Finding::bad(format!("/dev/fuse: {error}")).mend("modprobe fuse"),
    };
    let control = if Path::new(CONTROL).is_dir() {
        Finding::ok(format!("{CONTROL} is there"))
    } else {
        Finding::warn(format!(
            "{CONTROL}: not there, so that a connection that hangs cannot be aborted"
        ))
        .mend(format!("mount -t fusectl fusectl {CONTROL}"))
    };
    vec![device, control]
}
