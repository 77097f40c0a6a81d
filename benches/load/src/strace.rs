//! How many system calls a daemon makes, counted by strace.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::clock;
use crate::container::wait;
use crate::failure::{Doing as _, Failure};
use crate::process::Tree;

const PATIENCE: Duration = Duration::from_secs(10);

/// Counts until it is asked, or dropped.
#[derive(Debug)]
pub(crate) struct Counting {
    strace: Child,
    table: PathBuf,
}

impl Counting {
    /// Attaches to all processes; `None` if there is no strace, or it may not trace them.
    pub(crate) fn start(tree: &Tree, dir: &Path) -> Result<Option<Self>, Failure> {
        if tree.traced().is_none() {
            return Ok(None);
        }
        let table = dir.join("strace");
        let mut command = Command::new("strace");
        command.args(["-c", "-f", "-o"]).arg(&table);
        for pid in tree.pids() {
            command.args(["-p", &pid.to_string()]);
        }
        let strace = match command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
        {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            started => started.doing("cannot start strace")?,
        };
        let mut counting = Self { strace, table };
        let end = clock::now().saturating_add(clock::nanos(PATIENCE));
        while tree.traced() != Some(true) {
            if clock::now() > end || counting.strace.try_wait().is_ok_and(|gone| gone.is_some()) {
                return Ok(None);
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(Some(counting))
    }

    /// Detaches, and says how many there were.
    pub(crate) fn calls(mut self) -> Result<u64, Failure> {
        let pid = i32::try_from(self.strace.id()).map_err(Failure::wrong)?;
        kill(Pid::from_raw(pid), Signal::SIGINT).doing("cannot stop strace")?;
        if !wait(&mut self.strace, PATIENCE) {
            return Err(Failure::wrong("strace does not end"));
        }
        let table = fs::read_to_string(&self.table).doing("cannot read strace's table")?;
        Ok(sum(&table))
    }
}

impl Drop for Counting {
    fn drop(&mut self) {
        let _ = self.strace.kill();
        wait(&mut self.strace, PATIENCE);
    }
}

/// The fourth column of each row; the total's row has had other columns in some versions.
fn sum(table: &str) -> u64 {
    let rows = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let rows = rows.filter(|row| row.last() != Some(&"total"));
    rows.filter_map(|row| row.get(3)?.parse::<u64>().ok()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_summed_without_the_total() {
        let table = "% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 60.00    0.000600           6       100           read
 40.00    0.000400          40        10         2 openat
------ ----------- ----------- --------- --------- ----------------
100.00    0.001000           9       110         2 total
";
        assert_eq!(sum(table), 110);
        assert_eq!(sum(""), 0);
    }
}
