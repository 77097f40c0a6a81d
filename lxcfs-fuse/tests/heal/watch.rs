//! Somebody in a container who reads all the time, and counts what is seen.

use std::fs;
use std::path::Path;
use std::time::Instant;

use lxcfs_testing::{Caller, Cgroup, PATIENCE, Running, wait_until};
use nix::libc::{ECONNABORTED, ENOTCONN};

use super::host::{Container, Host, OWN_MEM_TOTAL};

/// What was seen, how often.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) own: u64,
    pub(crate) gone: u64,
    pub(crate) leaked: u64,
    pub(crate) other: u64,
}

/// The act: reads the file at a path until another file is there.
pub(crate) fn watch(arguments: &[&str]) {
    let [path, end, begun] = arguments else {
        panic!("{arguments:?}")
    };
    let start = Instant::now();
    let mut seen = Seen::default();
    while !Path::new(end).exists() && start.elapsed() < PATIENCE {
        match fs::read_to_string(path) {
            Ok(text) if text.starts_with(OWN_MEM_TOTAL) => seen.own += 1,
            Ok(_) => seen.leaked += 1,
            Err(error) if matches!(error.raw_os_error(), Some(ENOTCONN | ECONNABORTED)) => seen.gone += 1,
            Err(_) => seen.other += 1,
        }
        if seen.own == 1 {
            fs::write(begun, "").unwrap();
        }
    }
    let Seen {
        own,
        gone,
        leaked,
        other,
    } = seen;
    fs::write(format!("{begun}.seen"), format!("{own} {gone} {leaked} {other}")).unwrap();
}

/// Somebody who reads a container's meminfo.
pub(crate) struct Watcher<'a> {
    process: Running<'a>,
    end: String,
    begun: String,
}

impl<'a> Watcher<'a> {
    /// Starts to watch, and waits until something of the container's own has been seen.
    pub(crate) fn start(host: &Host, container: &Container, cgroup: &'a Cgroup) -> Self {
        let file = |name: &str| host.path(&format!("{name}-{}", container.pid())).display().to_string();
        let (end, begun) = (file("end"), file("begun"));
        let process = Caller::host()
            .within(cgroup)
            .act("watch", &[&container.path("/proc/meminfo"), &end, &begun]);
        wait_until("the watcher has begun", || Path::new(&begun).exists());
        Self { process, end, begun }
    }

    /// Stops it, and tells what it has seen.
    pub(crate) fn end(self) -> Seen {
        fs::write(&self.end, "").unwrap();
        let _ = self.process.finish().well();
        let text = fs::read_to_string(format!("{}.seen", self.begun)).unwrap();
        let counts: Vec<u64> = text.split(' ').map(|word| word.parse().unwrap()).collect();
        let seen = Seen {
            own: counts[0],
            gone: counts[1],
            leaked: counts[2],
            other: counts[3],
        };
        if std::env::var_os("LXCFS_TESTS_SHOW").is_some() {
            #[expect(clippy::print_stdout, reason = "somebody wants to see it")]
            {
                println!("{seen:?}");
            }
        }
        seen
    }
}
