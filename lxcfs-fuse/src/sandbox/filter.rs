//! The system calls that a worker may make. Any other is answered as by a kernel that does not have it.
//!
//! `ENOSYS` and not death: a C library of next year that asks for a newer call takes the older one then, as it does on an older
//! kernel, and a reader does not notice. It is also what makes it start threads by clone(2), whose flags can be looked at,
//! instead of clone3(2), whose cannot.
//!
//! Of some calls the arguments decide:
//!
//! | call | allowed |
//! |---|---|
//! | open, openat | to read; with triggers, to write to what is there |
//! | fcntl | all but who gets signals: root may have any process killed by that |
//! | clone | a thread |
//! | mmap, mprotect | memory that is not executed |
//! | ioctl | on FUSE connections and namespaces, and what the standard library asks |
//! | prctl | names |
//! | personality | none in which memory to read is memory to execute |
//! | prlimit64 | to ask |
//! | tgkill | to this process: abort(3) |
//! | socket, socketpair | none; a pair of unix sockets |
//!
//! # References
//!
//! seccomp(2); `arch/*/entry/syscalls/`.

use std::collections::BTreeMap;
use std::env::consts::ARCH;
use std::io;

use nix::libc::{self, c_long};
use seccompiler::SeccompCmpArgLen::{Dword, Qword};
use seccompiler::SeccompCmpOp::{Eq, MaskedEq, Ne};
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCondition, SeccompFilter, SeccompRule, TargetArch,
    apply_filter_all_threads,
};

/// Those that are allowed whatever their arguments: they work on what is open, or ask.
#[rustfmt::skip]
const ALLOWED: &[c_long] = &[
    // Descriptors.
    libc::SYS_read, libc::SYS_readv, libc::SYS_pread64, libc::SYS_preadv, libc::SYS_preadv2,
    libc::SYS_write, libc::SYS_writev, libc::SYS_pwrite64, libc::SYS_pwritev, libc::SYS_pwritev2,
    libc::SYS_close, libc::SYS_close_range, libc::SYS_dup, libc::SYS_dup3, libc::SYS_lseek,
    libc::SYS_flock, libc::SYS_ftruncate, libc::SYS_fallocate, libc::SYS_memfd_create, libc::SYS_pipe2, libc::SYS_eventfd2,
    libc::SYS_splice, libc::SYS_signalfd4, libc::SYS_pidfd_open,
    libc::SYS_timerfd_create, libc::SYS_timerfd_settime, libc::SYS_timerfd_gettime,
    // What there is.
    libc::SYS_fstat, libc::SYS_newfstatat, libc::SYS_statx, libc::SYS_fstatfs, libc::SYS_statfs, libc::SYS_getdents64,
    libc::SYS_readlinkat, libc::SYS_faccessat, libc::SYS_faccessat2, libc::SYS_getcwd,
    // To wait.
    libc::SYS_ppoll, libc::SYS_pselect6, libc::SYS_epoll_create1, libc::SYS_epoll_ctl, libc::SYS_epoll_pwait, libc::SYS_epoll_pwait2,
    libc::SYS_futex, libc::SYS_futex_waitv, libc::SYS_nanosleep, libc::SYS_clock_nanosleep, libc::SYS_restart_syscall,
    libc::SYS_sched_yield,
    // Sockets that others have made.
    libc::SYS_accept4, libc::SYS_shutdown, libc::SYS_recvfrom, libc::SYS_recvmsg, libc::SYS_recvmmsg,
    libc::SYS_sendto, libc::SYS_sendmsg, libc::SYS_sendmmsg, libc::SYS_getsockopt, libc::SYS_setsockopt,
    libc::SYS_getsockname, libc::SYS_getpeername,
    // Memory.
    libc::SYS_brk, libc::SYS_munmap, libc::SYS_mremap, libc::SYS_madvise, libc::SYS_msync, libc::SYS_mincore,
    libc::SYS_membarrier,
    // Threads and their end.
    libc::SYS_set_robust_list, libc::SYS_get_robust_list, libc::SYS_set_tid_address, libc::SYS_rseq,
    libc::SYS_sched_getaffinity, libc::SYS_exit, libc::SYS_exit_group,
    // Signals.
    libc::SYS_rt_sigaction, libc::SYS_rt_sigprocmask, libc::SYS_rt_sigreturn, libc::SYS_rt_sigpending,
    libc::SYS_rt_sigtimedwait, libc::SYS_rt_sigsuspend, libc::SYS_sigaltstack,
    // Who one is, and what time it is.
    libc::SYS_getpid, libc::SYS_gettid, libc::SYS_getppid, libc::SYS_getuid, libc::SYS_geteuid, libc::SYS_getgid, libc::SYS_getegid,
    libc::SYS_capget, libc::SYS_uname, libc::SYS_sysinfo, libc::SYS_getrusage, libc::SYS_times, libc::SYS_getcpu,
    libc::SYS_clock_gettime, libc::SYS_clock_getres, libc::SYS_gettimeofday, libc::SYS_getrandom,
];

/// What newer machines have dropped: there, C libraries make the calls above instead.
#[cfg(target_arch = "x86_64")]
#[rustfmt::skip]
const OLD: &[c_long] = &[
    libc::SYS_stat, libc::SYS_lstat, libc::SYS_access, libc::SYS_readlink, libc::SYS_getdents, libc::SYS_dup2, libc::SYS_pipe,
    libc::SYS_poll, libc::SYS_select, libc::SYS_epoll_create, libc::SYS_epoll_wait, libc::SYS_accept, libc::SYS_eventfd,
    libc::SYS_signalfd, libc::SYS_time, libc::SYS_arch_prctl,
];
#[cfg(not(target_arch = "x86_64"))]
const OLD: &[c_long] = &[];

/// The numbers of ioctl(2) that are asked with.
const IOCTLS: &[u64] = &[
    0x8004_e500, // FUSE_DEV_IOC_CLONE
    0x8004_b707, // NS_GET_TGID_FROM_PIDNS
    0x5401,      // TCGETS: is it a terminal?
    0x5421,      // FIONBIO, as the standard library makes a socket non-blocking
    0x5450,      // FIONCLEX
    0x5451,      // FIOCLEX
];

/// `PR_SET_VMA`, by which C libraries name memory.
const PR_SET_VMA: u64 = 0x5356_4d41;

/// `F_SETOWN_EX`, which not all C libraries name.
const F_SETOWN_EX: u64 = 15;

/// What asks for the personality and leaves it as it is.
const THE_PRESENT: u64 = 0xffff_ffff;

/// Installs it for all threads, for good.
pub(super) fn install(triggers: bool) -> io::Result<()> {
    let program = program(triggers).map_err(io::Error::other)?;
    apply_filter_all_threads(&program).map_err(io::Error::other)
}

fn program(triggers: bool) -> Result<BpfProgram, BackendError> {
    let mut rules: BTreeMap<c_long, Vec<SeccompRule>> =
        ALLOWED.iter().chain(OLD).map(|call| (*call, Vec::new())).collect();
    rules.extend(by_arguments(triggers)?);
    let otherwise = SeccompAction::Errno(errno(libc::ENOSYS));
    SeccompFilter::new(rules, otherwise, SeccompAction::Allow, TargetArch::try_from(ARCH)?)?.try_into()
}

fn by_arguments(triggers: bool) -> Result<Vec<(c_long, Vec<SeccompRule>)>, BackendError> {
    let opens = u64_of(if triggers {
        // Nor one without a name.
        libc::O_CREAT | libc::O_TRUNC | (libc::O_TMPFILE & !libc::O_DIRECTORY)
    } else {
        // Not O_ACCMODE: musl has O_PATH in it.
        libc::O_WRONLY | libc::O_RDWR | libc::O_CREAT | libc::O_TRUNC
    });
    let executed = u64_of(libc::PROT_EXEC);
    let thread = u64_of(libc::CLONE_VM | libc::CLONE_SIGHAND | libc::CLONE_THREAD);
    let namespaces = u64_of(
        libc::CLONE_NEWNS
            | libc::CLONE_NEWUSER
            | libc::CLONE_NEWPID
            | libc::CLONE_NEWNET
            | libc::CLONE_NEWUTS
            | libc::CLONE_NEWIPC
            | libc::CLONE_NEWCGROUP,
    );
    let one_of = |argument: u8, values: &[u64]| -> Result<Vec<SeccompRule>, BackendError> {
        let rule = |value: &u64| SeccompRule::new(vec![SeccompCondition::new(argument, Dword, Eq, *value)?]);
        values.iter().map(rule).collect()
    };
    let all_of = |conditions: Vec<Result<SeccompCondition, BackendError>>| -> Result<Vec<SeccompRule>, BackendError> {
        Ok(vec![SeccompRule::new(
            conditions.into_iter().collect::<Result<_, _>>()?,
        )?])
    };
    let has_not = |argument: u8, bits: u64| SeccompCondition::new(argument, Dword, MaskedEq(bits), 0);
    let none = |argument: u8| SeccompCondition::new(argument, Qword, Eq, 0);
    let is_not = |argument: u8, value: u64| SeccompCondition::new(argument, Dword, Ne, value);
    let this = u64::from(std::process::id());
    Ok(vec![
        #[cfg(target_arch = "x86_64")]
        (libc::SYS_open, all_of(vec![has_not(1, opens)])?),
        (libc::SYS_openat, all_of(vec![has_not(2, opens)])?),
        (
            libc::SYS_fcntl,
            all_of(vec![is_not(1, u64_of(libc::F_SETOWN)), is_not(1, F_SETOWN_EX)])?,
        ),
        // `/proc/cpuinfo` of arm64 is read with the personality of who asks.
        (
            libc::SYS_personality,
            vec![
                SeccompRule::new(vec![SeccompCondition::new(0, Dword, Eq, THE_PRESENT)?])?,
                SeccompRule::new(vec![has_not(0, u64_of(libc::READ_IMPLIES_EXEC))?])?,
            ],
        ),
        (libc::SYS_mmap, all_of(vec![has_not(2, executed)])?),
        (libc::SYS_mprotect, all_of(vec![has_not(2, executed)])?),
        (
            libc::SYS_clone,
            all_of(vec![SeccompCondition::new(
                0,
                Dword,
                MaskedEq(thread | namespaces),
                thread,
            )])?,
        ),
        (libc::SYS_ioctl, one_of(1, IOCTLS)?),
        (
            libc::SYS_prctl,
            one_of(0, &[u64_of(libc::PR_SET_NAME), u64_of(libc::PR_GET_NAME), PR_SET_VMA])?,
        ),
        (libc::SYS_prlimit64, all_of(vec![none(0), none(2)])?),
        (libc::SYS_tgkill, one_of(0, &[this])?),
        (libc::SYS_socketpair, one_of(0, &[u64_of(libc::AF_UNIX)])?),
    ])
}

/// A flag or a number of the C library; none of them is negative.
fn u64_of(flag: libc::c_int) -> u64 {
    u64::from(errno(flag))
}

fn errno(number: libc::c_int) -> u32 {
    number.cast_unsigned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_can_be_compiled_for_this_machine() {
        for triggers in [false, true] {
            let program = program(triggers).unwrap();
            assert!(program.len() < 1024, "{}", program.len());
        }
    }

    #[test]
    fn no_call_is_in_two_lists() {
        let by_arguments = by_arguments(false).unwrap();
        let by_arguments = by_arguments.iter().map(|(call, _)| call);
        let mut all: Vec<c_long> = ALLOWED.iter().chain(OLD).chain(by_arguments).copied().collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }
}
