//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Parser, ValueEnum};
use serde::{Deserialize, Serialize};

use crate::virtual_file::VirtualFile;

/// Reads the files of LXCFS-like trees from inside containers, measures, and compares.
#[derive(Debug, Clone, Parser)]
#[command(name = "lxcfs-load", version)]
pub(crate) struct Args {
    /// A tree that is mounted already, and the process that serves it; without a pid, its CPU time is unknown
    #[arg(long, value_name = "NAME=PATH[:PID]")]
    pub(crate) mount: Vec<Mount>,

    /// A daemon to start, once as it is and once with `--coalesce 0`; what follows `--` are arguments for it
    #[arg(long, value_name = "BINARY")]
    pub(crate) ours: Option<PathBuf>,

    #[arg(last = true, value_name = "ARGUMENTS", requires = "ours")]
    pub(crate) ours_args: Vec<OsString>,

    /// The LXCFS to start and compare with
    #[arg(long, value_name = "BINARY", num_args = 0..=1, default_missing_value = "/usr/bin/lxcfs")]
    pub(crate) lxcfs: Option<PathBuf>,

    /// An argument for LXCFS
    #[arg(long, value_name = "ARGUMENT", requires = "lxcfs", allow_hyphen_values = true)]
    pub(crate) lxcfs_arg: Vec<OsString>,

    /// Measure a FUSE server that does nothing: no other can be faster
    #[arg(long)]
    pub(crate) floor: bool,

    /// How many threads that server has [default: as many as there are CPUs, at most 4]
    #[arg(long, value_name = "N", requires = "floor", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) floor_threads: Option<u16>,

    /// Keep the CPUs from idling: in a virtual machine, few readers would otherwise measure how long it takes to wake one
    #[arg(long)]
    pub(crate) busy: bool,

    /// Measure the host's own files
    #[arg(long)]
    pub(crate) host: bool,

    /// Short names below proc/, `online`, or paths that begin with proc/ or sys/
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "meminfo,stat,cpuinfo,uptime,loadavg,swaps,diskstats,online"
    )]
    pub(crate) files: Vec<VirtualFile>,

    /// Threads that read at the same time
    #[arg(long, value_delimiter = ',', default_value = "1,4,16", value_parser = readers)]
    pub(crate) readers: Vec<usize>,

    /// Containers with limits of their own, over which the readers are spread
    #[arg(long, value_name = "N", default_value = "4", value_parser = readers)]
    pub(crate) containers: usize,

    /// With fewer readers than containers: all containers read in each window, so many times one after the other, then
    /// it is another one's turn. Without this, each round has other containers
    #[arg(long, value_name = "READS", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) turns: Option<u64>,

    /// How files are read
    #[arg(long, value_delimiter = ',', default_value = "open")]
    pub(crate) mode: Vec<Mode>,

    /// Windows for each candidate
    #[arg(long, value_name = "N", default_value_t = 11, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rounds: u32,

    /// How long each window is
    #[arg(long, value_name = "MS", default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..=60_000))]
    pub(crate) window_ms: u64,

    /// Reads for which the daemon's system calls are counted, with strace; 0: none are
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub(crate) strace_reads: u64,

    /// Write all rounds to this file
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,

    /// Instead of measuring: all files, all modes, for so long; any failed read is a failure
    #[arg(long, value_name = "SECONDS", conflicts_with_all = ["million", "turns"])]
    pub(crate) soak: Option<u64>,

    /// Kill readers while they read, and sometimes whole containers, and start others
    #[arg(long, requires = "soak")]
    pub(crate) kill_callers: bool,

    /// Instead of measuring: so many reads of all files, and the daemon's memory before, in between, and after
    #[arg(long, value_name = "READS", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) million: Option<u64>,

    /// Memory limit of each container, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 256)]
    pub(crate) memory: u64,

    /// CPU quota of each container, in CPUs
    #[arg(long, value_name = "CPUS", default_value_t = 1.5)]
    pub(crate) cpus: f64,

    /// CPUs of each container [default: all]
    #[arg(long, value_name = "LIST")]
    pub(crate) cpuset: Option<String>,
}

/// How a file is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mode {
    /// Open, read 128 KiB at a time until the end, close: cat
    Open,
    /// Read from the beginning of a file that is kept open
    Pread,
    /// Open, fstat, read 4 KiB at a time until the end, close: C's stdio
    Stdio,
}

impl Mode {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Pread => "pread",
            Self::Stdio => "stdio",
        }
    }
}

/// A tree that was there before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mount {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    pub(crate) pid: Option<i32>,
}

impl FromStr for Mount {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, rest) = text.split_once('=').ok_or("expected NAME=PATH or NAME=PATH:PID")?;
        let (path, pid) = match rest.rsplit_once(':') {
            Some((path, pid)) => (path, Some(pid.parse().map_err(|_| "the pid is not a number")?)),
            None => (rest, None),
        };
        Ok(Self {
            name: name.to_owned(),
            path: PathBuf::from(path),
            pid,
        })
    }
}

fn readers(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("must be at least 1".to_owned()),
        Ok(number) if number > 10_000 => Err("must be at most 10000".to_owned()),
        Ok(number) => Ok(number),
        Err(error) => Err(format!("{error}")),
    }
}

impl Args {
    /// The most readers of all that were asked for.
    pub(crate) fn most_readers(&self) -> usize {
        self.readers.iter().copied().max().unwrap_or(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory as _;
        Args::command().debug_assert();
    }

    #[test]
    fn a_mount_may_have_a_pid() {
        let mount = |pid| Mount {
            name: "a".to_owned(),
            path: PathBuf::from("/b"),
            pid,
        };
        assert_eq!("a=/b:7".parse(), Ok(mount(Some(7))));
        assert_eq!("a=/b".parse(), Ok(mount(None)));
        assert!("/b".parse::<Mount>().is_err());
        assert!("a=/b:c".parse::<Mount>().is_err());
    }
}
