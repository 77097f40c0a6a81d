//! The command line of the daemon: that of LXCFS, with options of our own.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{ArgAction, Parser};
use lxcfs_core::{CpuIds, CpuView};

use super::config::{COALESCE_MS, DEADLINE_MS, THREADS};
use super::log::{LogFormat, LogLevel};
use crate::keeper::{Times, control};
use crate::metrics::{BESIDE, Place};

const ABOUT: &str = "Show each container its own /proc and /sys";

const LONG_ABOUT: &str = "\
Mounts a file system whose files tell the container that reads them about itself. Containers have them bound over \
those of the kernel. What is not on the command line is taken from the configuration file, and else by default.";

const AFTER_HELP: &str = "\
Without a word about CPUs, containers see as many CPUs as their quota can keep busy, by the kernel's own numbers. \
--enable-cfs numbers them from 0. --cpu-view cpuset leaves the quota out, as LXCFS without --enable-cfs does.

Signals:
  TERM, INT   unmount and end; with --keep=systemd or --linger, end without unmounting
  HUP         read the configuration file again
  USR1        go on as the program that is now on the disk; readers do not notice
  USR2        show the host's own files to everybody, or no longer

Exit status:
  0  unmounted, by a signal or from outside; or somebody else has taken over, or will
  1  could not be done, or the command line is wrong; the message says why";

/// Who keeps the connection to the kernel when the process that serves it dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Keep {
    /// A process of our own, which starts another that serves
    Process,
    /// The service manager
    Systemd,
}

/// How long it may be waited for something, in seconds.
const SECONDS: RangeInclusive<u64> = 1..=3600;

const OWN: &str = "Options that LXCFS does not have";
const KEEPING: &str = "Options for a mount that outlives its daemon";

/// The command line of the daemon.
///
/// ```
/// use clap::Parser as _;
/// use lxcfs_fuse::daemon::CommandLine;
///
/// assert!(CommandLine::try_parse_from(["lxcfs", "--enable-cfs", "/var/lib/lxcfs"]).is_ok());
/// assert!(CommandLine::try_parse_from(["lxcfs"]).is_err(), "where to?");
/// ```
#[derive(Debug, Parser)]
#[command(
    name = "lxcfs",
    // Apart from the doc comment, whose example is not for those who ask for help.
    about = ABOUT,
    long_about = format!("{ABOUT}\n\n{LONG_ABOUT}"),
    version,
    disable_version_flag = true,
    after_help = AFTER_HELP,
    max_term_width = 100
)]
pub struct CommandLine {
    /// All but the version.
    #[command(flatten)]
    pub args: Args,

    /// Print the version
    #[arg(short = 'v', long, action = ArgAction::Version)]
    version: Option<bool>,
}

/// What the daemon is told when it is started.
///
/// ```
/// use clap::Parser;
/// use lxcfs_fuse::daemon::Args;
///
/// /// A program of one's own with the daemon as one of its commands.
/// #[derive(Parser)]
/// enum Command {
///     Mount(Args),
///     Other,
/// }
///
/// assert!(matches!(Command::parse_from(["program", "mount", "/var/lib/lxcfs"]), Command::Mount(_)));
/// ```
// `args_override_self`: a repeated option is no mistake, as for getopt(3); the last value counts.
#[derive(Debug, Clone, clap::Args)]
#[command(args_override_self = true)]
pub struct Args {
    /// Where to mount: a directory
    #[arg(value_name = "MOUNTPOINT")]
    pub(super) mountpoint: PathBuf,

    /// Show load averages; they are shown unless the configuration file or --no-loadavg says otherwise
    #[arg(short = 'l', long)]
    pub(super) enable_loadavg: bool,

    /// Show no swap
    #[arg(short = 'u', long)]
    pub(super) disable_swap: bool,

    /// Show no zswap
    #[arg(short = 'z', long)]
    pub(super) disable_zswap: bool,

    /// Number the CPUs that the quota keeps busy from 0; without effect if --cpu-view is given
    #[arg(long)]
    pub(super) enable_cfs: bool,

    /// Let pressure triggers be written and polled; the mount is then not read-only
    #[arg(long, visible_alias = "psi-poll")]
    pub(super) enable_psi_poll: bool,

    /// Deprecated: has been the only way since LXCFS 5
    #[arg(long, hide = true)]
    pub(super) enable_pidfd: bool,

    /// For tests: have requests in hand again from shared memory, on kernels that would hand them out again too
    #[arg(long, hide = true)]
    pub(super) resume_by_slots: bool,

    /// Stay in the foreground, which is always so
    #[arg(short = 'f', long)]
    foreground: bool,

    /// Log what is of use to those who look for a mistake: --log-level debug
    #[arg(short = 'd', long)]
    pub(super) debug: bool,

    /// Ignored
    #[arg(short = 's', hide = true)]
    single_threaded: bool,

    /// Options of the mount, with commas between them; those that LXCFS sets itself are ignored
    #[arg(short = 'o', value_name = "OPTIONS")]
    pub(super) options: Vec<String>,

    /// Where the number of the process is written [default: lxcfs.pid in the runtime directory]
    #[arg(short = 'p', long, value_name = "FILE")]
    pidfile: Option<PathBuf>,

    /// The runtime directory
    #[arg(long, value_name = "DIR", default_value = "/run")]
    runtime_dir: PathBuf,

    /// Which CPUs are shown: what the quota keeps busy, the whole cpuset, or the host's [default: quota]
    #[arg(long, value_name = "quota|cpuset|host", help_heading = OWN)]
    pub(super) cpu_view: Option<CpuView>,

    /// How they are numbered: by the kernel's own ids, or from 0 without gaps [default: host]
    #[arg(long, value_name = "host|dense", help_heading = OWN)]
    pub(super) cpu_ids: Option<CpuIds>,

    /// Show load averages of 0.00
    #[arg(long, help_heading = OWN, conflicts_with = "enable_loadavg")]
    pub(super) no_loadavg: bool,

    /// How long a rendering is shown again, in milliseconds; 0 for never [default: 10]
    #[arg(long, value_name = "MS", help_heading = OWN, value_parser = clap::value_parser!(u64).range(COALESCE_MS))]
    pub(super) coalesce: Option<u64>,

    /// How long a reader waits before it gets an error, in milliseconds [default: 2000]
    #[arg(long, value_name = "MS", help_heading = OWN, value_parser = clap::value_parser!(u64).range(DEADLINE_MS))]
    pub(super) deadline: Option<u64>,

    /// How many threads answer requests [default: one for each CPU, at most 4]
    #[arg(long, value_name = "NUMBER", help_heading = OWN, value_parser = clap::value_parser!(u64).range(THREADS))]
    pub(super) threads: Option<u64>,

    /// A directory of slots: mounts from which containers are bound as slaves, so that a restart heals them at once
    #[arg(long, value_name = "DIR", help_heading = OWN)]
    pub(super) slots: Option<PathBuf>,

    /// Do not look for mounts of daemons before this one in running containers
    #[arg(long, help_heading = OWN)]
    pub(super) no_sweep: bool,

    /// Where Prometheus can read what was done: a unix socket, or an address of this machine's loopback; without a word, a unix
    /// socket beside the pid file
    #[arg(
        long,
        value_name = "unix|unix:PATH|127.0.0.1:PORT",
        help_heading = OWN,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = BESIDE
    )]
    pub(super) metrics: Option<Place>,

    /// The configuration file [default: /etc/lxcfs/lxcfs.toml if it is there]
    #[arg(long, value_name = "FILE", help_heading = OWN)]
    pub(super) config: Option<PathBuf>,

    /// How much is logged [default: info]
    #[arg(long, value_enum, value_name = "LEVEL", help_heading = OWN)]
    pub(super) log_level: Option<LogLevel>,

    /// How it is logged, on the standard error
    #[arg(long, value_enum, value_name = "FORMAT", help_heading = OWN, default_value_t)]
    pub(super) log_format: LogFormat,

    /// Who keeps the mount when the process that serves it dies, so that it can be followed by another; without a word, a
    /// process of our own
    #[arg(
        long,
        value_enum,
        value_name = "process|systemd",
        help_heading = KEEPING,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "process"
    )]
    pub(super) keep: Option<Keep>,

    /// Take the mount over from the daemon that has the pid file, if there is one
    #[arg(long, help_heading = KEEPING)]
    pub(super) take_over: bool,

    /// When told to end, serve on until somebody takes over, and unmount after --keep-deadline; after somebody has taken over, wait
    /// to be told to end
    #[arg(long, help_heading = KEEPING, requires = "keep")]
    pub(super) linger: bool,

    /// How long readers wait for somebody to serve, in seconds; then they get errors
    #[arg(long, value_name = "SECONDS", help_heading = KEEPING, default_value_t = 30, value_parser = clap::value_parser!(u64).range(SECONDS))]
    keep_deadline: u64,

    /// How long the process that serves may be silent before it is replaced, in seconds; 0 for ever
    #[arg(long, value_name = "SECONDS", help_heading = KEEPING, default_value_t = 10, value_parser = clap::value_parser!(u64).range(0..=3600))]
    keep_watchdog: u64,

    /// Keep all capabilities and system calls: to look for a mistake
    #[arg(long, help_heading = OWN)]
    pub(super) no_sandbox: bool,

    /// Look at the command line and the configuration file, and end
    #[arg(long, help_heading = OWN)]
    pub(super) check: bool,

    /// Serve for the keeper that has started this process
    #[arg(long, hide = true)]
    pub(super) worker: bool,

    /// What relative paths are relative to
    #[arg(long, hide = true, value_name = "DIR")]
    working_directory: Option<PathBuf>,
}

impl Args {
    /// Where the number of the process is written.
    pub(super) fn pid_file(&self) -> PathBuf {
        match &self.pidfile {
            Some(path) => path.clone(),
            None => self.runtime_dir.join("lxcfs.pid"),
        }
    }

    /// Where it is written down which file systems were served: beside the pid file.
    pub(super) fn device_record(&self) -> PathBuf {
        self.pid_file().with_extension("devices")
    }

    /// Where the control socket is.
    pub(super) fn control(&self) -> PathBuf {
        control::beside(&self.pid_file())
    }

    /// How long a keeper waits.
    pub(super) fn times(&self) -> Times {
        Times {
            deadline: Duration::from_secs(self.keep_deadline),
            watchdog: Duration::from_secs(self.keep_watchdog),
        }
    }

    /// What relative paths are relative to: the working directory of the process that was started first.
    pub(super) fn working_directory(&self) -> std::io::Result<PathBuf> {
        match &self.working_directory {
            Some(directory) => Ok(directory.clone()),
            None => std::env::current_dir(),
        }
    }

    /// The same with every path seen from the root, so that the working directory no longer matters.
    pub(super) fn absolute(mut self, from: &Path) -> std::io::Result<Self> {
        let from_root = |path: &mut PathBuf| {
            *path = std::path::absolute(from.join(&*path))?;
            Ok::<_, std::io::Error>(())
        };
        from_root(&mut self.mountpoint)?;
        from_root(&mut self.runtime_dir)?;
        for path in [&mut self.pidfile, &mut self.config, &mut self.slots]
            .into_iter()
            .flatten()
        {
            from_root(path)?;
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use clap::CommandFactory as _;
    use clap::error::ErrorKind;

    use super::*;

    fn parsed(words: &[&str]) -> Result<Args, clap::Error> {
        let all = std::iter::once(&"lxcfs").chain(words);
        Ok(CommandLine::try_parse_from(all)?.args)
    }

    fn args(words: &[&str]) -> Args {
        parsed(words).unwrap()
    }

    fn refused(words: &[&str]) -> clap::Error {
        parsed(words).unwrap_err()
    }

    #[test]
    fn the_command_line_is_consistent() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn the_usual_start_of_lxcfs_is_understood() {
        let args = args(&["-f", "-l", "--enable-cfs", "-o", "nonempty", "/var/lib/lxcfs"]);
        assert!(args.enable_loadavg && args.enable_cfs);
        assert_eq!(args.mountpoint, Path::new("/var/lib/lxcfs"));
        assert_eq!(args.pid_file(), Path::new("/run/lxcfs.pid"));
    }

    #[test]
    fn short_options_may_stand_together_and_behind_the_mount_point() {
        let args = args(&["/m", "-luzd", "-s", "-p/a.pid"]);
        assert!(args.enable_loadavg && args.disable_swap && args.disable_zswap && args.debug);
        assert_eq!(args.pid_file(), Path::new("/a.pid"));
    }

    #[test]
    fn debug_and_foreground_go_together() {
        assert!(args(&["-d", "-f", "/m"]).debug);
    }

    #[test]
    fn the_last_of_repeated_options_counts_and_mount_options_add_up() {
        let args = args(&[
            "-l", "-l", "-p", "/a", "-p", "/b", "-o", "noexec", "-o", "dirsync", "/m",
        ]);
        assert_eq!(args.pid_file(), Path::new("/b"));
        assert_eq!(args.options, ["noexec", "dirsync"]);
    }

    #[test]
    fn the_pid_file_is_in_the_runtime_directory_unless_it_is_named() {
        assert_eq!(args(&["--runtime-dir=/x", "/m"]).pid_file(), Path::new("/x/lxcfs.pid"));
        assert_eq!(
            args(&["--runtime-dir=/x", "--pidfile=/y", "/m"]).pid_file(),
            Path::new("/y")
        );
    }

    #[test]
    fn both_names_of_pressure_triggers_mean_the_same() {
        assert!(args(&["--psi-poll", "/m"]).enable_psi_poll);
        assert!(args(&["--enable-psi-poll", "/m"]).enable_psi_poll);
    }

    #[test]
    fn there_is_exactly_one_mount_point() {
        let none = refused(&[]);
        assert_eq!(none.kind(), ErrorKind::MissingRequiredArgument);
        assert!(none.to_string().contains("MOUNTPOINT"));
        let two = refused(&["/a", "/b"]);
        assert_eq!(two.kind(), ErrorKind::UnknownArgument);
        assert!(two.to_string().contains("/b"));
    }

    #[test]
    fn a_wrong_value_is_refused_with_its_option() {
        for (words, option) in [
            (["--cpu-view", "shares", "/m"], "--cpu-view"),
            (["--cpu-ids", "9", "/m"], "--cpu-ids"),
            (["--threads", "0", "/m"], "--threads"),
            (["--coalesce", "-1", "/m"], "-1"),
            (["--coalesce", "60001", "/m"], "--coalesce"),
            (["--deadline", "0", "/m"], "--deadline"),
            (["--log-level", "loud", "/m"], "--log-level"),
            (["--log-format", "xml", "/m"], "--log-format"),
            (["-l", "--no-loadavg", "/m"], "--no-loadavg"),
        ] {
            let text = refused(&words).to_string();
            assert!(text.contains(option), "{words:?}: {text}");
        }
    }

    #[test]
    fn version_and_help_are_no_mistakes() {
        for (word, kind) in [
            ("-v", ErrorKind::DisplayVersion),
            ("--version", ErrorKind::DisplayVersion),
            ("-h", ErrorKind::DisplayHelp),
            ("--help", ErrorKind::DisplayHelp),
        ] {
            let shown = refused(&[word]);
            assert_eq!(shown.kind(), kind);
            assert!(!shown.use_stderr());
        }
    }

    #[test]
    fn keep_alone_is_a_process_of_our_own() {
        assert_eq!(args(&["/m"]).keep, None);
        for (words, keep) in [
            (["--keep", "/m"], Keep::Process),
            (["--keep=process", "/m"], Keep::Process),
            (["--keep=systemd", "/m"], Keep::Systemd),
        ] {
            assert_eq!(args(&words).keep, Some(keep));
        }
        assert!(refused(&["--keep=podman", "/m"]).to_string().contains("--keep"));
        assert!(refused(&["--linger", "/m"]).to_string().contains("--keep"));
        assert!(
            refused(&["--keep-deadline=0", "/m"])
                .to_string()
                .contains("--keep-deadline")
        );
        let times = args(&["--keep-watchdog=0", "/m"]).times();
        assert_eq!((times.deadline.as_secs(), times.watchdog.as_secs()), (30, 0));
    }

    #[test]
    fn metrics_alone_are_at_a_unix_socket_and_never_open_to_a_network() {
        assert_eq!(args(&["/m"]).metrics, None);
        assert_eq!(args(&["--metrics", "/m"]).metrics, Some(Place::Beside));
        let named = args(&["--metrics=unix:/run/m", "/m"]).metrics;
        assert_eq!(named, Some(Place::Unix("/run/m".into())));
        let refused = refused(&["--metrics=0.0.0.0:9797", "/m"]).to_string();
        assert!(
            refused.contains("--metrics") && refused.contains("other machines"),
            "{refused}"
        );
    }

    #[test]
    fn a_program_that_is_started_again_knows_what_paths_were_relative_to() {
        let args = args(&["--working-directory=/w", "m"]);
        let from = args.working_directory().unwrap();
        assert_eq!(args.absolute(&from).unwrap().mountpoint, Path::new("/w/m"));
    }

    #[test]
    fn paths_are_made_absolute() {
        let here = std::env::current_dir().unwrap();
        let args = args(&["m", "--config", "c", "-p", "p"]).absolute(&here).unwrap();
        assert_eq!(args.mountpoint, here.join("m"));
        assert_eq!(args.config, Some(here.join("c")));
        assert_eq!(args.pid_file(), here.join("p"));
    }
}
