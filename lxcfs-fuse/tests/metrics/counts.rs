//! What the numbers say of containers.

use lxcfs_testing::{Cgroup, Container, Limits, Machine, machine_has, wait_until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::scrape::Scrape;
use super::started::{Daemon, Place};

const READS: &str = "lxcfs_container_reads_total";

fn id_of(cgroup: &Cgroup) -> String {
    format!("/{}", cgroup.path().display())
}

fn read(daemon: &Daemon, container: &Container<'_>, file: &str) {
    let path = daemon.place.mount_point().join(file);
    container.caller().read(path.to_str().unwrap());
}

#[test]
fn reads_are_counted_by_container_and_by_file_whoever_serves() {
    if !machine_has(&[Machine::Root, Machine::Fuse, Machine::Cgroups]) {
        return;
    }
    let daemon = Place::new().start(&["--keep", "--metrics"]);
    let scrape = || Scrape::at(&daemon.socket()).unwrap();
    let cgroups = [(); 2].map(|()| Cgroup::new(&Limits::default()));
    let [first, second] = cgroups.each_ref().map(Container::start);
    let ids = cgroups.each_ref().map(id_of);
    read(&daemon, &first, "proc/uptime");
    for _ in 0..4 {
        read(&daemon, &first, "proc/meminfo");
    }
    let before = scrape();
    kill(Pid::from_raw(daemon.workers()[0]), Signal::SIGKILL).unwrap();
    read(&daemon, &second, "proc/meminfo");
    let after = scrape();
    after.goes_on_from(&before);
    let of = |name: &str, id: &str| after.value(&format!("{name}{{id=\"{id}\"}}"));
    assert_eq!(of(READS, &ids[0]), 5.0);
    assert_eq!(of(READS, &ids[1]), 1.0);
    assert_eq!(of("lxcfs_container_errors_total", &ids[0]), 0.0);
    assert!(of("lxcfs_container_read_seconds_total", &ids[0]) > 0.0);
    assert_eq!(after.value("lxcfs_file_reads_total{file=\"proc/meminfo\"}"), 5.0);
    assert_eq!(after.value("lxcfs_file_reads_total{file=\"proc/uptime\"}"), 1.0);
    assert_eq!(after.value("lxcfs_read_duration_seconds_count"), 6.0);
    assert_eq!(after.value("lxcfs_reads_total"), 6.0);
    assert_eq!(after.value("lxcfs_containers"), 2.0);

    // What one that ends has done stays where all are together.
    drop(first);
    let mut last = scrape();
    wait_until("one that has ended is not shown any more", || {
        last = scrape();
        last.value("lxcfs_containers") == 1.0
    });
    last.goes_on_from(&after);
    assert_eq!(last.labels(READS, "id"), [ids[1].clone()]);
    assert_eq!(last.value("lxcfs_containers_gone_total"), 1.0);
    assert_eq!(last.value("lxcfs_file_reads_total{file=\"proc/meminfo\"}"), 5.0);
}
