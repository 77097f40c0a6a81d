//! Containers that were known to a process before this one: a second server over the same store.

use std::fs;
use std::os::fd::AsFd as _;
use std::process::Command;

use lxcfs_core::live::{Root, hierarchies};
use lxcfs_testing::{Cgroup, Container as Running, Limits, Machine, machine_has, wait_until};

use super::*;
use crate::housekeeper::Housekeeper;
use crate::store::Kind;

fn can_run() -> bool {
    machine_has(&[Machine::Root, Machine::Cgroups])
}

/// One that serves, with all that it needs for that.
fn server(store: &Store) -> (Arc<Server>, Housekeeper) {
    let mut settings = Settings {
        coalesce: Duration::ZERO,
        ..Settings::default()
    };
    settings.view.loadavg = true;
    let store = Store::open(store.as_fd().try_clone_to_owned().unwrap()).unwrap();
    let hierarchies = hierarchies(&Root::host()).unwrap();
    let server = Arc::new(Server::new(hierarchies, settings, Budget::of(1024), Arc::new(store)));
    let housekeeper = Housekeeper::start(&server).unwrap();
    server.keep_house_with(Arc::clone(housekeeper.bell()));
    (server, housekeeper)
}

fn text(server: &Server, caller: Pid, path: &str) -> String {
    let text = server
        .text(Caller::unheeded(caller), lxcfs_core::find(path).unwrap())
        .unwrap();
    String::from_utf8(text.to_vec()).unwrap()
}

/// The idle time in the `cpu` line, in hundredths.
fn idle(server: &Server, caller: Pid) -> u64 {
    let stat = text(server, caller, "stat");
    stat.split_whitespace().nth(4).unwrap().parse().unwrap()
}

/// From now on it may use one part in a hundred of a CPU.
fn confine(cgroup: &Cgroup) {
    let dir = cgroup.dir("cpu").unwrap();
    let of_v2 = dir.join("cpu.max");
    if of_v2.exists() {
        fs::write(of_v2, "1000 100000").unwrap();
    } else {
        fs::write(dir.join("cpu.cfs_quota_us"), "1000").unwrap();
    }
}

#[test]
fn counters_go_on_at_the_next_process_where_they_were_shown() {
    if !can_run() {
        return;
    }
    let cgroup = Cgroup::new(&Limits::default().memory(64 << 20).cpu_percent(100));
    let container = Running::start(&cgroup);
    let store = Store::create().unwrap();
    let (first, house) = server(&store);
    let mut shown = 0;
    wait_until("it has been idle for a while", || {
        shown = idle(&first, container.init());
        shown >= 50
    });
    let met = first.counts().containers_met;
    drop((first, house));
    confine(&cgroup);
    let (second, _house) = server(&store);
    assert!(idle(&second, container.init()) >= shown);
    let counts = second.counts();
    assert_eq!((counts.containers_met, counts.containers_gone), (met, 0));
    assert!(counts.renderings >= 2, "{counts:?}");
    // Who has not been told begins with what the container would have had with that little all the time.
    let other = Store::create().unwrap();
    let (stranger, _house) = server(&other);
    assert!(idle(&stranger, container.init()) < shown);
}

#[test]
fn load_averages_are_kept_up_to_date_by_the_next_process_before_anybody_asks() {
    if !can_run() {
        return;
    }
    let cgroup = Cgroup::new(&Limits::default().memory(64 << 20));
    let container = Running::start(&cgroup);
    let store = Store::create().unwrap();
    let (first, house) = server(&store);
    text(&first, container.init(), "loadavg");
    let sampled = |server: &Server| {
        let all = server.containers();
        let load = all.first()?.remembered.load(boot_time(), Duration::MAX)?;
        Some(load.sampled_at())
    };
    let before = sampled(&first).unwrap();
    drop((first, house));
    let (second, _house) = server(&store);
    wait_until("its tasks are looked at", || {
        sampled(&second).is_some_and(|at| at > before)
    });
    assert_eq!(second.counts().renderings, 1);
    assert_eq!(second.containers().len(), 1);
}

#[test]
fn what_is_known_of_a_container_goes_with_it_also_when_nobody_was_there() {
    if !can_run() {
        return;
    }
    let cgroup = Cgroup::new(&Limits::default().memory(64 << 20));
    let (one, two) = (Running::start(&cgroup), Running::start(&cgroup));
    let store = Store::create().unwrap();
    let records = |store: &Store| {
        let store = Store::open(store.as_fd().try_clone_to_owned().unwrap()).unwrap();
        store.all(Kind::Container).len()
    };
    let (first, house) = server(&store);
    for container in [&one, &two] {
        text(&first, container.init(), "loadavg");
    }
    assert_eq!(records(&store), 2);
    drop(one);
    wait_until("the end of one is noticed", || first.counts().containers_gone == 1);
    wait_until("its record goes", || records(&store) == 1);
    drop((first, house));
    drop(two);
    let (second, _house) = server(&store);
    wait_until("the end of the other is noticed", || {
        second.counts().containers_gone == 2
    });
    assert_eq!((records(&store), second.containers().len()), (0, 0));
}

#[test]
fn a_container_is_written_down_when_it_is_met_and_when_what_is_remembered_of_it_changes() {
    if !can_run() {
        return;
    }
    let cgroup = Cgroup::new(&Limits::default().memory(64 << 20));
    let container = Running::start(&cgroup);
    let store = Store::create().unwrap();
    let (server, _house) = server(&store);
    let copy = |server: &Server| server.store.all(Kind::Container);
    text(&server, container.init(), "meminfo");
    let met = copy(&server);
    assert_eq!(met.len(), 1);
    text(&server, container.init(), "meminfo");
    assert_eq!(copy(&server), met);
    text(&server, container.init(), "stat");
    let after = copy(&server);
    assert_ne!(after, met);
    text(&server, container.init(), "meminfo");
    assert_eq!(copy(&server), after);
    text(&server, container.init(), "stat");
    assert_ne!(copy(&server), after);
}

#[test]
fn who_was_met_and_is_not_gone_is_known_also_where_some_had_to_make_room_for_others() {
    if !can_run() {
        return;
    }
    let cgroup = Cgroup::new(&Limits::default());
    let dir = cgroup.dir("memory").unwrap();
    let store = Store::create().unwrap();
    let budget = Budget {
        containers: 16,
        ..Budget::of(1024)
    };
    let hierarchies = hierarchies(&Root::host()).unwrap();
    let server = Server::new(hierarchies, Settings::default(), budget, Arc::new(store));
    // A process of the host is in each of them in turn, which makes each a container.
    let mut process = Command::new("sleep").arg("600").spawn().unwrap();
    for number in 0..40 {
        let below = dir.join(number.to_string());
        fs::create_dir(&below).unwrap();
        fs::write(below.join("cgroup.procs"), process.id().to_string()).unwrap();
        text(&server, process.id(), "uptime");
    }
    process.kill().unwrap();
    process.wait().unwrap();
    let counts = server.counts();
    let known = u64::try_from(server.gauges().containers).unwrap();
    assert_eq!(counts.containers_met, 40);
    assert_eq!(counts.containers_met - counts.containers_gone, known, "{counts:?}");
}
