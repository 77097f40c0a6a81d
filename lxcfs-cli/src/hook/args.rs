//! The command line of `hook`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

const AFTER_HELP: &str = "\
It ends within a second (--within), also if the daemon does not answer, and with status 0 whatever happens: the container then has the \
host's files. With --strict its status is 1 unless all files are there, and the container does not start.";

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Hook {
    #[command(subcommand)]
    pub(crate) stage: Stage,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Stage {
    /// The OCI hook createContainer, of Podman, CRI-O, runc, crun: the container's state is on the standard input
    CreateContainer(How),
    /// LXC's lxc.hook.mount: the container's root is in LXC_ROOTFS_MOUNT
    LxcMount(LxcMount),
}

impl Stage {
    pub(super) fn how(&self) -> &How {
        match self {
            Self::CreateContainer(how) => how,
            Self::LxcMount(mount) => &mount.how,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct LxcMount {
    #[command(flatten)]
    how: How,

    /// What LXC says besides: a name, `lxc`, `mount`
    #[arg(hide = true)]
    words: Vec<OsString>,
}

#[derive(Debug, Args)]
pub(crate) struct How {
    /// Where the daemon's files are
    #[arg(long, value_name = "DIR", default_value = "/var/lib/lxcfs")]
    pub(super) source: PathBuf,

    /// Bind pressure only
    #[arg(long)]
    pub(super) psi: bool,

    /// Bind these only, such as meminfo,cpuinfo,sys-cpu,pressure
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(super) files: Vec<String>,

    /// Let no container start without them
    #[arg(long)]
    pub(super) strict: bool,

    /// How long the container waits for a daemon that does not answer, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 800, value_parser = clap::value_parser!(u64).range(1..=60_000))]
    within: u64,

    /// This is the process that does it
    #[arg(long, hide = true)]
    pub(super) direct: bool,
}

impl How {
    pub(super) fn patience(&self) -> Duration {
        Duration::from_millis(self.within)
    }
}
