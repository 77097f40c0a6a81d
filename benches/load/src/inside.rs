//! The init of the namespaces in which everything happens.
//!
//! They are for LXCFS, which has to be able to look into the process that is 1 in its pid namespace, and for an end
//! without leftovers: with us, the kernel kills all that is in the pid namespace and unmounts what is in the other.

use std::ffi::OsString;
use std::fs::{File, create_dir, remove_dir_all};
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser as _;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::SigSet;

use crate::args::Args;
use crate::busy::Busy;
use crate::candidate::{self, Candidate, Daemon};
use crate::failure::{Doing as _, Failure};
use crate::fleet::Fleet;
use crate::measure::{self, Cell};
use crate::{million, report, soak};

/// Arguments: the pid of the process outside, a directory to work in, and the command line.
pub(crate) fn inside() -> Result<ExitCode, Failure> {
    let mut arguments = std::env::args_os().skip(2);
    let wrong = || Failure::wrong("this is for lxcfs-load itself");
    let run = arguments
        .next()
        .and_then(|pid| pid.to_str()?.parse().ok())
        .ok_or_else(wrong)?;
    let dir = arguments.next().map(PathBuf::from).ok_or_else(wrong)?;
    let args = Args::parse_from([OsString::from("lxcfs-load")].into_iter().chain(arguments));

    prctl::set_name(c"lxcfs-load-in").doing("cannot set the name")?;
    // Blocked by the process outside, for itself.
    SigSet::empty().thread_set_mask().doing("cannot unblock signals")?;
    // Two descriptors for each container are soon more than is usual.
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).doing("cannot read limits")?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most).doing("cannot set limits")?;
    let outer_proc = enter_mount_namespace()?;
    let outer_proc = PathBuf::from(format!("/proc/self/fd/{}", outer_proc.as_raw_fd()));
    let done = work(&args, run, &dir, &outer_proc);
    // The process outside does it as well, unless it has been killed.
    let _ = remove_dir_all(&dir);
    done
}

/// Answers with the proc that was there before.
fn enter_mount_namespace() -> Result<File, Failure> {
    let outer_proc = File::open("/proc").doing("cannot open /proc")?;
    unshare(CloneFlags::CLONE_NEWNS).doing("cannot make a mount namespace")?;
    let none: Option<&str> = None;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).doing("cannot make mounts private")?;
    mount(Some("proc"), "/proc", Some("proc"), MsFlags::empty(), none).doing("cannot mount /proc")?;
    Ok(outer_proc)
}

fn work(args: &Args, run: u32, dir: &Path, outer_proc: &Path) -> Result<ExitCode, Failure> {
    // Dropped in the other order: daemons first, as who waits for them cannot be killed.
    let mut fleet = Fleet::start(args, run, dir)?;
    let mounts = dir.join("mounts");
    create_dir(&mounts).doing("cannot make a directory")?;
    let _busy = args.busy.then(Busy::start).transpose()?;
    let mut candidates = candidate::start_all(args, &mut fleet, &mounts, outer_proc)?;
    let done = load(args, &mut candidates, &mut fleet, dir);
    if !matches!(done, Ok(true) | Err(Failure::Stopped)) {
        for Candidate { name, daemon, .. } in &candidates {
            if let Some(words) = daemon.as_ref().and_then(Daemon::last_words) {
                crate::note(&format_args!("{name}: {words}"));
            }
        }
    }
    Ok(if done? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Answers whether all reads were right.
fn load(args: &Args, candidates: &mut [Candidate], fleet: &mut Fleet, dir: &Path) -> Result<bool, Failure> {
    if let Some(seconds) = args.soak {
        let (lines, well) = soak::soak(args, seconds, candidates, fleet)?;
        report::write_json(args, "soak", &lines)?;
        return Ok(well);
    }
    if let Some(reads) = args.million {
        let (steps, well) = million::million(args, reads, candidates, fleet)?;
        report::write_json(args, "million", &steps)?;
        return Ok(well);
    }
    let combinations = measure::measure(args, candidates, fleet, dir)?;
    report::print(args, &combinations)?;
    report::write_json(args, "combinations", &report::with_ratios(&combinations))?;
    Ok(combinations.iter().flat_map(|one| &one.cells).all(Cell::is_well))
}
