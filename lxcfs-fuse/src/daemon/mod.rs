//! The daemon `lxcfs`: from its command line to its end.

mod args;
mod config;
mod error;
mod healing;
mod keep;
mod layers;
mod log;
mod metrics;
mod mount_options;
pub(crate) mod notify;
mod pid_file;
mod replace;
mod serving;
pub(crate) mod signals;
mod start;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

pub use args::{Args, CommandLine};
pub use config::ConfigError;
pub use error::Error;
pub use log::{Log, LogFormat, LogLevel};
pub use pid_file::PidFileError;

pub use crate::keeper::KeepError;
pub use crate::keeper::ask::{AskError, status, stop};

use args::Keep;
use config::Config;
use layers::{Layers, lay};
use serving::Daemon;
use signals::Events;

use crate::keeper::passed;
use crate::keeper::program::Program;
use crate::sandbox::{self, Role};
use crate::settings::{MountOptions, Resume, Settings};

/// Mounts the file system and serves it until it is told to end, or until somebody else unmounts it. Or takes over what
/// others have mounted, or keeps it for others that serve: as the command line says.
///
/// It is meant for a process that does nothing else and has no other threads yet: it takes over signals, the log, the
/// limit of open files and the working directory, and gives none of them back.
///
/// # Errors
///
/// [`Error`].
///
/// ```
/// use clap::Parser as _;
/// use lxcfs_fuse::daemon::{CommandLine, run};
///
/// let file = tempfile::NamedTempFile::new().unwrap();
/// std::fs::write(file.path(), "swap = false\ndeadline-ms = 500\n").unwrap();
/// let config = format!("--config={}", file.path().display());
/// // With --check it is all but mounted.
/// let line = CommandLine::parse_from(["lxcfs", "--check", &config, "/var/lib/lxcfs"]);
/// assert!(run(line.args).is_ok());
/// ```
pub fn run(args: Args) -> Result<(), Error> {
    // Before anything is opened that could be taken for one of them.
    let passed = passed::take();
    let from = args.working_directory().map_err(Error::WorkingDirectory)?;
    let args = args.absolute(&from).map_err(Error::WorkingDirectory)?;
    let layers = lay(&args, &Config::load(args.config.as_deref())?);
    let options = mount_options(&args, &layers)?;
    if args.check {
        return Ok(());
    }
    let by_systemd = args.keep == Some(Keep::Systemd) && !args.worker;
    if by_systemd && !notify::has_manager() {
        return Err(Error::NoManager);
    }
    // Before the first thread is started, so that no thread gets a signal.
    let events = Events::block().map_err(Error::Signals)?;
    let log = Log::start(layers.log_level, args.log_format);
    let role = match args.keep {
        _ if args.worker => "worker",
        Some(Keep::Process) => "keeper",
        _ => "daemon",
    };
    tracing::info!(version = env!("CARGO_PKG_VERSION"), role, mountpoint = %options.mountpoint.display(), "starting");
    if args.enable_pidfd {
        tracing::info!("--enable-pidfd is deprecated and does nothing: there is no other way");
    }
    // The working directory's file system could not be unmounted while we run.
    std::env::set_current_dir("/").map_err(Error::WorkingDirectory)?;
    raise_open_files();
    let program = Program::this(&from).map_err(Error::Program)?;

    if args.worker {
        let start = start::from_keeper(passed)?;
        confine(args.no_sandbox, Role::Worker, start.kept.has_triggers());
        return Daemon::start(args, &options, layers, log, events, program, start)?.serve();
    }
    let mut start = start::from_anywhere(&args, &options, passed)?;
    if start.is_taken(&args) {
        return Ok(());
    }
    if start.kept.mountpoint() != options.mountpoint {
        let stays = start.kept.mountpoint();
        tracing::warn!(mountpoint = %stays.display(), "it stays mounted there: another place needs an unmount (stop --unmount)");
    }
    if args.keep == Some(Keep::Process) {
        return keep::keep(args, &program, start, &layers, &events);
    }
    confine(args.no_sandbox, Role::Keeper, start.kept.has_triggers());
    Daemon::start(args, &options, layers, log, events, program, start)?.serve()
}

/// From here on this process can do no more than it needs. It has one thread still.
fn confine(no_sandbox: bool, role: Role, triggers: bool) {
    if no_sandbox {
        tracing::warn!("--no-sandbox: all capabilities and system calls are kept");
    } else {
        sandbox::confine(role, triggers);
    }
}

fn mount_options(args: &Args, layers: &Layers) -> Result<MountOptions, Error> {
    let understood = mount_options::understand(&args.options);
    if understood.read_only && layers.psi_poll {
        return Err(Error::ReadOnlyTriggers);
    }
    Ok(MountOptions {
        threads: layers.threads,
        psi_poll: layers.psi_poll,
        extra: understood.extra,
        resume: if args.resume_by_slots {
            Resume::Slots
        } else {
            Resume::Auto
        },
        ..MountOptions::new(&args.mountpoint)
    })
}

fn log_settings(settings: &Settings) {
    let view = &settings.view;
    tracing::info!(
        cpu_view = %view.cpu_view,
        cpu_ids = %view.cpu_ids,
        loadavg = view.loadavg,
        swap = view.swap,
        zswap = view.zswap,
        passthrough = view.passthrough,
        coalesce = ?settings.coalesce,
        deadline = ?settings.deadline,
        "settings"
    );
}

/// Descriptors of every container stay open: as many as the hard limit allows.
fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, "cannot raise the limit of open files");
    }
}
