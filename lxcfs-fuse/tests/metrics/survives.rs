//! Scrapes go on, whoever serves.

use std::io;
use std::net::TcpStream;
use std::sync::Arc;

use lxcfs_testing::wait_until;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::scrape::{Scrape, Scraper};
use super::started::Daemon;
use super::{can_mount, start};

fn send(pid: i32, signal: Signal) {
    kill(Pid::from_raw(pid), signal).unwrap();
}

/// A scrape, once the keeper knows that somebody serves: readers may know a moment before.
fn served(daemon: &Daemon) -> Scrape {
    let mut last = Scrape::default();
    wait_until("the keeper knows that somebody serves", || {
        last = Scrape::at(&daemon.socket()).unwrap();
        last.value("lxcfs_serving") == 1.0
    });
    last
}

#[test]
fn no_scrape_is_lost_while_workers_are_killed_stopped_and_replaced() {
    let Some(daemon) = start(&["--keep", "--keep-watchdog=1", "--metrics"]) else {
        return;
    };
    let scraper = Scraper::start(&daemon.socket());
    let mut worker = daemon.worker();
    for _ in 0..5 {
        send(worker, Signal::SIGKILL);
        worker = daemon.worker_after(Some(worker));
        daemon.read("proc/uptime");
    }
    served(&daemon);
    send(worker, Signal::SIGSTOP);
    worker = daemon.worker_after(Some(worker));
    daemon.read("proc/uptime");
    served(&daemon);
    daemon.send_and_wait(Signal::SIGUSR1);
    daemon.worker_after(Some(worker));
    daemon.read("proc/uptime");
    let last = served(&daemon);
    let scraped = scraper.ended();
    assert!(scraped.lost.is_empty(), "{:?}", scraped.lost);
    assert!(scraped.answered > 0);
    assert_eq!(last.value("lxcfs_worker_deaths_total"), 6.0);
    assert_eq!(last.value("lxcfs_worker_starts_total"), 8.0);
    assert_eq!(last.value("lxcfs_reads_total"), 7.0);
}

#[test]
fn a_scrape_is_answered_while_nobody_serves() {
    let Some(daemon) = start(&["--keep", "--keep-watchdog=0", "--metrics"]) else {
        return;
    };
    let worker = daemon.worker();
    send(worker, Signal::SIGSTOP);
    // Somebody reads, and is not answered.
    let path = daemon.place.mount_point().join("proc/uptime");
    let reader = std::thread::spawn(move || std::fs::read_to_string(path));
    let scrape = Scrape::at(&daemon.socket()).unwrap();
    assert_eq!(scrape.value("lxcfs_worker_starts_total"), 1.0);
    send(worker, Signal::SIGKILL);
    assert!(reader.join().unwrap().is_ok());
    daemon.worker_after(Some(worker));
    let after = Scrape::at(&daemon.socket()).unwrap();
    assert_eq!(after.value("lxcfs_worker_deaths_total"), 1.0);
}

#[test]
fn a_daemon_that_becomes_another_program_keeps_its_socket() {
    let Some(daemon) = start(&["--metrics"]) else {
        return;
    };
    daemon.read("proc/uptime");
    let scraper = Scraper::start(&daemon.socket());
    for _ in 0..5 {
        daemon.send_and_wait(Signal::SIGUSR1);
    }
    let scrape = Scrape::at(&daemon.socket()).unwrap();
    assert_eq!(scrape.value("lxcfs_reads_total"), 1.0);
    // One that was being answered at that moment is cut off; nobody is turned away.
    let lost = scraper.ended().lost;
    let cut_off = [
        io::ErrorKind::UnexpectedEof,
        io::ErrorKind::ConnectionReset,
        io::ErrorKind::BrokenPipe,
    ];
    assert!(
        lost.len() <= 5 && lost.iter().all(|kind| cut_off.contains(kind)),
        "{lost:?}"
    );
}

#[test]
fn who_takes_over_has_the_address_and_counts_on() {
    if !can_mount() {
        return;
    }
    let address = super::prometheus::free_address();
    let option = format!("--metrics={address}");
    let mut first = super::Place::new().start(&["--keep", &option]);
    first.read("proc/uptime");
    let scrape = || Scrape::over(TcpStream::connect(address)?);
    let before = scrape().unwrap();
    let command = first.place.command(&["--keep", "--take-over", &option]);
    let second = Arc::clone(&first.place).start_another(command);
    assert!(first.ended().success());
    let mut after = None;
    wait_until("the address is the second's", || {
        after = scrape().ok();
        after.is_some()
    });
    after.unwrap().goes_on_from(&before);
    second.read("proc/uptime");
    assert_eq!(scrape().unwrap().value("lxcfs_reads_total"), 2.0);
}
