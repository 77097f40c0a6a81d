//! What a limited container finds in the mounted tree.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    reason = "this is test code"
)]

mod rig;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{Read as _, Seek as _};

use lxcfs_core::live::boot_time;
use lxcfs_core::{CaptureError, EntryKind, TABLE, find};
use lxcfs_testing::{Caller, Cgroup, Container, Daemon, Limits, Version, act_if_told};
use rig::{Expected, cpu_list, host_cpus, meminfo, mounted, shape};

const CPUS: &str = "sys/devices/system/cpu";

#[test]
fn act() {
    act_if_told(&[("errno", |paths| {
        for path in paths {
            let result = File::open(path).and_then(|mut file| file.read_to_end(&mut Vec::new()));
            println!(
                "\n{path} {}",
                result.map_or_else(|error| error.raw_os_error().unwrap(), |_| 0)
            );
        }
    })]);
}

/// The error number of opening and reading a file in a container; 0 if it can be read.
fn errno(container: &Container<'_>, path: &str) -> i32 {
    let said = container.caller().act("errno", &[path]).finish().well().text();
    let line = said.lines().find_map(|line| line.strip_prefix(path));
    line.unwrap_or_else(|| panic!("{said}")).trim().parse().unwrap()
}

/// Calls that with a limited container that is shown the daemon's files.
fn with_container(limits: &Limits, test: impl FnOnce(&Daemon, &Container<'_>)) {
    let Some(daemon) = mounted() else { return };
    let cgroup = Cgroup::new(limits);
    let container = Container::start(&cgroup);
    test(&daemon, &container);
}

fn limits() -> Limits {
    Limits::default().memory(256 << 20).cpu_percent(100)
}

#[test]
fn every_row_of_the_table_is_shown_as_it_is_rendered() {
    with_container(&limits(), |daemon, container| {
        let expected = Expected::of(container.init());
        for row in TABLE.iter().filter(|row| !row.is_directory()) {
            let path = daemon.file(row.path);
            match expected.text(row.path) {
                Ok(text) => {
                    let shown = container.caller().read(&path);
                    assert_eq!(
                        without_change(row.path, &shown),
                        without_change(row.path, &text),
                        "{path}"
                    );
                }
                Err(CaptureError::NotAvailable { .. }) => {
                    assert_eq!(errno(container, &path), nix::libc::EOPNOTSUPP, "{path}");
                }
                Err(CaptureError::NoSuchFile { .. } | CaptureError::Source(_)) => {
                    assert_eq!(errno(container, &path), nix::libc::ENOENT, "{path}");
                }
                Err(error) => panic!("{path}: {error}"),
            }
        }
    });
}

/// What of a file does not change from one moment to the next.
fn without_change(path: &str, text: &str) -> String {
    match path {
        "proc/swaps" | "proc/slabinfo" => text.to_owned(),
        "proc/cpuinfo" => lines(text, |line| {
            if line.starts_with("cpu MHz") {
                shape(line)
            } else {
                line.to_owned()
            }
        }),
        "proc/meminfo" => lines(text, |line| {
            if line.starts_with("MemTotal") || line.starts_with("SwapTotal") {
                line.to_owned()
            } else {
                shape(line)
            }
        }),
        // A device may be used for the first time in between.
        "proc/diskstats" => lines(text, |line| line.split_whitespace().count().to_string())
            .lines()
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect(),
        path if path.starts_with(CPUS) => text.to_owned(),
        _ => shape(text),
    }
}

fn lines(text: &str, of: impl Fn(&str) -> String) -> String {
    text.lines().map(|line| of(line) + "\n").collect()
}

#[test]
fn memory_is_what_the_limit_leaves() {
    with_container(&limits(), |daemon, container| {
        let text = container.caller().read(&daemon.file("proc/meminfo"));
        let [total, free, available] = ["MemTotal", "MemFree", "MemAvailable"].map(|key| meminfo(&text, key));
        assert_eq!(total, 256 << 10);
        assert!(0 < free && free <= available && available <= total, "{text}");
    });
}

#[test]
fn swap_is_what_the_limit_leaves() {
    if !lxcfs_testing::machine_has(&[lxcfs_testing::Machine::Swap]) {
        return;
    }
    with_container(&limits().swap(64 << 20), |daemon, container| {
        // v1 limits memory and swap together, so that all of it may be swap.
        let (file, all) = match container.cgroup().version("memory") {
            Some(Version::V1) => ("memory.memsw.limit_in_bytes", 320 << 10),
            _ => ("memory.swap.max", 64 << 10),
        };
        let has_it = container.cgroup().dir("memory").unwrap().join(file).exists();
        let expected = if has_it { all } else { 0 };
        let text = container.caller().read(&daemon.file("proc/meminfo"));
        assert_eq!(meminfo(&text, "SwapTotal"), expected);
        let swaps = container.caller().read(&daemon.file("proc/swaps"));
        assert_eq!(swaps.lines().count(), if has_it { 2 } else { 1 }, "{swaps}");
    });
}

#[test]
fn every_file_counts_the_same_cpus() {
    let host = host_cpus();
    for percent in [50, 100, 150, 250] {
        let last = host.last().unwrap();
        for cpuset in [None, Some(last.to_string())] {
            let mut limits = Limits::default().cpu_percent(percent);
            let mut cpus = host.clone();
            if let Some(cpuset) = &cpuset {
                limits = limits.cpuset(cpuset.clone());
                cpus = vec![*last];
            }
            cpus.truncate(usize::try_from(percent.div_ceil(100)).unwrap());
            with_container(&limits, |daemon, container| {
                for (from, shown) in cpus_shown(daemon, container) {
                    assert_eq!(shown, cpus, "{from} with {percent} % of {cpuset:?}");
                }
            });
        }
    }
}

fn cpus_shown(daemon: &Daemon, container: &Container<'_>) -> [(&'static str, Vec<u32>); 6] {
    let read = |path: &str| container.caller().read(&daemon.file(path));
    let numbers = |text: &str, of: fn(&str) -> Option<u32>| text.lines().filter_map(of).collect::<Vec<_>>();
    let mut directories = numbers(&container.caller().text(&["ls", &daemon.file(CPUS)]), |line| {
        line.strip_prefix("cpu")?.parse().ok()
    });
    directories.sort_unstable();
    [
        (
            "cpuinfo",
            numbers(&read("proc/cpuinfo"), |line| {
                line.strip_prefix("processor")?.split(": ").nth(1)?.parse().ok()
            }),
        ),
        (
            "stat",
            numbers(&read("proc/stat"), |line| {
                line.strip_prefix("cpu")?.split(' ').next()?.parse().ok()
            }),
        ),
        ("directories", directories),
        ("online", cpu_list(&read("sys/devices/system/cpu/online"))),
        ("present", cpu_list(&read("sys/devices/system/cpu/present"))),
        ("possible", cpu_list(&read("sys/devices/system/cpu/possible"))),
    ]
}

#[test]
fn the_cpu_line_is_the_sum_of_the_cpus() {
    with_container(&limits().cpu_percent(200), |daemon, container| {
        let text = container.caller().read(&daemon.file("proc/stat"));
        let columns = |line: &str| -> Vec<u64> {
            line.split_whitespace()
                .skip(1)
                .map(|word| word.parse().unwrap())
                .collect()
        };
        let mut cpus = text.lines().take_while(|line| line.starts_with("cpu"));
        let all = columns(cpus.next().unwrap());
        let mut sum = vec![0; all.len()];
        for cpu in cpus {
            for (sum, one) in sum.iter_mut().zip(columns(cpu)) {
                *sum += one;
            }
        }
        assert_eq!(all, sum, "{text}");
    });
}

#[test]
fn the_container_is_up_since_its_init_started() {
    with_container(&limits(), |daemon, container| {
        let started = Expected::of(container.init()).view(|view| view.started());
        let before = boot_time().saturating_sub(started);
        let text = container.caller().read(&daemon.file("proc/uptime"));
        let after = boot_time().saturating_sub(started);
        let uptime: f64 = text.split(' ').next().unwrap().parse().unwrap();
        // It is told in hundredths.
        assert!(
            before.as_secs_f64() - 0.01 <= uptime && uptime <= after.as_secs_f64(),
            "{before:?} {text} {after:?}"
        );
    });
}

#[test]
fn the_load_is_of_the_containers_own_tasks() {
    with_container(&limits(), |daemon, container| {
        let _second = container.caller().start(&["sleep", "600"]);
        let text = container.caller().read(&daemon.file("proc/loadavg"));
        let words: Vec<&str> = text.strip_suffix('\n').unwrap().split(' ').collect();
        assert_eq!(words.len(), 5, "{text}");
        for average in words.iter().take(3) {
            let (whole, hundredths) = average.split_once('.').unwrap();
            assert!(whole.parse::<u32>().unwrap() < 100 && hundredths.len() == 2, "{text}");
        }
        let (running, tasks) = words.get(3).unwrap().split_once('/').unwrap();
        // The init, the second, and the reader.
        assert!(running.parse::<u32>().unwrap() <= 3, "{text}");
        assert!((2..=3).contains(&tasks.parse::<u32>().unwrap()), "{text}");
        assert!(words.get(4).unwrap().parse::<u32>().unwrap() < 100, "{text}");
    });
}

#[test]
fn pressure_is_the_cgroups_own_or_an_error() {
    with_container(&limits(), |daemon, container| {
        let own = container.cgroup().dir("unified").map(|dir| dir.join("memory.pressure"));
        let path = daemon.file("proc/pressure/memory");
        if !fs::exists("/proc/pressure/memory").unwrap() {
            assert_eq!(errno(container, &path), nix::libc::ENOENT);
        } else if let Some(own) = own.filter(|own| own.exists()) {
            let text = container.caller().read(&path);
            assert_eq!(shape(&text), shape(&fs::read_to_string(own).unwrap()));
        } else {
            assert_eq!(errno(container, &path), nix::libc::EOPNOTSUPP);
        }
    });
}

#[test]
fn the_whole_tree_of_cpus_can_be_read() {
    with_container(&limits().cpu_percent(200), |daemon, container| {
        let script = format!(
            "cd {} && ls -lR . && find . -type f -exec cat {{}} + && find . -type l -exec readlink {{}} + && find .",
            daemon.file(CPUS)
        );
        let finished = container.caller().run(&["sh", "-c", &script]).well();
        assert_eq!(finished.stderr, "");
        assert!(finished.text().contains("./cpu0/topology/core_id\n") || host_cpus().first() != Some(&0));
    });
}

#[test]
fn directories_list_what_is_rendered_in_them() {
    with_container(&limits(), |daemon, container| {
        let expected = Expected::of(container.init());
        let mut ahead = vec![CPUS.to_owned()];
        let mut seen = 0;
        while let Some(directory) = ahead.pop() {
            let entries = expected.view(|view| find(&directory).unwrap().list(view)).unwrap();
            let names: BTreeSet<String> = entries.iter().map(|entry| entry.name.clone()).collect();
            assert_eq!(listed(daemon, container, &directory), names, "{directory}");
            for entry in entries {
                let path = format!("{directory}/{}", entry.name);
                match entry.kind {
                    EntryKind::Directory => ahead.push(path),
                    EntryKind::Symlink => {
                        let text = container.caller().text(&["readlink", &daemon.file(&path)]);
                        let link = expected.view(|view| find(&path).unwrap().read_link(view)).unwrap();
                        assert_eq!(text.trim_end(), link.to_str().unwrap());
                    }
                    _ => {}
                }
                seen += 1;
            }
        }
        assert!(seen > 10, "{seen}");
    });
}

/// What is in a directory; what is there twice is a failure.
fn listed(daemon: &Daemon, container: &Container<'_>, directory: &str) -> BTreeSet<String> {
    let text = container.caller().text(&["ls", "-aU", &daemon.file(directory)]);
    let names: BTreeSet<_> = text.lines().map(str::to_owned).collect();
    assert_eq!(names.len(), text.lines().count(), "twice in {directory}: {text}");
    assert!(names.contains(".") && names.contains(".."), "{directory}: {text}");
    names
        .into_iter()
        .filter(|name| !matches!(name.as_str(), "." | ".."))
        .collect()
}

#[test]
fn directories_above_list_the_rows() {
    with_container(&limits(), |daemon, container| {
        let list = |directory| listed(daemon, container, directory);
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
        assert_eq!(list(""), names(&["proc", "sys"]));
        assert_eq!(list("sys"), names(&["devices"]));
        assert_eq!(list("sys/devices"), names(&["system"]));
        assert_eq!(list("sys/devices/system"), names(&["cpu"]));
        // A file that the host's kernel does not have may be left out.
        let rows = |directory: &str| -> BTreeSet<String> {
            let below = TABLE
                .iter()
                .filter_map(|row| row.path.strip_prefix(directory)?.strip_prefix('/'));
            below.map(|path| path.split('/').next().unwrap().to_owned()).collect()
        };
        for directory in ["proc", "proc/pressure"] {
            let (found, rows) = (list(directory), rows(directory));
            assert!(found.is_subset(&rows), "{found:?}");
            for missing in rows.difference(&found) {
                assert!(!fs::exists(format!("/{directory}/{missing}")).unwrap(), "{missing}");
            }
        }
    });
}

#[test]
fn everything_is_roots_and_may_be_read_by_all_and_written_by_none() {
    with_container(&limits(), |daemon, container| {
        let stat = |path: &str| {
            container
                .caller()
                .text(&["stat", "-c", "%a %u:%g %F", &daemon.file(path)])
        };
        for row in TABLE.iter().filter(|row| !row.is_directory()) {
            if errno(container, &daemon.file(row.path)) != nix::libc::ENOENT {
                let kind = stat(row.path).replace("regular empty file", "regular file");
                // As in the kernel's own /proc.
                let mode = if row.path == "proc/slabinfo" { 400 } else { 444 };
                assert_eq!(kind, format!("{mode} 0:0 regular file\n"), "{}", row.path);
            }
        }
        for directory in [
            "",
            "proc",
            "proc/pressure",
            "sys",
            CPUS,
            "sys/devices/system/cpu/vulnerabilities",
        ] {
            assert_eq!(stat(directory), "555 0:0 directory\n", "{directory}");
        }
    });
}

#[test]
fn what_is_not_there_is_not_there() {
    with_container(&limits(), |daemon, container| {
        for path in [
            "nothing",
            "proc/nothing",
            "proc/self",
            "proc/pressure/nothing",
            "sys/kernel",
            "sys/devices/system/cpu/cpu4095",
            "sys/devices/system/cpu/cpu00",
            "sys/devices/system/cpu/hotplug",
        ] {
            assert_eq!(errno(container, &daemon.file(path)), nix::libc::ENOENT, "{path}");
        }
        assert_eq!(errno(container, &daemon.file("proc/meminfo/below")), nix::libc::ENOTDIR);
        assert_eq!(errno(container, &daemon.file("proc")), nix::libc::EISDIR);
    });
}

#[test]
fn nothing_can_be_written() {
    with_container(&limits(), |daemon, container| {
        let (file, directory) = (daemon.file("proc/meminfo"), daemon.file("proc"));
        for script in [
            format!(": > {file}"),
            format!(": >> {file}"),
            format!(": <> {file}"),
            format!(": > {directory}/new"),
            format!("mkdir {directory}/new"),
            format!("rm -f {file}"),
            format!("mv {file} {file}2"),
            format!("ln -s x {directory}/new"),
            format!("ln {file} {directory}/new"),
            format!("chmod 777 {file}"),
            format!("chown 1 {file}"),
            format!("touch {file}"),
            format!("truncate -s 0 {file}"),
            format!("mknod {directory}/new p"),
            format!("setfattr -n user.x -v y {file}"),
        ] {
            let finished = container.caller().run(&["env", "LC_ALL=C", "sh", "-c", &script]);
            assert!(!finished.status.success(), "{script}");
            let refused = [
                "Read-only file system",
                "Permission denied",
                "not permitted",
                "not found",
                "not supported",
            ];
            assert!(
                refused.iter().any(|why| finished.stderr.contains(why)),
                "{script}: {}",
                finished.stderr
            );
        }
        let mountinfo = fs::read_to_string("/proc/self/mountinfo").unwrap();
        let mount = daemon.mount();
        let line = mountinfo
            .lines()
            .find(|line| line.contains(mount.to_str().unwrap()))
            .unwrap();
        let options = line.split(' ').nth(5).unwrap();
        for option in ["ro", "nosuid", "nodev"] {
            assert!(options.split(',').any(|one| one == option), "{line}");
        }
    });
}

#[test]
fn the_file_system_answers_what_tools_ask_of_any() {
    with_container(&limits(), |daemon, container| {
        let (mount, file) = (daemon.file(""), daemon.file("proc/stat"));
        for words in [
            vec!["df", mount.as_str()],
            vec!["stat", "-f", &mount],
            vec!["test", "-r", &file],
            vec!["dd", &format!("if={file}"), "of=/dev/null", "bs=7"],
            vec!["tail", "-n", "1", &file],
            vec!["wc", "-c", &file],
        ] {
            let finished = container.caller().run(&words);
            assert!(finished.status.success(), "{words:?}: {}", finished.stderr);
        }
    });
}

#[test]
fn files_can_be_bound_over_those_of_a_container() {
    with_container(&limits(), |daemon, container| {
        let caller = container.caller().with_files_of(daemon);
        let free = caller.text(&["free", "-k"]);
        let total = free.lines().find_map(|line| line.strip_prefix("Mem:")).unwrap();
        assert_eq!(total.split_whitespace().next(), Some("262144"), "{free}");
        assert_eq!(caller.text(&["getconf", "_NPROCESSORS_ONLN"]), "1\n");
        assert_eq!(caller.text(&["getconf", "_NPROCESSORS_CONF"]), "1\n");
    });
}

#[test]
fn who_is_not_confined_is_shown_the_hosts_own() {
    let Some(daemon) = mounted() else { return };
    let expected = Expected::of(std::process::id());
    let text = Caller::host().read(&daemon.file("proc/meminfo"));
    let rendered = expected.text("proc/meminfo").unwrap();
    assert_eq!(meminfo(&text, "MemTotal"), meminfo(&rendered, "MemTotal"));
    assert_eq!(shape(&text), shape(&rendered));
}

#[test]
fn it_ends_when_it_is_told_and_leaves_nothing() {
    let Some(mut daemon) = mounted() else { return };
    let own = daemon.pid().to_string();
    let written = || fs::read_to_string(daemon.pid_file()).is_ok_and(|pid| pid.trim() == own);
    lxcfs_testing::wait_until("its pid is written", written);
    assert!(daemon.stop().success(), "{}", daemon.log());
    assert!(!daemon.is_mounted());
    assert!(!daemon.pid_file().exists());
}

#[test]
fn it_can_be_unmounted_from_outside() {
    let Some(mut daemon) = mounted() else { return };
    nix::mount::umount2(&daemon.mount(), nix::mount::MntFlags::empty()).unwrap();
    lxcfs_testing::wait_until("the daemon has seen it", || !daemon.is_running());
}

/// The page cache is one for all containers, and `sendfile(2)` would read through it. It is refused, and who copies with it
/// (busybox' cat, `std::io::copy`) reads instead and gets his own text.
#[test]
fn copies_within_the_kernel_are_refused_and_those_who_copy_get_the_text() {
    let Some(daemon) = mounted() else { return };
    for row in TABLE.iter().filter(|row| !row.is_directory()) {
        let path = daemon.file(row.path);
        let Ok(text) = fs::read_to_string(&path) else { continue };
        let mut copy = tempfile::tempfile().unwrap();
        let file = File::open(&path).unwrap();
        if !text.is_empty() {
            let refused = rustix::fs::sendfile(&copy, &file, None, 1 << 16).unwrap_err();
            assert_eq!(refused, rustix::io::Errno::INVAL, "{path}");
        }
        std::io::copy(&mut &file, &mut copy).unwrap();
        let mut copied = String::new();
        copy.rewind().unwrap();
        copy.read_to_string(&mut copied).unwrap();
        assert_eq!(copied.is_empty(), text.is_empty(), "{path}");
        assert_eq!(shape(&copied), shape(&text), "{path}");
        assert_eq!(fs::metadata(&path).unwrap().len(), 4096, "{path}");
    }
}

/// The kernel keeps names for all containers: one that vanished for one of them would take others' mounts with it.
#[test]
fn a_cpu_that_a_container_does_not_see_is_still_a_name() {
    if host_cpus().len() < 2 {
        println!("SKIPPED a_cpu_that_a_container_does_not_see_is_still_a_name: needs two CPUs");
        return;
    }
    with_container(&limits(), |daemon, container| {
        let listed = container.caller().text(&["ls", &daemon.file(CPUS)]);
        let is_cpu = |name: &&str| lxcfs_core::cpu_list::cpu_of_name(name.as_bytes()).is_some();
        let seen = listed.lines().filter(is_cpu);
        assert_eq!(seen.count(), 1, "{listed}");
        for cpu in host_cpus() {
            let directory = daemon.file(&format!("{CPUS}/cpu{cpu}"));
            container.caller().run(&["test", "-d", &directory]).well();
        }
    });
}
