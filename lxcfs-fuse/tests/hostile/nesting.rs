//! As deep as the kernel allows.

use lxcfs_testing::{Cgroup, Container, Limits};

use super::rig::rounds;
use super::worker::Served;

#[test]
fn in_the_deepest_pid_namespace_one_sees_ones_own() {
    let Some(served) = Served::start(&[]) else { return };
    let cgroup = Cgroup::new(&Limits::default().memory(64 << 20));
    let container = Container::start(&cgroup);
    // Each begins another one within itself, until the kernel refuses (pid_namespaces(7): 32). It says how deep it was.
    let script = r#"
        deeper() {
            unshare --pid --fork sh "$0" "$(($1 + 1))" "$2" 2>/dev/null && exit
            echo "depth $1"
            exec cat "$2"
        }
        deeper "$1" "$2"
    "#;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("deeper");
    std::fs::write(&file, script).unwrap();
    let path = served.meminfo();
    let text = container.caller().text(&["sh", file.to_str().unwrap(), "1", &path]);
    let depth = text
        .lines()
        .next()
        .and_then(|line| line.strip_prefix("depth "))
        .unwrap();
    println!("depth {depth}");
    assert!(depth.parse::<u32>().unwrap() > 20, "{text}");
    assert!(text.contains("MemTotal:          65536 kB"), "{text}");
    served.is_well();
}

#[test]
fn below_a_hundred_cgroups_the_tightest_limit_counts() {
    let Some(served) = Served::start(&[]) else { return };
    let top = Cgroup::new(&Limits::default().memory(64 << 20));
    let mut levels = vec![top];
    for level in 0..rounds(100) {
        let limits = Limits::default().memory((65 + u64::from(level)) << 20);
        let next = levels.last().unwrap().child("d", &limits);
        levels.push(next);
    }
    let container = Container::start(levels.last().unwrap());
    for _ in 0..2 {
        assert_eq!(served.memory(container.caller()), 64);
    }
    drop(container);
    // From below.
    while levels.pop().is_some() {}
    served.is_there();
}
