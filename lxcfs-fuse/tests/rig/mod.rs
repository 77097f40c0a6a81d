//! The daemon under test, and what it is expected to show.
#![allow(dead_code, reason = "each test program uses a part of this")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "this is test code"
)]

use std::path::Path;
use std::time::Duration;

use lxcfs_core::live::{Root, boot_time, container_of_live, hierarchies};
use lxcfs_core::{CaptureError, Container, ContainerView, find};
use lxcfs_testing::{Daemon, Machine, machine_has};

/// How many times slower than usual this machine is, as an emulated one is: `LXCFS_TESTS_SLOWER`.
fn slower() -> u32 {
    std::env::var("LXCFS_TESTS_SLOWER").map_or(1, |text| text.parse().unwrap())
}

/// How often something is done that is usually done so many times.
pub(crate) fn rounds(usually: u32) -> u32 {
    usually.div_ceil(slower())
}

/// What is meant for a kernel that hangs would meet one that is only slow.
pub(crate) fn patience() -> &'static [&'static str] {
    if deadline().is_some() {
        &["--deadline", "60000"]
    } else {
        &[]
    }
}

/// The same as a time; none on a machine that is as fast as usual.
pub(crate) fn deadline() -> Option<Duration> {
    (slower() > 1).then_some(Duration::from_secs(60))
}

/// With `LXCFS_TESTS_KEEP` it is a worker that serves, which can do less than a daemon.
fn keeper() -> &'static [&'static str] {
    if std::env::var_os("LXCFS_TESTS_KEEP").is_some() {
        &["--keep"]
    } else {
        &[]
    }
}

/// The daemon with these arguments, mounted; none on a machine that cannot have one.
pub(crate) fn mounted_with(arguments: &[&str]) -> Option<Daemon> {
    let arguments = [patience(), keeper(), arguments].concat();
    machine_has(&[Machine::Root, Machine::Cgroups, Machine::Fuse])
        .then(|| Daemon::start(Path::new(env!("CARGO_BIN_EXE_lxcfs")), &arguments))
}

/// The daemon, mounted.
pub(crate) fn mounted() -> Option<Daemon> {
    mounted_with(&[])
}

/// What a process is to be shown, as rendered by this one.
#[derive(Debug)]
pub(crate) struct Expected(Container);

impl Expected {
    /// What that process is to be shown.
    pub(crate) fn of(pid: u32) -> Self {
        let host = Root::host();
        Self(container_of_live(&host, &hierarchies(&host).unwrap(), pid).unwrap())
    }

    pub(crate) fn container(&self) -> &Container {
        &self.0
    }

    /// Calls that with the view of this moment.
    pub(crate) fn view<T>(&self, call: impl FnOnce(&ContainerView<'_>) -> T) -> T {
        let host = Root::host();
        call(&ContainerView::new(&host, &self.0, boot_time()))
    }

    /// A file.
    pub(crate) fn text(&self, path: &str) -> Result<String, CaptureError> {
        let text = self.view(|view| find(path).unwrap().render(view))?;
        Ok(String::from_utf8(text.to_vec()).unwrap())
    }
}

/// The value of a line of `/proc/meminfo`, in KiB.
pub(crate) fn meminfo(text: &str, key: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
    let line = line.unwrap_or_else(|| panic!("no {key} in {text}"));
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// A text with every number, and the blanks before it, as `#`: what is the same in two renderings of one file.
pub(crate) fn shape(text: &str) -> String {
    let mut shape = String::new();
    for letter in text.chars() {
        match letter {
            '0'..='9' if shape.ends_with('#') => {}
            '0'..='9' => {
                shape.truncate(shape.trim_end_matches(' ').len());
                shape.push('#');
            }
            _ => shape.push(letter),
        }
    }
    shape
}

/// The host's CPUs.
pub(crate) fn host_cpus() -> Vec<u32> {
    let online = std::fs::read_to_string("/sys/devices/system/cpu/online").unwrap();
    cpu_list(&online)
}

/// The numbers in `0-2,5`.
pub(crate) fn cpu_list(text: &str) -> Vec<u32> {
    let list = lxcfs_core::CpuList::parse(text.as_bytes()).unwrap();
    list.iter().collect()
}
