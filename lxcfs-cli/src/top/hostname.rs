//! The host name in the UTS namespace of a process.

use std::fs::File;
use std::path::PathBuf;
use std::thread;

use lxcfs_core::{Pid, Source};
use nix::sched::{CloneFlags, setns};
use nix::sys::utsname::uname;

/// The host name there, if it is another namespace than ours and may be entered.
///
/// There is no file that tells it: `/proc/sys/kernel/hostname` is its reader's. So a thread goes there, which the kernel
/// allows a single one of a process, and ends.
pub(super) fn hostname(source: &dyn Source, pid: Pid) -> Option<String> {
    let place = PathBuf::from(format!("/proc/{pid}/ns/uts"));
    let theirs = source.read_link(&place).ok()?;
    let ours = source.read_link("/proc/self/ns/uts".as_ref()).ok()?;
    if theirs == ours {
        return None;
    }
    let namespace = File::open(place).ok()?;
    thread::Builder::new()
        .name("hostname".to_owned())
        .spawn(move || {
            setns(namespace, CloneFlags::CLONE_NEWUTS).ok()?;
            let name = uname().ok()?.nodename().to_str()?.to_owned();
            Some(name)
        })
        .ok()?
        .join()
        .ok()?
}
