//! The kernel's own answer to "which process is the first of this pid namespace?".
#![expect(unsafe_code, reason = "one ioctl, which neither nix nor rustix wraps")]
#![expect(
    clippy::disallowed_methods,
    reason = "the namespace is asked through an open descriptor"
)]

use std::fs::File;
use std::os::fd::AsRawFd as _;

use crate::container::Pid;

mod raw {
    nix::ioctl_write_int_bad!(
        /// The pid in our namespace of the process that has the pid `data` in that of the descriptor. The argument is
        /// a value, although the number says that something is read through it.
        ns_get_tgid_from_pidns,
        nix::request_code_read!(0xb7, 0x7, size_of::<nix::libc::c_int>())
    );
}

/// The first process of that process's pid namespace, in our own numbering.
///
/// `None` where the kernel is older than 6.11 (`ENOTTY`), where the namespace may not be opened, and where its first
/// process has ended.
///
/// # References
///
/// `include/uapi/linux/nsfs.h`, `NS_GET_TGID_FROM_PIDNS`; `fs/nsfs.c`.
pub(super) fn first_process(pid: Pid) -> Option<Pid> {
    let namespace = File::open(format!("/proc/{pid}/ns/pid")).ok()?;
    // SAFETY: the descriptor is open as long as `namespace` lives, and the ioctl takes its argument by value: the
    // kernel neither reads nor writes memory of ours.
    let answer = unsafe { raw::ns_get_tgid_from_pidns(namespace.as_raw_fd(), 1) };
    answer
        .ok()
        .and_then(|pid| Pid::try_from(pid).ok())
        .filter(|pid| *pid > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_that_knows_the_question_answers_it() {
        let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
        let mut numbers = release.split(['.', '-']).map_while(|part| part.parse::<u32>().ok());
        let version = (numbers.next().unwrap(), numbers.next().unwrap());
        let answer = first_process(std::process::id());
        assert_eq!(answer, (version >= (6, 11)).then_some(1), "Linux {release}");
    }

    #[test]
    fn a_process_that_does_not_exist_has_no_namespace() {
        assert_eq!(first_process(0), None);
        assert_eq!(first_process(Pid::MAX), None);
    }
}
