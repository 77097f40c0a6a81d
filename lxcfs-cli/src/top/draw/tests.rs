//! Screens as text.

use std::time::Duration;

use lxcfs_core::Init;
use lxcfs_core::host::loadavg::Loadavg;

use super::*;
use crate::facts::Memory;
use crate::screen::drawn;
use crate::top::beside_fuse::Reading;
use crate::top::collect::Facts;

fn facts(pid: u32, name: &str, used_mib: u64, total_mib: u64, cpu_millis: u64, at: u64) -> Facts {
    Facts {
        init: (pid > 0).then_some(Init { pid, start_ticks: 1 }),
        name: name.to_owned(),
        hostname: None,
        command: "sh".to_owned(),
        memory: Some(Memory {
            total: total_mib << 10,
            available: (total_mib - used_mib) << 10,
            ..Memory::default()
        }),
        cpu_time: Some(cpu_millis * 1_000_000),
        capacity_milli: Some(1000),
        load: Some(Loadavg {
            averages_hundredths: [105, 0, 0],
            running: 1,
            threads: 12,
            last_pid: 40,
        }),
        age: Some(Duration::from_secs(3700)),
        at: Duration::from_secs(at),
    }
}

fn look(at: u64) -> Look {
    Look {
        host: facts(0, "host", 6000, 24_105, at * 400, at),
        containers: vec![
            facts(4711, "docker 0123456789ab", 61, 256, at * 900, at),
            facts(77, "lxc web", 1000, 1024, at * 5, at),
        ],
        ..Look::default()
    }
}

fn two_looks() -> Model {
    let mut model = Model::new(Sort::Cpu, "", Reading::default());
    model.take(look(10));
    model.take(look(12));
    model
}

#[test]
fn a_screen_of_eighty_columns() {
    assert_eq!(
        drawn(&mut two_looks(), 80, 7),
        "\
lxcfs-cli top   2 containers
CONTAINER          PID          USED/MEMORY         CPU▼ CPUS  LOAD UPTIME TASKS
host                   [|     ]  5.8G/23.5G [|   ]   40%    1  1.05  1h01m    12
docker 01234567…  4711 [|     ]    61M/256M [||| ]   90%    1  1.05  1h01m    12
lxc web             77 [||||| ]    1000M/1G [    ]  0.5%    1  1.05  1h01m    12

q quit  / filter  space pause  sort: n p m c l u t  r reverse  ↑↓ scroll
"
    );
}

#[test]
fn a_narrow_screen_keeps_what_matters() {
    assert_eq!(
        drawn(&mut two_looks(), 40, 6),
        "\
lxcfs-cli top   2 containers
CONTAINER          PID USED/MEMORY  CPU▼
host                    5.8G/23.5G   40%
docker 01234567…  4711    61M/256M   90%
lxc web             77    1000M/1G  0.5%
q quit  / filter  space pause  sort: n p
"
    );
}

#[test]
fn what_has_ended_is_said_to_have() {
    let mut model = two_looks();
    let mut left = look(14);
    left.containers.remove(0);
    model.take(left);
    let text = drawn(&mut model, 80, 7);
    let line = text.lines().find(|line| line.starts_with("docker")).unwrap();
    assert!(line.contains("ended") && !line.contains("61M"), "{line}");
}

#[test]
fn a_filter_that_is_typed_is_seen() {
    let mut model = two_looks();
    model.view.apply(Asked::Filter);
    model.view.apply(Asked::Letter('w'));
    let text = drawn(&mut model, 80, 7);
    assert!(text.contains("lxc web") && !text.contains("docker"), "{text}");
    assert!(text.lines().last().unwrap().starts_with("filter: w▏"), "{text}");
    model.view.apply(Asked::Letter('x'));
    assert!(drawn(&mut model, 80, 7).contains("no container has \"wx\""));
}

#[test]
fn no_size_is_too_small() {
    for (width, height) in [(1, 1), (2, 3), (10, 2), (200, 1), (5, 50)] {
        let text = drawn(&mut two_looks(), width, height);
        assert_eq!(text.lines().count(), usize::from(height));
    }
}

#[test]
fn what_cannot_be_seen_is_said() {
    let mut model = two_looks();
    model.waits_for = Some("/proc/7/stat".into());
    model.view.is_paused = true;
    model.look.secret = 3;
    let text = drawn(&mut model, 140, 7);
    for part in ["paused", "waits for /proc/7/stat", "3 processes", "root"] {
        assert!(text.lines().next().unwrap().contains(part), "{part}: {text}");
    }
    assert!(drawn(&mut Model::new(Sort::Cpu, "", Reading::default()), 80, 7).contains("looking"));
}
