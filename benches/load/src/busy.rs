//! Processes that keep the CPUs from idling, at the lowest priority.
//!
//! In a virtual machine, to wake a CPU that idles takes up to a millisecond, some of which is counted as CPU time of who
//! is woken. With few readers that is nearly all that would be measured, and it differs from minute to minute.

use std::hint::black_box;
use std::process::{Command, ExitCode, Stdio};

use crate::container::Process;
use crate::failure::{Doing as _, Failure};
use crate::role;

/// One for each CPU, until it is dropped.
#[derive(Debug)]
pub(crate) struct Busy {
    _processes: Vec<Process>,
}

impl Busy {
    pub(crate) fn start() -> Result<Self, Failure> {
        // Not /proc/self/exe, which would be that of `nice`.
        let own = std::env::current_exe().doing("cannot find the own program")?;
        let cpus = std::thread::available_parallelism().map_or(1, usize::from);
        let start = |_| {
            let mut command = Command::new("nice");
            command
                .args(["-n", "19"])
                .arg(&own)
                .arg(role::BUSY)
                .stdin(Stdio::null());
            command.spawn().map(Process).doing("cannot start nice")
        };
        let processes = (0..cpus).map(start).collect::<Result<_, _>>()?;
        Ok(Self { _processes: processes })
    }
}

/// The role: ends only by being killed.
pub(crate) fn be_busy() -> Result<ExitCode, Failure> {
    // Without the hint that this is a loop: a hypervisor may take it as an occasion to run somebody else.
    loop {
        black_box(());
    }
}
