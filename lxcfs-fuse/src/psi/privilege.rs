//! Whether a caller may have triggers that cost the kernel more.

use std::fs;

/// What the kernel asks of those who set triggers whose window is no multiple of two seconds. It asks the one who writes
/// to its file, which is this daemon; so the daemon has to ask the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Privilege {
    /// It has `CAP_SYS_RESOURCE`.
    SysResource,
    /// It has not.
    Unprivileged,
}

impl Privilege {
    const CAP_SYS_RESOURCE: u32 = 24;

    /// Of the caller with that pid. A capability in another user namespace than the daemon's is one over that namespace
    /// only, and does not count: the kernel's threads are not its own. (The kernel itself does not look at the
    /// namespace.) A caller of which nothing can be told has none.
    pub(crate) fn of_caller(pid: u32) -> Self {
        let status = fs::read(format!("/proc/{pid}/status")).unwrap_or_default();
        if has_capability(&status, Self::CAP_SYS_RESOURCE) && is_of_our_user_namespace(pid) {
            Self::SysResource
        } else {
            Self::Unprivileged
        }
    }
}

fn is_of_our_user_namespace(pid: u32) -> bool {
    let theirs = fs::read_link(format!("/proc/{pid}/ns/user"));
    let ours = fs::read_link("/proc/self/ns/user");
    matches!((theirs, ours), (Ok(theirs), Ok(ours)) if theirs == ours)
}

fn has_capability(status: &[u8], number: u32) -> bool {
    status
        .split(|byte| *byte == b'\n')
        .find_map(|line| line.strip_prefix(b"CapEff:"))
        .and_then(|mask| std::str::from_utf8(mask).ok())
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .and_then(|mask| mask.checked_shr(number))
        .is_some_and(|mask| mask & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_effective_set_decides() {
        let status =
            |effective: &str| format!("Name:\tx\nCapPrm:\t000001ffffffffff\nCapEff:\t{effective}\nCapBnd:\t0\n");
        let raised = |effective: &str| has_capability(status(effective).as_bytes(), Privilege::CAP_SYS_RESOURCE);
        assert!(raised("000001ffffffffff"));
        assert!(raised("0000000001000000"));
        assert!(!raised("000001fffeffffff"));
        assert!(!raised("0000000000000000"));
        assert!(!raised("junk"));
        assert!(!has_capability(b"", Privilege::CAP_SYS_RESOURCE));
    }

    #[test]
    fn this_process_is_of_its_own_user_namespace() {
        assert!(is_of_our_user_namespace(std::process::id()));
    }

    #[test]
    fn nobody_is_unprivileged() {
        assert_eq!(Privilege::of_caller(0), Privilege::Unprivileged);
    }
}
