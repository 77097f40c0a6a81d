//! Children in pid namespaces, new ones and those of others.

use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command};

use nix::sched::{CloneFlags, setns, unshare};

/// In which pid namespace a child is born.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Birth<'n> {
    /// In ours.
    Here,
    /// As the first process of a new one.
    New,
    /// In that one.
    In(&'n File),
}

/// Starts a child there.
///
/// The calls change only where the next child of this thread is born. While that is not where we are, this thread can
/// start no other: that is why each child is followed by the way back.
pub(crate) fn spawn(birth: Birth<'_>, command: &mut Command) -> std::io::Result<Child> {
    // Were it stopped in our group, the kernel might hang up on all of it: see setpgid(2) on orphaned process groups.
    command.process_group(0);
    let own = File::open("/proc/thread-self/ns/pid")?;
    match birth {
        Birth::Here => return command.spawn(),
        Birth::New => unshare(CloneFlags::CLONE_NEWPID)?,
        Birth::In(namespace) => setns(namespace, CloneFlags::CLONE_NEWPID)?,
    }
    let started = command.spawn();
    setns(&own, CloneFlags::CLONE_NEWPID).expect("the way back is open");
    started
}
