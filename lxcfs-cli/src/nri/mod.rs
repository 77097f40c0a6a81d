//! `lxcfs-cli nri`: the plugin of this node's container runtime.

mod give;
pub(crate) mod inside;
mod metrics;

use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use clap::ValueEnum;
use lxcfs_core::inject::{is_named, mounted_files};
use lxcfs_fuse::daemon::{Log, LogFormat, LogLevel};
use lxcfs_nri::{ByDefault, Health, Mounted, Options, Policy, Stop};
use nix::sys::signal::{SigSet, Signal};

use crate::failure::Failure;
use give::Children;

pub(crate) const ABOUT: &str = "\
Give containers their files as they are created: a plugin of containerd, CRI-O or Docker

The runtime asks it about each container, by NRI (the Node Resource Interface). It answers with read-only mounts of the \
daemon's files. Containers that run already are given them too, and so are those that are created while the plugin or \
the daemon is away, as soon as both are there again.

A container never fails because of this plugin. What it cannot do it leaves, logs and counts.";

pub(crate) const AFTER_HELP: &str = "\
Annotations of a pod (or of a container; with Docker, its labels):
  lxcfs.io/inject: \"true\" or \"false\"
  lxcfs.io/files: \"cpuinfo,meminfo\"; the files: cpuinfo, diskstats, loadavg, meminfo, slabinfo, stat, swaps, uptime,
      sys-cpu, pressure
  lxcfs.io/inject.container.NAME, lxcfs.io/files.container.NAME: for one container of a pod; they count first
  initializer.kubernetes.io/lxcfs: \"true\", as for lxcfs-initializer

It ends with status 0 by TERM or INT.

Examples:
  lxcfs-cli nri --default inject
  lxcfs-cli nri --socket /var/run/nri/docker.sock --default inject --without slabinfo";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where the runtime listens for plugins
    #[arg(long, value_name = "FILE", default_value = "/var/run/nri/nri.sock")]
    socket: PathBuf,

    /// The plugin's name
    #[arg(long, value_name = "NAME", default_value = "lxcfs", value_parser = name)]
    name: String,

    /// Two digits: the runtime calls its plugins in this order
    #[arg(long, value_name = "NN", default_value = "10", value_parser = index)]
    index: String,

    /// What containers get that do not say: all files, or none
    #[arg(long, value_name = "inject|skip", default_value = "skip")]
    default: Unasked,

    /// The mount point of the daemon, or a directory with a mount for each file
    #[arg(long, value_name = "DIR", default_value = "/var/lib/lxcfs", value_parser = absolute)]
    source: PathBuf,

    /// Runtime classes that are left alone; a `*` at the end stands for anything
    #[arg(
        long,
        value_name = "CLASS",
        value_delimiter = ',',
        default_value = "kata*,runsc*,gvisor*,wasm*"
    )]
    runtime_class_skip: Vec<String>,

    /// Namespaces of Kubernetes whose containers get nothing unless they say so
    #[arg(long, value_name = "NAMESPACE", value_delimiter = ',', default_value = "kube-system")]
    namespace_skip: Vec<String>,

    /// Files that no container gets
    #[arg(long, value_name = "FILE", value_delimiter = ',', value_parser = file)]
    without: Vec<String>,

    /// Write what has been counted into this file, for Prometheus' node exporter, when it has changed
    #[arg(long, value_name = "FILE")]
    metrics: Option<PathBuf>,

    /// How much is logged
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    log_level: LogLevel,

    /// How it is logged
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    log_format: LogFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Unasked {
    /// All files
    Inject,
    /// None
    Skip,
}

fn name(text: &str) -> Result<String, String> {
    if text.is_empty() || text.contains(['/', '-']) {
        return Err("a name without `/` and `-`".to_owned());
    }
    Ok(text.to_owned())
}

fn index(text: &str) -> Result<String, String> {
    if text.len() != 2 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("two digits, such as 10".to_owned());
    }
    Ok(text.to_owned())
}

fn absolute(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    if !path.is_absolute() {
        return Err("the runtime needs an absolute path".to_owned());
    }
    Ok(path)
}

fn file(text: &str) -> Result<String, String> {
    if !mounted_files().any(|file| is_named(file, text)) {
        return Err("no file of that name; --help shows them all".to_owned());
    }
    Ok(text.to_owned())
}

pub(crate) fn nri(args: Args) -> Result<(), Failure> {
    // Before the first thread is started, so that no thread gets a signal.
    let signals = SigSet::from_iter([Signal::SIGTERM, Signal::SIGINT]);
    signals.thread_block().map_err(|errno| Failure::Signals(errno.into()))?;
    Log::start(args.log_level, args.log_format);
    let (stop, health) = (Stop::default(), Arc::new(Health::default()));
    let told = stop.clone();
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            // It does not fail for signals that exist.
            if let Ok(signal) = signals.wait() {
                tracing::info!(%signal, "ending");
            }
            told.stop();
        })
        .map_err(Failure::Thread)?;
    if let Some(file) = args.metrics {
        metrics::write_changes(file, Arc::clone(&health), stop.clone()).map_err(Failure::Thread)?;
    }
    let mut sources = Mounted::below(&args.source).map_err(Failure::Thread)?;
    let options = Options {
        socket: args.socket,
        name: args.name,
        index: args.index,
        policy: Policy {
            default: match args.default {
                Unasked::Inject => ByDefault::Inject,
                Unasked::Skip => ByDefault::Skip,
            },
            skip_runtimes: args.runtime_class_skip,
            skip_namespaces: args.namespace_skip,
            without: args.without,
        },
    };
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        socket = %options.socket.display(),
        source = %args.source.display(),
        default = ?options.policy.default,
        "starting"
    );
    let mut give = Children::new(args.source);
    lxcfs_nri::run(&options, &mut sources, &mut give, &health, &stop).map_err(Failure::Thread)
}
