//! `lxcfs-cli mount`: the daemon, for those who have this tool and not `lxcfs`.

use crate::args::Mount;
use crate::failure::Failure;

pub(crate) fn mount(mount: Mount) -> Result<(), Failure> {
    Ok(lxcfs_fuse::daemon::run(mount.daemon)?)
}
