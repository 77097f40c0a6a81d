//! `lxcfs-cli stop`: has a daemon end, over its control socket.

use crate::args::Stop;
use crate::failure::Failure;

pub(crate) fn stop(stop: &Stop) -> Result<(), Failure> {
    Ok(lxcfs_fuse::daemon::stop(&stop.pidfile, stop.unmount)?)
}
