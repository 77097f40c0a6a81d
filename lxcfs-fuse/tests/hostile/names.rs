//! Names that are made to be misread: of processes and of cgroups, where they are shown and where they are logged.

use std::ffi::{CString, OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use lxcfs_testing::{Caller, Cgroup, Container, Limits, wait_until};

use super::rig::meminfo;
use super::worker::Served;

/// Names of processes, which may have any bytes but NUL.
const COMMS: [&[u8]; 8] = [
    b"a) S 1 (b",
    b")))",
    b"a b\tc",
    b"x\n7 (y) R 1",
    b"\xff\xfe\x80",
    b"\x1b[2J",
    b"",
    b"Uid:\t0\n",
];

/// Names of cgroups, which may have any bytes but NUL, `/` and, on v1, a newline.
fn cgroup_names() -> Vec<OsString> {
    let long = vec![b'x'; 255];
    let names: [&[u8]; 9] = [
        b"a b",
        b"quote\"'`$(x)",
        b"back\\slash\\012",
        b"...",
        b"..x",
        b"0::",
        b"\xff\xfe",
        b"a:b,c=d (deleted)",
        &long,
    ];
    names.map(|name| OsString::from_vec(name.to_vec())).into()
}

/// Takes one of the names, and says what it is shown whenever that changes.
pub(crate) fn named(arguments: &[&str]) {
    let [number, path] = arguments else {
        panic!("{arguments:?}")
    };
    let name = CString::new(COMMS[number.parse::<usize>().unwrap()]).unwrap();
    rustix::thread::set_name(&name).unwrap();
    super::totals(&[path]);
}

#[test]
fn whatever_a_process_and_its_cgroup_are_called_it_sees_its_own() {
    let Some(served) = Served::start(&[]) else { return };
    let above = Cgroup::new(&Limits::default());
    let names = cgroup_names();
    for (number, name) in names.iter().enumerate() {
        let size = 64 + u64::try_from(number).unwrap();
        let cgroup = above.child(name, &Limits::default().memory(size << 20));
        let container = Container::start(&cgroup);
        let comm = (number % COMMS.len()).to_string();
        // A process of the container, and one of the host that is in the cgroup.
        let inside = Caller::host().act("named", &[&comm, &served.meminfo()]);
        cgroup.attach(inside.pid());
        wait_until("the reader sees its own", || {
            inside.said().contains(&format!("{} kB", size << 10))
        });
        drop(inside);
        drop(container);
    }
    served.is_well();
}

#[test]
fn load_averages_are_counted_over_processes_of_any_name() {
    let Some(served) = Served::start(&[]) else { return };
    let cgroup = Cgroup::new(&Limits::default().memory(64 << 20));
    let container = Container::start(&cgroup);
    let path = served.meminfo();
    let numbers: Vec<String> = (0..COMMS.len()).map(|number| number.to_string()).collect();
    let running: Vec<_> = numbers
        .iter()
        .map(|number| container.caller().act("named", &[number, &path]))
        .collect();
    for one in &running {
        wait_until("the reader reads", || one.said().contains("65536 kB"));
    }
    let text = container.caller().read(&served.kept.file("proc/loadavg"));
    let tasks = text
        .split_whitespace()
        .nth(3)
        .and_then(|tasks| tasks.split_once('/'))
        .unwrap()
        .1;
    // The first one, the readers, and who has just read.
    assert!(tasks.parse::<usize>().unwrap() >= COMMS.len() + 2, "{text}");
    drop(running);
    served.is_well();
}

#[test]
fn the_kernel_of_v1_has_no_cgroup_with_a_newline_and_that_of_v2_neither() {
    if !lxcfs_testing::machine_has(&[lxcfs_testing::Machine::Root, lxcfs_testing::Machine::Cgroups]) {
        return;
    }
    let above = Cgroup::new(&Limits::default());
    for dir in above.dirs() {
        let made = fs::create_dir(dir.join("a\n0::/"));
        assert_eq!(
            made.unwrap_err().raw_os_error(),
            Some(nix::libc::EINVAL),
            "{}",
            dir.display()
        );
    }
}

#[test]
fn what_is_logged_of_a_name_stays_in_its_line() {
    // A daemon that cannot read what is closed to it complains of that, by name.
    const NAME: &[u8] = b"evil\x1b[31m\rERROR \"x\" \xff\xc2\x9b1m";
    for format in ["text", "json"] {
        if !lxcfs_testing::machine_has(&[
            lxcfs_testing::Machine::Root,
            lxcfs_testing::Machine::Cgroups,
            lxcfs_testing::Machine::Fuse,
        ]) {
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("lxcfs");
        let script = format!(
            "#!/bin/sh\nexec setpriv --bounding-set -dac_override,-dac_read_search {} \"$@\"\n",
            env!("CARGO_BIN_EXE_lxcfs")
        );
        fs::write(&program, script).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        // Else "text file busy", where another test forks just now.
        assert!(Command::new("sync").status().unwrap().success());
        let daemon = lxcfs_testing::Daemon::start(&program, &["--log-format", format]);
        let above = Cgroup::new(&Limits::default());
        let cgroup = above.child(OsStr::from_bytes(NAME), &Limits::default().memory(64 << 20));
        let reader = Caller::host().act("totals", &[&daemon.file("proc/meminfo")]);
        wait_until("the reader reads", || reader.said().contains(" kB"));
        cgroup.attach(reader.pid());
        for dir in cgroup.dirs() {
            std::os::unix::fs::chown(dir, Some(100_000), None).unwrap();
            fs::set_permissions(dir, fs::Permissions::from_mode(0o700)).unwrap();
        }
        wait_until("the daemon complains", || daemon.log().contains("evil"));
        let log = daemon.log();
        let lines: Vec<&str> = log.lines().filter(|line| line.contains("evil")).collect();
        println!("{lines:#?}");
        for line in &lines {
            assert!(!line.contains(char::is_control), "{line:?}");
            if format == "json" {
                serde_json::from_str::<serde_json::Value>(line).unwrap();
            }
        }
        assert!(!log.lines().any(|line| line.starts_with("ERROR")), "{log}");
        drop(reader);
        let total = meminfo(&Caller::host().read(&daemon.file("proc/meminfo")), "MemTotal");
        assert!(total > 64 << 10);
    }
}
