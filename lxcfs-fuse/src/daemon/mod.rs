//! The daemon `lxcfs`: from its command line to its end.

mod args;
mod config;
mod error;
mod layers;
mod log;
mod mount_options;
mod notify;
mod pid_file;
mod signals;

use std::io;
use std::sync::mpsc;
use std::thread;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

pub use args::{Args, CommandLine};
pub use config::ConfigError;
pub use error::Error;
pub use pid_file::PidFileError;

use config::Config;
use layers::{Layers, lay};
use log::Log;
use pid_file::PidFile;
use signals::{Event, Events, Waker};

use crate::session::{Mounted, mount};
use crate::settings::{MountOptions, Resume, Settings};

/// Mounts the file system and serves it until it is told to end, or until somebody else unmounts it.
///
/// It is meant for a process that does nothing else and has no other threads yet: it takes over signals, the log, the
/// limit of open files and the working directory, and gives none of them back.
///
/// # Errors
///
/// [`Error`].
pub fn run(args: Args) -> Result<(), Error> {
    let args = args.absolute().map_err(Error::WorkingDirectory)?;
    let layers = lay(&args, &Config::load(args.config.as_deref())?);
    let options = mount_options(&args, &layers)?;
    // Before the first thread is started, so that no thread gets a signal.
    let events = Events::block().map_err(Error::Signals)?;
    let log = Log::start(layers.log_level, args.log_format);
    tracing::info!(version = env!("CARGO_PKG_VERSION"), mountpoint = %options.mountpoint.display(), "starting");
    if args.enable_pidfd {
        tracing::info!("--enable-pidfd is deprecated and does nothing: there is no other way");
    }
    // The working directory's file system could not be unmounted while we run.
    std::env::set_current_dir("/").map_err(Error::WorkingDirectory)?;
    raise_open_files();

    let _pid_file = PidFile::claim(&args.pid_file())?;
    let ended = events.waker();
    let (tell_end, end_told) = mpsc::channel();
    let mounted = mount(&options, layers.settings.clone(), move |end| {
        // Nobody listens any more if we end.
        let _ = tell_end.send(end);
        ended.wake();
    })?;
    tracing::info!(threads = options.threads, psi_poll = options.psi_poll, "mounted");
    log_settings(&layers.settings);
    notify::ready(false);

    let daemon = Daemon {
        args,
        at_mount: layers,
        log,
        events,
        requests: end_told,
        mounted,
    };
    daemon.serve()
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

/// A daemon with its file system mounted.
struct Daemon {
    args: Args,
    at_mount: Layers,
    log: Log,
    events: Events,
    /// How they have ended.
    requests: mpsc::Receiver<io::Result<()>>,
    mounted: Mounted,
}

impl Daemon {
    fn serve(self) -> Result<(), Error> {
        loop {
            match self.events.next().map_err(Error::Signals)? {
                Event::Reload => self.reload(),
                Event::Toggle => self.toggle(),
                Event::End(signal) => {
                    tracing::info!(%signal, "unmounting");
                    return self.unmount();
                }
                Event::Woken => {
                    let end = self.requests.try_recv().unwrap_or(Ok(()));
                    if end.is_ok() {
                        tracing::info!("unmounted by somebody else");
                    }
                    self.unmount()?;
                    return end.map_err(Error::Requests);
                }
            }
        }
    }

    /// Reads the configuration file again. One that cannot be used changes nothing.
    fn reload(&self) {
        notify::reloading();
        let mut settings = self.mounted.settings();
        let passthrough = settings.view.passthrough;
        match Config::load(self.args.config.as_deref()) {
            Err(error) => tracing::error!(%error, "not reloaded: everything stays as it was"),
            Ok(file) => {
                let layers = lay(&self.args, &file);
                settings = layers.settings;
                settings.view.passthrough = passthrough;
                self.log.set_level(layers.log_level);
                tracing::info!("reloaded");
                log_settings(&settings);
                self.mounted.set(settings);
                if layers.threads != self.at_mount.threads {
                    tracing::warn!(
                        threads = self.at_mount.threads,
                        "threads: another number needs a restart"
                    );
                }
                if layers.psi_poll != self.at_mount.psi_poll {
                    tracing::warn!(psi_poll = self.at_mount.psi_poll, "psi-poll: a change needs a restart");
                }
            }
        }
        notify::ready(passthrough);
    }

    /// Shows the host's files to everybody, or no longer.
    fn toggle(&self) {
        let mut settings = self.mounted.settings();
        let passthrough = !settings.view.passthrough;
        settings.view.passthrough = passthrough;
        self.mounted.set(settings);
        if passthrough {
            tracing::warn!("passing through: everybody sees the host's files");
        } else {
            tracing::info!("no longer passing through: containers see themselves");
        }
        notify::shows(passthrough);
    }

    /// Unmounts in another thread, so that somebody who is tired of waiting can still say so.
    fn unmount(self) -> Result<(), Error> {
        notify::stopping();
        let (says, said) = mpsc::channel();
        let finished = Finished(self.events.waker());
        let mounted = self.mounted;
        thread::Builder::new()
            .name("unmount".to_owned())
            .spawn(move || {
                let _finished = finished;
                // Nobody listens any more if the process ends.
                let _ = says.send(mounted.unmount());
            })
            .map_err(Error::Thread)?;
        loop {
            match self.events.next().map_err(Error::Signals)? {
                Event::End(_) => return Err(Error::Impatient),
                Event::Reload | Event::Toggle => {}
                Event::Woken => match said.try_recv() {
                    Ok(unmounted) => {
                        tracing::info!("ended");
                        return Ok(unmounted?);
                    }
                    Err(mpsc::TryRecvError::Disconnected) => return Err(Error::Panicked),
                    // The end of requests, which comes on the way.
                    Err(mpsc::TryRecvError::Empty) => {}
                },
            }
        }
    }
}

/// Says that a thread has finished, by a panic too.
struct Finished(Waker);

impl Drop for Finished {
    fn drop(&mut self) {
        self.0.wake();
    }
}
