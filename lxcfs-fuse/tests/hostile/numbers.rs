//! Thread numbers that another container had a moment ago: FUSE names its caller by nothing else.

use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use lxcfs_testing::{Caller, Cgroup, Container, Kept, Limits, words_of_act};

use super::rig::{meminfo, rounds};
use super::worker::Served;

const LAST: &str = "/proc/sys/kernel/ns_last_pid";

/// For so long a number is believed to be that of the same thread: decision 10.
const BELIEVED: Duration = Duration::from_millis(5);

#[test]
fn a_number_that_was_another_containers_gets_its_own() {
    let Some(served) = Served::start(&[]) else { return };
    if !Path::new(LAST).exists() {
        return lxcfs_testing::kernel_lacks("a kernel with CONFIG_CHECKPOINT_RESTORE");
    }
    let cgroups = [64, 96].map(|size| Cgroup::new(&Limits::default().memory(size << 20)));
    let containers = cgroups.each_ref().map(Container::start);
    let path = served.meminfo();
    let mut again = 0;
    for round in 0..rounds(200) {
        // It is remembered by its number: it reads more than twice.
        let first = containers[0].caller().start(&["cat", &path, &path, &path]);
        let number = first.pid();
        assert_eq!(meminfo(&first.finish().well().text(), "MemTotal"), 64 << 10);
        sleep(BELIEVED);
        fs::write(LAST, (number - 1).to_string()).unwrap();
        let second = containers[1].caller().start(&["cat", &path, &path]);
        again += u32::from(second.pid() == number);
        let text = second.finish().well().text();
        assert_eq!(meminfo(&text, "MemTotal"), 96 << 10, "round {round}, {number}: {text}");
    }
    println!(
        "{again} of {} had the number of one of the other container",
        rounds(200)
    );
    assert!(again > 0, "no number came again");
    served.is_well();
}

#[test]
fn where_there_are_few_numbers_for_the_daemon_too_each_sees_its_own() {
    // The daemon, its keeper and two containers in a pid namespace of a few hundred numbers.
    if Served::start(&[]).is_none() {
        return;
    }
    // Before that, the whole machine would have so few.
    if !lxcfs_testing::kernel_is_at_least(6, 14) {
        return lxcfs_testing::kernel_lacks("a kernel with a pid_max for each pid namespace (6.14)");
    }
    let outer = Cgroup::new(&Limits::default());
    let container = Container::start(&outer);
    // With a /proc of that namespace, and mounts that nobody else sees.
    let mounted = "mount -t proc proc /proc && exec \"$@\"";
    let unshared = [
        "unshare",
        "--mount",
        "--propagation",
        "private",
        "sh",
        "-c",
        mounted,
        "sh",
    ];
    let act = words_of_act("few numbers", &[]);
    let words: Vec<&str> = unshared.into_iter().chain(act.iter().map(String::as_str)).collect();
    let said = container.caller().run(&words).well();
    println!("{}{}", said.text(), said.stderr);
    assert!(said.text().contains("all saw their own"), "{}", said.text());
}

/// In a pid namespace of its own.
pub(crate) fn few(_: &[&str]) {
    fs::write("/proc/sys/kernel/pid_max", "400").unwrap();
    // Of the first 300 each is given out once only: so it begins after them.
    fs::write(LAST, "300").unwrap();
    let kept = Kept::start(Path::new(env!("CARGO_BIN_EXE_lxcfs")), &[]);
    let cgroups = [64, 96].map(|size| Cgroup::new(&Limits::default().memory(size << 20)));
    let containers = cgroups.each_ref().map(Container::start);
    let path = kept.file("proc/meminfo");
    let mut numbers = [Vec::new(), Vec::new()];
    for round in 0..rounds(100) {
        // Three, so that a number is not always that of the same container.
        for at in [0, 1, 1] {
            let reader = containers[at].caller().start(&["cat", &path, &path, &path]);
            numbers[at].push(reader.pid());
            let text = reader.finish().well().text();
            assert_eq!(
                meminfo(&text, "MemTotal"),
                [64 << 10, 96 << 10][at],
                "round {round}: {text}"
            );
        }
    }
    let both = numbers[0].iter().filter(|number| numbers[1].contains(number)).count();
    println!("all saw their own; {both} of {} numbers were of both", numbers[0].len());
    // A slower machine does not come round.
    assert!(both > 0 || rounds(100) < 100, "{numbers:?}");
    let host = meminfo(&Caller::host().read(&path), "MemTotal");
    assert!(host > 96 << 10, "{host}");
}
