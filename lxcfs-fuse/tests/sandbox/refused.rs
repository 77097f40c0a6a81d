//! A process that is confined as a worker is tries what a worker has no use for; then it answers a request.

use std::ffi::CString;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;

use lxcfs_fuse::sandbox::{Role, confine};
use lxcfs_testing::{Caller, Cgroup, Container, Limits, Machine, machine_has};
use nix::libc::{self, c_long};
use nix::sys::personality;
use rustix::fs::{MemfdFlags, memfd_create};

use super::rig::{Expected, meminfo};

/// The error number of a system call; 0 if it was done. Their arguments do no harm if it is.
#[allow(unsafe_code, reason = "system calls that no library makes with such arguments")]
fn call(number: c_long, arguments: [c_long; 6]) -> i32 {
    let [a, b, c, d, e, f] = arguments;
    // SAFETY: pointers among the arguments are null, or to strings that outlive the call; nothing is written to them.
    let result = unsafe { libc::syscall(number, a, b, c, d, e, f) };
    if result == -1 {
        io::Error::last_os_error().raw_os_error().unwrap()
    } else {
        0
    }
}

fn errno<T>(result: io::Result<T>) -> i32 {
    result.map_or_else(|error| error.raw_os_error().unwrap(), |_| 0)
}

/// In a process of its own: says what came of each.
pub(crate) fn confined(arguments: &[&str]) {
    let (triggers, init, cgroup) = (arguments[0] == "triggers", arguments[1].parse().unwrap(), arguments[2]);
    let shell = CString::new("/bin/true").unwrap();
    let shell = c_long::try_from(shell.as_ptr().addr()).unwrap();
    let none = [0; 6];
    let own = c_long::from(std::process::id());
    let writing = |path: &str| errno(File::options().write(true).open(path));
    confine(Role::Worker, triggers);

    let tried: &[(&str, i32)] = &[
        ("execve", call(libc::SYS_execve, [shell, 0, 0, 0, 0, 0])),
        ("execveat", call(libc::SYS_execveat, [-100, shell, 0, 0, 0, 0])),
        (
            "clone as fork",
            call(
                libc::SYS_clone,
                [
                    c_long::from(libc::SIGCHLD) | c_long::from(libc::CLONE_NEWUSER),
                    0,
                    0,
                    0,
                    0,
                    0,
                ],
            ),
        ),
        ("clone3", call(libc::SYS_clone3, none)),
        ("kill", call(libc::SYS_kill, [1, 0, 0, 0, 0, 0])),
        ("tgkill of another", call(libc::SYS_tgkill, [1, 1, 0, 0, 0, 0])),
        (
            "signals of a descriptor to another",
            call(libc::SYS_fcntl, [-1, c_long::from(libc::F_SETOWN), 1, 0, 0, 0]),
        ),
        ("the same by F_SETOWN_EX", call(libc::SYS_fcntl, [-1, 15, 0, 0, 0, 0])),
        ("CPUs of another", call(libc::SYS_sched_setaffinity, [1, 0, 0, 0, 0, 0])),
        (
            "ptrace",
            call(libc::SYS_ptrace, [c_long::from(libc::PTRACE_PEEKDATA), 1, 0, 0, 0, 0]),
        ),
        ("process_vm_readv", call(libc::SYS_process_vm_readv, [1, 0, 0, 0, 0, 0])),
        ("pidfd_getfd", call(libc::SYS_pidfd_getfd, [-1, 0, 0, 0, 0, 0])),
        (
            "pidfd_send_signal",
            call(libc::SYS_pidfd_send_signal, [-1, 0, 0, 0, 0, 0]),
        ),
        ("mount", call(libc::SYS_mount, none)),
        ("umount2", call(libc::SYS_umount2, none)),
        ("open_tree", call(libc::SYS_open_tree, [-1, 0, 0, 0, 0, 0])),
        ("move_mount", call(libc::SYS_move_mount, [-1, 0, -1, 0, 0, 0])),
        ("fsopen", call(libc::SYS_fsopen, none)),
        ("pivot_root", call(libc::SYS_pivot_root, none)),
        ("chroot", call(libc::SYS_chroot, none)),
        (
            "unshare",
            call(libc::SYS_unshare, [c_long::from(libc::CLONE_NEWUSER), 0, 0, 0, 0, 0]),
        ),
        ("setns", call(libc::SYS_setns, [-1, 0, 0, 0, 0, 0])),
        ("socket", call(libc::SYS_socket, [2, 1, 0, 0, 0, 0])),
        ("socketpair of IP", call(libc::SYS_socketpair, [2, 1, 0, 0, 0, 0])),
        ("bind", call(libc::SYS_bind, [-1, 0, 0, 0, 0, 0])),
        ("connect", call(libc::SYS_connect, [-1, 0, 0, 0, 0, 0])),
        ("setuid", call(libc::SYS_setuid, none)),
        ("capset", call(libc::SYS_capset, none)),
        ("prctl of securebits", call(libc::SYS_prctl, [28, 0, 0, 0, 0, 0])),
        ("prlimit64 of another", call(libc::SYS_prlimit64, [1, 0, 0, 0, 0, 0])),
        ("bpf", call(libc::SYS_bpf, none)),
        ("perf_event_open", call(libc::SYS_perf_event_open, none)),
        ("init_module", call(libc::SYS_init_module, none)),
        ("reboot", call(libc::SYS_reboot, none)),
        ("keyctl", call(libc::SYS_keyctl, none)),
        ("io_uring_setup", call(libc::SYS_io_uring_setup, none)),
        ("userfaultfd", call(libc::SYS_userfaultfd, [-1, 0, 0, 0, 0, 0])),
        ("open_by_handle_at", call(libc::SYS_open_by_handle_at, none)),
        ("openat2", call(libc::SYS_openat2, none)),
        (
            "memory that is executed",
            call(libc::SYS_mmap, [0, 4096, 4, 0x22, -1, 0]),
        ),
        (
            "memory to read that is executed",
            call(
                libc::SYS_personality,
                [c_long::from(libc::READ_IMPLIES_EXEC), 0, 0, 0, 0, 0],
            ),
        ),
        ("ioctl of a terminal", call(libc::SYS_ioctl, [-1, 0x5412, 0, 0, 0, 0])),
        ("unlinkat", call(libc::SYS_unlinkat, none)),
        ("renameat2", call(libc::SYS_renameat2, none)),
        ("fchmodat", call(libc::SYS_fchmodat, none)),
        ("fchownat", call(libc::SYS_fchownat, none)),
        ("mkdirat", call(libc::SYS_mkdirat, none)),
        ("setxattr", call(libc::SYS_setxattr, none)),
        ("a new file", errno(File::create("/tmp/lxcfs-test-of-the-sandbox"))),
        (
            "a new file without a name",
            errno(
                File::options()
                    .read(true)
                    .write(true)
                    .custom_flags(libc::O_TMPFILE)
                    .open("/tmp"),
            ),
        ),
        (
            "a file that is cut off",
            errno(File::options().write(true).truncate(true).open("/dev/null")),
        ),
        ("/etc/shadow to write", writing("/etc/shadow")),
        ("a cgroup to write", writing(&format!("{cgroup}/cgroup.procs"))),
    ];
    // What the test harness has begun is not to be part of the first line.
    println!();
    for (what, errno) in tried {
        println!("tried {errno} {what}");
    }
    for (what, errno) in [
        (
            "a thread",
            errno(
                std::thread::Builder::new()
                    .name("one".into())
                    .spawn(|| ())
                    .map(|one| one.join().unwrap()),
            ),
        ),
        ("tgkill of itself", call(libc::SYS_tgkill, [own, own, 0, 0, 0, 0])),
        (
            "memory",
            errno(memfd_create("test", MemfdFlags::CLOEXEC).map_err(Into::into)),
        ),
        ("a pair of sockets", errno(std::os::unix::net::UnixStream::pair())),
        ("a file to read", errno(fs::read("/proc/self/status"))),
        (
            "a copy of a descriptor",
            errno(File::open("/dev/null").and_then(|file| file.try_clone())),
        ),
        (
            "a process of others",
            errno(fs::read_link(format!("/proc/{init}/ns/pid"))),
        ),
        ("the personality", errno(personality::get().map_err(Into::into))),
        (
            "a panic",
            i32::from(std::panic::catch_unwind(|| panic!("a panic on purpose")).is_ok()),
        ),
        ("an older call", errno(fs::symlink_metadata("/proc/self"))),
    ] {
        println!("done {errno} {what}");
    }
    let text = Expected::of(init).text("proc/meminfo").unwrap();
    println!("MemTotal {}", meminfo(&text, "MemTotal"));
}

#[test]
fn what_a_worker_has_no_use_for_is_refused_and_a_request_is_answered() {
    if !machine_has(&[Machine::Root, Machine::Cgroups]) {
        return;
    }
    let cgroup = Cgroup::new(&Limits::default().memory(64 << 20));
    let container = Container::start_unprivileged(&cgroup);
    let init = container.init().to_string();
    let dir = cgroup.dir("memory").unwrap().to_str().unwrap();
    for triggers in ["none", "triggers"] {
        let said = Caller::host().act("confined", &[triggers, &init, dir]).finish().well();
        let text = said.text();
        println!("{triggers}: {text}");
        let lines = |word: &str| -> Vec<(i32, String)> {
            let lines = text
                .lines()
                .filter_map(|line| line.strip_prefix(word)?.trim().split_once(' '));
            lines
                .map(|(errno, what)| (errno.parse().unwrap(), what.to_owned()))
                .collect()
        };
        let tried = lines("tried");
        assert_eq!(tried.len(), 53, "{text}");
        for (errno, what) in tried {
            let is_for_triggers = what.ends_with(" to write");
            let wanted = if is_for_triggers && triggers == "triggers" {
                0
            } else {
                libc::ENOSYS
            };
            assert_eq!(errno, wanted, "{what}, {triggers}");
        }
        let done = lines("done");
        assert_eq!(done.len(), 10, "{text}");
        assert!(done.iter().all(|(errno, _)| *errno == 0), "{done:?}");
        assert!(text.contains("MemTotal 65536"), "{text}\n{}", said.stderr);
    }
}
