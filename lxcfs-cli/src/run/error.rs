//! What can go wrong with `run`, and what to do then.

use std::io;
use std::path::PathBuf;

/// The container could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    #[error("/proc is not mounted here; mount it first")]
    NoProc,
    #[error("no cgroups of {which} are mounted here; mount them, or give another --hierarchy")]
    NoHierarchy { which: &'static str },
    #[error("{option} needs the {controller} controller, and {which} has none here{}",
            if *which == "this host" { "" } else { "; try --hierarchy auto" })]
    NoController {
        option: &'static str,
        controller: &'static str,
        which: &'static str,
    },
    #[error("--swap: on cgroup v1 the limit is of memory and swap together; give --memory too")]
    SwapWithoutMemory,
    #[error("--swap: this kernel does not account for swap (there is no {}); boot it with swapaccount=1", path.display())]
    NoSwapAccounting { path: PathBuf },
    #[error("--cpuset {asked}: this host's online CPUs are {online}")]
    NotOnline { asked: String, online: String },
    #[error("{option}: the kernel refused it: {cause}")]
    Limit {
        option: &'static str,
        cause: cgroups_rs::error::Error,
    },
    #[error("{}: cannot make the cgroup: {cause}{}", path.display(), advice(cause))]
    Create { path: PathBuf, cause: io::Error },
    #[error("{}: cannot enable the {controller} controller for cgroups below: {cause}{}", path.display(), advice(cause))]
    Enable {
        path: PathBuf,
        controller: String,
        cause: io::Error,
    },
    #[error("{}: empty, as is that of the cgroup above; nothing can run there", path.display())]
    EmptyCpuset { path: PathBuf },
    #[error("cannot put the container into its cgroup: {0}")]
    Attach(cgroups_rs::error::Error),
    #[error(
        "no place for the virtual files: none of /run, /mnt, /tmp, /srv and /dev is a directory without cgroups; make one"
    )]
    NoPlace,
    #[error("cannot show live files: {0}")]
    Files(#[from] lxcfs_fuse::MountError),
    #[error("{doing}: {cause}{}", advice(cause))]
    System { doing: &'static str, cause: io::Error },
    #[error("{}: {doing}: {cause}", path.display())]
    File {
        path: PathBuf,
        doing: &'static str,
        cause: io::Error,
    },
}

impl RunError {
    /// For `map_err`: `doing` failed.
    pub(crate) fn system<E: Into<io::Error>>(doing: &'static str) -> impl FnOnce(E) -> Self {
        move |cause| Self::System {
            doing,
            cause: cause.into(),
        }
    }

    /// For `map_err`: `doing` failed with that file.
    pub(crate) fn file<E: Into<io::Error>>(path: impl Into<PathBuf>, doing: &'static str) -> impl FnOnce(E) -> Self {
        let path = path.into();
        move |cause| Self::File {
            path,
            doing,
            cause: cause.into(),
        }
    }
}

/// What to do about that error, as an end of the message.
fn advice(cause: &io::Error) -> &'static str {
    match cause.kind() {
        io::ErrorKind::PermissionDenied => "; `lxcfs-cli run` needs root",
        io::ErrorKind::ReadOnlyFilesystem => "; inside a container, cgroups are often mounted read-only",
        io::ErrorKind::ResourceBusy => "; cgroup v2 wants no processes there: move them into a cgroup below it first",
        _ => "",
    }
}
