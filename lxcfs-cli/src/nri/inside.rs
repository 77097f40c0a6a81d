//! Binds files into a container that runs: in a process of its own, as it ends in the container's mount namespace.
//!
//! Copies of the daemon's mounts are made on the host, and moved once they are read-only and downstream of it.

use std::fs::File;
use std::io::{self, Read as _, Write};
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use lxcfs_core::mountinfo::{Mount, mount_of, on_top};
use lxcfs_fuse::detached::{self, Attributes, Oneself};
use nix::sched::CloneFlags;
use rustix::fs::{CWD, Mode, OFlags, PROC_SUPER_MAGIC, fstatfs, openat};
use rustix::io::Errno;

/// The status when there is no such container any more.
pub(super) const GONE: u8 = 3;
/// The status when there is nothing to give, as the daemon is away.
pub(super) const NOTHING_TO_GIVE: u8 = 4;
/// What it says when it has taken all from the daemon that it needs.
pub(super) const BEGINS: &str = "begins";

/// `SYSFS_MAGIC` of `linux/magic.h`.
const SYSFS_MAGIC: u32 = 0x6265_6572;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A process of the container
    #[arg(long)]
    pid: u32,
    /// The runtime's name of the container, which is part of the names of its cgroups
    #[arg(long)]
    id: String,
    /// Where the files are
    #[arg(long)]
    source: PathBuf,
    /// Their paths below it
    files: Vec<PathBuf>,
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("the container has ended")]
    Gone,
    #[error("{}: {cause}", path.display())]
    Source { path: PathBuf, cause: io::Error },
    #[error("{}: {doing}: {cause}", path.display())]
    Mount {
        path: PathBuf,
        doing: &'static str,
        cause: io::Error,
    },
    #[error("{doing}: {cause}")]
    Namespace { doing: &'static str, cause: io::Error },
    #[error("standard output: {0}")]
    Output(#[from] io::Error),
}

/// Does it, and says how many files are new.
pub(crate) fn give(args: &Args, out: &mut impl Write) -> ExitCode {
    let failure = match try_give(args, out) {
        Ok(()) => return ExitCode::SUCCESS,
        Err(failure) => failure,
    };
    // If that fails, there is nowhere to say so.
    let _ = writeln!(io::stderr(), "{failure}");
    match failure {
        Failure::Gone => ExitCode::from(GONE),
        Failure::Source { .. } => ExitCode::from(NOTHING_TO_GIVE),
        _ => ExitCode::FAILURE,
    }
}

fn try_give(args: &Args, out: &mut impl Write) -> Result<(), Failure> {
    let container = Container::find(args.pid, &args.id)?;
    let own = std::fs::read("/proc/self/mountinfo").map_err(namespace("reading mountinfo"))?;
    let mut missing = Vec::new();
    for file in &args.files {
        let source = args.source.join(file);
        match source.symlink_metadata() {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(cause) => return Err(Failure::Source { path: source, cause }),
        }
        let live = mount_of(&own, &source);
        if let Some(place) = place(live.as_ref(), &container.mountinfo, Path::new("/").join(file)) {
            missing.push((source, place));
        }
    }
    // A file system that is not mounted has none of them.
    let first = args.files.iter().map(|file| args.source.join(file));
    if missing.is_empty() && !first.clone().any(|source| source.exists()) {
        return Err(Failure::Source {
            path: args.source.clone(),
            cause: io::ErrorKind::NotFound.into(),
        });
    }
    let mut new = 0_usize;
    if !missing.is_empty() {
        let trees = copies(&missing)?;
        let oneself = Oneself::open().map_err(namespace("opening /proc/self"))?;
        writeln!(out, "{BEGINS}")?;
        out.flush()?;
        nix::sched::setns(&container.namespace, CloneFlags::CLONE_NEWNS)
            .map_err(|errno| namespace("entering the container's mount namespace")(errno.into()))?;
        for ((_, place), tree) in missing.iter().zip(&trees) {
            if place.put(&oneself, tree)? {
                new = new.saturating_add(1);
            }
        }
    }
    writeln!(out, "{new}")?;
    Ok(out.flush()?)
}

fn namespace(doing: &'static str) -> impl FnOnce(io::Error) -> Failure {
    move |cause| Failure::Namespace { doing, cause }
}

fn mount_failed(path: &Path, doing: &'static str) -> impl FnOnce(io::Error) -> Failure {
    let path = path.to_owned();
    move |cause| Failure::Mount { path, doing, cause }
}

/// What is known of a container.
struct Container {
    namespace: File,
    mountinfo: Vec<u8>,
}

impl Container {
    /// The one of that process, if that is still what the runtime means.
    fn find(pid: u32, id: &str) -> Result<Self, Failure> {
        // All of it through one directory: it is empty once the process is gone, whoever gets its number.
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let process = openat(CWD, format!("/proc/{pid}"), flags, Mode::empty()).map_err(|_| Failure::Gone)?;
        let open = |name: &str| {
            let opened = openat(&process, name, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
            opened.map(File::from).map_err(|_| Failure::Gone)
        };
        let read = |name: &str| {
            let mut text = Vec::new();
            open(name)?.read_to_end(&mut text).map_err(|_| Failure::Gone)?;
            Ok::<_, Failure>(text)
        };
        if !String::from_utf8_lossy(&read("cgroup")?).contains(id) {
            return Err(Failure::Gone);
        }
        Ok(Self {
            namespace: open("ns/mnt")?,
            mountinfo: read("mountinfo")?,
        })
    }
}

/// A place in a container where a file is missing.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    path: PathBuf,
    /// Something is mounted there that may be dead.
    covered: bool,
}

/// The place of a file in a container, unless it is taken: by what is to be put there, or by something of its own.
fn place(live: Option<&Mount>, mountinfo: &[u8], path: PathBuf) -> Option<Place> {
    let covered = match on_top(mountinfo, &path) {
        None => false,
        Some(mount) if live.is_some_and(|live| live.device == mount.device) => return None,
        Some(mount) if mount.kind.as_encoded_bytes().starts_with(b"fuse") => true,
        Some(_) => return None,
    };
    Some(Place { path, covered })
}

/// Copies of the mounts of those files that are nowhere mounted, read-only and downstream.
fn copies(files: &[(PathBuf, Place)]) -> Result<Vec<OwnedFd>, Failure> {
    let copies = files.iter().map(|(source, _)| {
        let copy = detached::copy(CWD, source).map_err(mount_failed(source, "copying its mount"))?;
        detached::set(copy.as_fd(), Attributes::OF_A_CONTAINER).map_err(mount_failed(
            source,
            "making its copy read-only, for which Linux 5.12 is needed",
        ))?;
        Ok(copy)
    });
    copies.collect()
}

impl Place {
    /// Mounts that there, in the mount namespace that we are in; answers whether it did.
    fn put(&self, oneself: &Oneself, tree: &OwnedFd) -> Result<bool, Failure> {
        let target = match detached::place(&self.path) {
            Ok(target) => target,
            Err(error) => {
                return match Errno::from_io_error(&error) {
                    // It has no such place.
                    Some(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(false),
                    _ => Err(mount_failed(&self.path, "opening")(error)),
                };
            }
        };
        match (self.covered, fstatfs(&target)) {
            (false, Ok(state)) if is_kernels_own(state.f_type) => {
                detached::put_over(tree, &target).map_err(mount_failed(&self.path, "mounting over it"))?;
                Ok(true)
            }
            (true, Err(Errno::NOTCONN | Errno::CONNABORTED)) => {
                detached::replace(oneself, tree, &target)
                    .map_err(mount_failed(&self.path, "replacing what is dead"))?;
                Ok(true)
            }
            // It is something of the container's own, or it lives.
            _ => Ok(false),
        }
    }
}

/// Whether that is the type of /proc or of /sys.
fn is_kernels_own(kind: rustix::fs::FsWord) -> bool {
    u32::try_from(kind).is_ok_and(|kind| kind == SYSFS_MAGIC)
        || u32::try_from(PROC_SUPER_MAGIC).is_ok_and(|proc| u32::try_from(kind) == Ok(proc))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTAINER: &[u8] = b"\
1 0 0:30 / / rw - overlay none rw
2 1 0:31 / /proc rw - proc proc rw
3 2 0:52 /proc/meminfo /proc/meminfo ro - fuse.lxcfs lxcfs ro
4 2 0:51 /proc/stat /proc/stat ro - fuse.lxcfs lxcfs ro
5 2 0:6 /null /proc/uptime ro - devtmpfs none ro
";

    fn found(path: &str) -> Option<Place> {
        let host = b"9 1 0:52 / /var/lib/lxcfs ro shared:1 - fuse.lxcfs lxcfs ro\n";
        let live = mount_of(host, Path::new("/var/lib/lxcfs/proc/meminfo"));
        place(live.as_ref(), CONTAINER, path.into())
    }

    #[test]
    fn only_what_is_missing_or_may_be_dead_has_a_place() {
        assert_eq!(found("/proc/meminfo"), None);
        assert_eq!(found("/proc/uptime"), None);
        let at = |path: &str, covered| {
            Some(Place {
                path: path.into(),
                covered,
            })
        };
        assert_eq!(found("/proc/stat"), at("/proc/stat", true));
        assert_eq!(found("/proc/swaps"), at("/proc/swaps", false));
        assert_eq!(found("/sys/devices/system/cpu"), at("/sys/devices/system/cpu", false));
    }
}
