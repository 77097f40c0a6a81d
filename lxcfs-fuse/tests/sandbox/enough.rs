//! A confined worker shows every row of the table as it is rendered, to containers of every kind.

use std::path::Path;

use lxcfs_core::TABLE;
use lxcfs_testing::{Cgroup, Container, Kept, Limits, Machine, machine_has};

use super::rig::{Expected, meminfo, patience, shape};

/// Says of each file what it is, or with which error it cannot be read.
pub(crate) fn rows(paths: &[&str]) {
    // What the test harness has begun is not to be part of the first line.
    println!();
    for path in paths {
        match std::fs::read_to_string(path) {
            Ok(text) => println!("row {path} {:?}", shape(&text)),
            Err(error) => println!("row {path} error {}", error.raw_os_error().unwrap()),
        }
    }
}

fn kept(arguments: &[&str]) -> Option<Kept> {
    let arguments = [patience(), arguments].concat();
    machine_has(&[Machine::Root, Machine::Cgroups, Machine::Fuse])
        .then(|| Kept::start(Path::new(env!("CARGO_BIN_EXE_lxcfs")), &arguments))
}

/// Whether what is in that file is of one shape whenever it is read. A device may be used for the first time in between.
fn is_steady(path: &str) -> bool {
    path != "proc/diskstats"
}

#[test]
fn every_row_is_shown_to_containers_with_and_without_a_user_namespace() {
    for arguments in [&[][..], &["--enable-psi-poll"]] {
        let Some(daemon) = kept(arguments) else { return };
        let cgroup = Cgroup::new(&Limits::default().memory(256 << 20).cpu_percent(100));
        for container in [Container::start(&cgroup), Container::start_unprivileged(&cgroup)] {
            let expected = Expected::of(container.init());
            let files: Vec<_> = TABLE.iter().filter(|row| !row.is_directory()).collect();
            let paths: Vec<String> = files.iter().map(|row| daemon.file(row.path)).collect();
            let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
            let said = container.caller().act("rows", &paths).finish().well().text();
            let mut seen = 0;
            for (row, path) in files.iter().zip(&paths) {
                let line = said.lines().find_map(|line| line.strip_prefix(&format!("row {path} ")));
                let line = line.unwrap_or_else(|| panic!("{path}: {said}"));
                match expected.text(row.path) {
                    // That of slabs is for the host's root.
                    Ok(_) if row.path == "proc/slabinfo" => {}
                    Ok(text) if is_steady(row.path) => {
                        seen += 1;
                        assert_eq!(line, format!("{:?}", shape(&text)), "{path}");
                    }
                    Ok(_) => assert!(!line.starts_with("error"), "{path}: {line}"),
                    Err(_) => assert!(line.starts_with("error"), "{path}: {line}"),
                }
            }
            assert!(seen > 8, "{said}");
            let shown = container.caller().read(&daemon.file("proc/meminfo"));
            assert_eq!(meminfo(&shown, "MemTotal"), 256 << 10);
        }
        assert!(!daemon.log().contains("denied"), "{}", daemon.log());
    }
}

#[test]
fn a_cgroup_that_its_owner_has_closed_to_others_is_read() {
    use std::os::unix::fs::PermissionsExt as _;
    let Some(daemon) = kept(&[]) else { return };
    let cgroup = Cgroup::new(&Limits::default().memory(64 << 20));
    let container = Container::start_unprivileged(&cgroup);
    for dir in cgroup.dirs() {
        std::os::unix::fs::chown(dir, Some(100_000), Some(100_000)).unwrap();
        std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o700)).unwrap();
    }
    for _ in 0..2 {
        let shown = container.caller().read(&daemon.file("proc/meminfo"));
        assert_eq!(meminfo(&shown, "MemTotal"), 64 << 10, "{}", daemon.log());
    }
}
