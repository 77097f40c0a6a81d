//! The command line of `inject`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use lxcfs_core::inject::Release;

const AFTER_HELP: &str = "\
Which files: those that each of the runtimes lets be mounted. Without --runtime that is every one of runc, crun and youki that is \
installed here, by what it says of its version; for Kubernetes, whose nodes are elsewhere, what all runtimes allow. \
Pressure is not among the files that runc lets be mounted: `inject hook` brings it, and so does the CDI device `lxcfs.io/view=psi`.

Examples:
  docker run $(lxcfs-cli inject docker) --memory 256m debian head -1 /proc/meminfo
  lxcfs-cli inject cdi --install && podman run --device lxcfs.io/view=default debian head -1 /proc/meminfo
  lxcfs-cli inject kubernetes | kubectl apply -f -";

/// What to tell an engine, a runtime or a cluster so that containers have the files
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Inject {
    /// In which form
    #[arg(value_name = "FORM")]
    pub(super) form: Form,

    /// Where the daemon's files are: its mount point, or its slots
    #[arg(long, value_name = "DIR", default_value = "/var/lib/lxcfs")]
    pub(super) source: PathBuf,

    /// For this runtime, such as runc@1.1.5 or crun; may be given more than once
    #[arg(long, value_name = "NAME[@VERSION]")]
    pub(super) runtime: Vec<Release>,

    /// These files only, such as meminfo,cpuinfo,sys-cpu
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(super) files: Vec<String>,

    /// What becomes of mounts that the host makes later; `private` for engines that want a shared source for `slave`
    #[arg(long, value_enum, value_name = "slave|private", default_value_t)]
    pub(super) propagation: Propagation,

    /// Print it, which is what happens anyway
    #[arg(long, conflicts_with = "install")]
    print: bool,

    /// Write it to where it is looked for
    #[arg(long)]
    pub(super) install: bool,

    /// Write it into this directory instead
    #[arg(long, value_name = "DIR", requires = "install")]
    pub(super) dir: Option<PathBuf>,

    /// The program that hooks call [default: this one]
    #[arg(long, value_name = "FILE", help_heading = "For cdi and hook")]
    pub(super) program: Option<PathBuf>,

    /// For all containers, and not for those with the annotation lxcfs.io/inject=true only
    #[arg(long, help_heading = "For hook")]
    pub(super) all: bool,

    /// Bind pressure only
    #[arg(long, help_heading = "For hook")]
    pub(super) psi: bool,

    /// Let no container start without its files
    #[arg(long, help_heading = "For cdi and hook")]
    pub(super) strict: bool,

    /// Volumes and mounts to copy into the manifest of a pod, and not a policy
    #[arg(long, help_heading = "For kubernetes")]
    pub(super) fragment: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// A device for --device of Podman and Docker, as a CDI file
    Cdi,
    /// A hook of Podman and CRI-O, as a file of hooks.d
    Hook,
    /// Arguments of docker run
    Docker,
    /// Arguments of podman run
    Podman,
    /// A service for a compose file to extend
    Compose,
    /// Volumes of all containers of Podman
    ContainersConf,
    /// Mount entries of LXC
    Lxc,
    /// A policy of a cluster, which adds the files to pods
    Kubernetes,
    /// Mounts of an OCI specification
    Oci,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Propagation {
    #[default]
    Slave,
    Private,
}

impl Propagation {
    pub(super) fn of_mounts(self) -> lxcfs_core::inject::Propagation {
        match self {
            Self::Slave => lxcfs_core::inject::Propagation::Slave,
            Self::Private => lxcfs_core::inject::Propagation::Private,
        }
    }
}
