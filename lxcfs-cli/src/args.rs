//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use lxcfs_core::mountinfo::Device;
use lxcfs_core::{CpuIds, CpuList, CpuView, Pid, ViewOptions};

use crate::doctor::Group;
use crate::run::amount;
use crate::top::Sort;

const AFTER_HELP: &str = "\
Exit status:
  0    done
  1    could not be done; the message says why and what to do
  2    the command line is wrong
  run  has the command's own status instead: see `lxcfs-cli run --help`

Examples:
  lxcfs-cli run --memory 256M --cpus 1.5 -- free -m
  lxcfs-cli render meminfo --pid 4711
  lxcfs-cli explain meminfo --pid 4711
  lxcfs-cli compare --pid 4711";

/// What a container should see in /proc and /sys
///
/// Shows, explains and records it, and runs commands in limited containers.
#[derive(Debug, Parser)]
#[command(name = "lxcfs-cli", version, after_help = AFTER_HELP, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Print a virtual file as a process sees it
    Render(Render),
    /// List the virtual files
    List(List),
    /// Say for each line of a virtual file where it comes from
    Explain(Explain),
    /// Show what the host has and what a container sees of it, side by side
    Compare(Compare),
    /// Show all containers, one a line, with bars: memory, CPU, load
    #[command(after_help = TOP_AFTER_HELP)]
    Top(Top),
    /// Say what a daemon does, and for whom: reads, errors and waits of each container
    #[command(after_help = STATUS_AFTER_HELP)]
    Status(Status),
    /// Keep all that is read for a process, as a directory to look at elsewhere
    Record(Record),
    /// Run a command in a limited container that sees its own limits
    #[command(long_about = RUN_ABOUT, after_help = RUN_AFTER_HELP)]
    Run(Run),
    /// Show each container its own /proc and /sys: the daemon lxcfs, in the foreground
    Mount(Mount),
    /// Say how containers get the files: flags, or a file for an engine, a runtime or a cluster
    Inject(crate::inject::Inject),
    /// Bind the files into a container that a runtime is making
    Hook(crate::hook::Hook),
    /// Give containers their files as they are created: a plugin of containerd, CRI-O or Docker
    #[command(long_about = crate::nri::ABOUT, after_help = crate::nri::AFTER_HELP)]
    Nri(crate::nri::Args),
    /// Bind files into a running container
    #[command(hide = true)]
    NriGive(crate::nri::inside::Args),
    /// Give running containers the files of the live daemon in place of those of one that is gone
    #[command(long_about = REMOUNT_ABOUT, after_help = REMOUNT_AFTER_HELP)]
    Remount(Remount),
    /// Look at this machine and say what works, what does not and what mends it
    #[command(after_help = DOCTOR_AFTER_HELP)]
    Doctor(Doctor),
    /// Have a daemon end; with --unmount, nothing stays mounted, whoever keeps it
    Stop(Stop),
    /// Print the completions of a shell, or write those of all shells
    Completions(Completions),
    /// Print a manual page, or write all of them
    Man(Man),
}

/// Whose view it is.
#[derive(Debug, Clone, Args)]
pub(crate) struct Whose {
    /// The process that asks: its number, or `self`
    #[arg(long, value_name = "PID|self", default_value = "self", value_parser = Process::parse)]
    pub(crate) pid: Process,

    /// Look at a recording (`lxcfs-cli record`) instead of this machine
    #[arg(long, value_name = "DIR", conflicts_with = "pid")]
    pub(crate) root: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Process {
    Oneself,
    Pid(Pid),
}

impl Process {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "self" => Ok(Self::Oneself),
            _ => match text.parse() {
                Ok(pid) if pid > 0 => Ok(Self::Pid(pid)),
                _ => Err("neither the number of a process nor `self`".to_owned()),
            },
        }
    }

    pub(crate) fn pid(self) -> Pid {
        match self {
            Self::Oneself => std::process::id(),
            Self::Pid(pid) => pid,
        }
    }
}

/// The policies of the view.
#[derive(Debug, Clone, Copy, Args)]
#[command(next_help_heading = "Policies")]
pub(crate) struct Policies {
    /// Which CPUs are shown: what the quota keeps busy, the whole cpuset, or the host's
    #[arg(long, value_name = "quota|cpuset|host", default_value_t)]
    cpu_view: CpuView,

    /// How they are numbered: by the kernel's own ids, or from 0 without gaps
    #[arg(long, value_name = "host|dense", default_value_t)]
    cpu_ids: CpuIds,

    /// Show no swap
    #[arg(long)]
    no_swap: bool,

    /// Show no zswap
    #[arg(long)]
    no_zswap: bool,

    /// Show load averages of 0.00
    #[arg(long)]
    no_loadavg: bool,
}

impl Policies {
    pub(crate) fn options(self) -> ViewOptions {
        ViewOptions {
            cpu_view: self.cpu_view,
            cpu_ids: self.cpu_ids,
            swap: !self.no_swap,
            zswap: !self.no_zswap,
            loadavg: !self.no_loadavg,
            passthrough: false,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Render {
    /// The file: `meminfo`, `proc/stat`, `/sys/devices/system/cpu/online`; a directory prints its names
    #[arg(value_name = "FILE")]
    pub(crate) file: String,
    #[command(flatten)]
    pub(crate) whose: Whose,
    /// Print a JSON object: path, process, init, cgroups, text or names
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) policies: Policies,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Print a JSON array
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// The file, as for `render`
    #[arg(value_name = "FILE")]
    pub(crate) file: String,
    #[command(flatten)]
    pub(crate) whose: Whose,
    /// Print a JSON object
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) policies: Policies,
}

#[derive(Debug, Args)]
pub(crate) struct Compare {
    #[command(flatten)]
    pub(crate) whose: Whose,
    /// Print a JSON object
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) policies: Policies,
}

const TOP_AFTER_HELP: &str = "\
Keys: q quits, / filters by name, space pauses. n, p, m, c, l, u, t sort by name, pid, memory, CPU, load, uptime, tasks; \
r turns the order around.

A container is a pid namespace other than the host's; its line is called by its first process. Its values are those \
that it would see in its own /proc: 100% of CPU is its quota.";

#[derive(Debug, Args)]
pub(crate) struct Top {
    /// How long to wait between two looks, in seconds
    #[arg(long, short = 'd', value_name = "SECONDS", default_value = "2", value_parser = interval)]
    pub(crate) interval: Duration,
    /// Print one table and end; so it is too where the standard output is no terminal
    #[arg(long)]
    pub(crate) once: bool,
    /// Show only containers in whose name, host name, command or pid these letters are
    #[arg(long, short, value_name = "TEXT", default_value = "")]
    pub(crate) filter: String,
    /// Sort by that column
    #[arg(long, short, value_enum, default_value_t)]
    pub(crate) sort: Sort,
    #[command(flatten)]
    pub(crate) policies: Policies,
}

const STATUS_AFTER_HELP: &str = "\
Two looks are taken, a second apart or as --for says. READS/S, P50 and P99 are of that time: how often files were read from their \
beginning, and how long half of the readers, and 99 of 100, have waited at most. The bar is the share of all that is read. READS and \
ERRORS count since the daemon has met the container, also through restarts; IDLE is how long ago it asked last. MOST READ is the file \
that was read most and its share: of what was read in that time, or of all reads if there were none.

Keys of --watch: q quits, / filters, space pauses, up and down select a container and show its files. n, p, s, t, e, l, i sort by name, \
pid, reads/s, reads, errors, P99, idle time; r turns the order around.

The daemon is asked over its control socket, which is beside its pid file: for root and the daemon's own user. It answers also when no \
read of its files is answered.";

#[derive(Debug, Args)]
pub(crate) struct Status {
    /// The pid file of the daemon; its control socket is beside it
    #[arg(short = 'p', long, value_name = "FILE", default_value = "/run/lxcfs.pid")]
    pub(crate) pidfile: PathBuf,
    /// How far the two looks are apart, in seconds
    #[arg(long = "for", short = 'd', value_name = "SECONDS", default_value = "1", value_parser = interval)]
    pub(crate) interval: Duration,
    /// Only the container of this process, with the files that it reads
    #[arg(long, value_name = "PID|self", value_parser = Process::parse)]
    pub(crate) pid: Option<Process>,
    /// Look again and again, on the whole screen
    #[arg(long, short)]
    pub(crate) watch: bool,
    /// Print a JSON object; with --watch, one a line
    #[arg(long)]
    pub(crate) json: bool,
    /// Show only containers in whose name, cgroup or pid these letters are
    #[arg(long, short, value_name = "TEXT", default_value = "", conflicts_with = "json")]
    pub(crate) filter: String,
    /// Sort by that column
    #[arg(long, short, value_enum, default_value_t, conflicts_with = "json")]
    pub(crate) sort: crate::status::Sort,
}

/// A tenth of a second at least, an hour at most.
fn interval(text: &str) -> Result<Duration, String> {
    let limits = Duration::from_millis(100)..=Duration::from_secs(3600);
    let seconds = text
        .parse()
        .ok()
        .and_then(|secs| Duration::try_from_secs_f64(secs).ok());
    seconds
        .filter(|length| limits.contains(length))
        .ok_or_else(|| "not a number of seconds from 0.1 to 3600".to_owned())
}

#[derive(Debug, Args)]
pub(crate) struct Record {
    /// The process that asks: its number, or `self`
    #[arg(long, value_name = "PID|self", value_parser = Process::parse)]
    pub(crate) pid: Process,
    /// Where to write: a directory that is empty or does not exist yet
    #[arg(value_name = "DIR")]
    pub(crate) dir: PathBuf,
    /// Keep what tells this machine from others: process names, mounts, serial numbers, long ids
    #[arg(long)]
    pub(crate) no_scrub: bool,
}

const RUN_ABOUT: &str = "\
Run a command in a limited container that sees its own limits

The command gets a cgroup of its own in each hierarchy, a pid namespace and a mount namespace. There, /proc is its own \
and the virtual files stand over the host's, read-only. They are live, as with the daemon, lxcfs: this process answers \
each read as long as the command runs. Nobody else sees the mount, and nothing is left of it afterwards.

It needs /dev/fuse, and root, or a process that may create namespaces and cgroups. The cgroups are made below the root of each \
hierarchy as lxcfs-run-PID-STARTTIME and removed at the end; those of runs that were killed are removed by the next.

A file of which the kernel has nothing for a container, such as pressure without cgroup v2, cannot be read: its error \
is EOPNOTSUPP.";

const RUN_AFTER_HELP: &str = "\
Sizes are whole or decimal numbers with a unit: 268435456, 256M, 1.5G, 512MiB (K, M, G, T count by 1024).

Signals HUP, INT, QUIT, TERM, USR1 and USR2 are passed on to the command. Another HUP, INT, QUIT or TERM, at least a \
second after the first and not from the terminal, kills the container.

Exit status:
  that of the command, or
  128+N  the command was killed by signal N (137: by the out-of-memory killer, most often)
  125    lxcfs-cli itself failed; the message says why
  126    the command is not executable
  127    the command was not found";

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// The most memory, such as 256M
    #[arg(long, short, value_name = "SIZE", value_parser = amount::size)]
    pub(crate) memory: Option<u64>,

    /// The most swap, besides the memory; 0 for none
    #[arg(long, value_name = "SIZE", value_parser = amount::size)]
    pub(crate) swap: Option<u64>,

    /// The most CPU time, in CPUs: 1.5 is 150 ms in each 100 ms
    #[arg(long, short, value_name = "NUMBER", value_parser = amount::quota_usec)]
    pub(crate) cpus: Option<u64>,

    /// The CPUs that may be used, such as 0-2,5
    #[arg(long, value_name = "LIST", value_parser = amount::cpu_list)]
    pub(crate) cpuset: Option<CpuList>,

    /// The most processes and threads, this tool's own init among them
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(2..))]
    pub(crate) pids: Option<u32>,

    /// Which cgroups to use: those that have the controllers, or only those of one version
    #[arg(long, value_enum, default_value_t)]
    pub(crate) hierarchy: WhichHierarchy,

    /// Log on the standard error what cannot be shown, and why
    #[arg(long, short)]
    pub(crate) verbose: bool,

    /// The command and its arguments
    #[arg(
        value_name = "COMMAND",
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    pub(crate) command: Vec<OsString>,

    #[command(flatten)]
    pub(crate) policies: Policies,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum WhichHierarchy {
    /// Each controller where it is
    #[default]
    Auto,
    /// cgroup v1 only
    V1,
    /// cgroup v2 only
    V2,
}

const MOUNT_AFTER_HELP: &str = "\
It ends with status 0 when it is unmounted, by a signal or from outside, or when another daemon has taken over. HUP reads \
the configuration file again, USR1 goes on as the program that is now on the disk, USR2 shows the host's own files to \
everybody, or no longer.";

#[derive(Debug, Args)]
#[command(after_help = MOUNT_AFTER_HELP)]
pub(crate) struct Mount {
    #[command(flatten)]
    pub(crate) daemon: lxcfs_fuse::daemon::Args,
}

const REMOUNT_ABOUT: &str = "\
Give running containers the files of the live daemon in place of those of one that is gone

Looks at the mounts of every mount namespace and replaces those of type fuse.lxcfs whose daemon has ended, so that \
reading them says ENOTCONN. The live file is put beneath the dead one, which is then taken away: nobody in the container sees \
the host's file in between. Mounts of another daemon that lives are left alone, and so are those that a process \
holds for a daemon to come. It may be run at any time.

Files that a process of the container has open stay dead: they are to be opened again.";

const REMOUNT_AFTER_HELP: &str = "\
Exit status:
  0  nothing is dead, or nothing is any more
  1  something is left dead, or could not be looked at; also if --dry-run has found something
  2  the command line is wrong";

#[derive(Debug, Args)]
pub(crate) struct Remount {
    /// Heal all mount namespaces, which is the default
    #[arg(long, conflicts_with = "pid")]
    pub(crate) all: bool,

    /// Heal only the mount namespace of this process; may be repeated
    #[arg(long, value_name = "PID", value_parser = clap::value_parser!(Pid).range(1..))]
    pub(crate) pid: Vec<Pid>,

    /// Where the live daemon has mounted [default: the only place where one is served]
    #[arg(long, value_name = "DIR")]
    pub(crate) mountpoint: Option<PathBuf>,

    /// The directory of its slots, if it has any
    #[arg(long, value_name = "DIR")]
    pub(crate) slots: Option<PathBuf>,

    /// Replace only mounts of this file system, as the third word of mountinfo names it; may be repeated
    #[arg(long, value_name = "MAJOR:MINOR")]
    pub(crate) device: Vec<Device>,

    /// Change nothing, and say what would be done
    #[arg(long, short = 'n')]
    pub(crate) dry_run: bool,

    /// How long one namespace may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) limit: u64,

    /// Print a JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

const DOCTOR_AFTER_HELP: &str = "\
It only looks, and never waits for a file system that does not answer.

Exit status:
  0  healthy; there may be warnings
  1  something does not work; the line says what mends it
  2  the command line is wrong";

#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// Only these groups of checks
    #[arg(long, value_enum, value_name = "GROUP", value_delimiter = ',', num_args = 1..)]
    pub(crate) only: Vec<Group>,

    /// Only what the container in which this runs sees
    #[arg(long, conflicts_with = "only")]
    pub(crate) here: bool,

    /// Where the daemon has mounted [default: wherever one is]
    #[arg(long, value_name = "DIR")]
    pub(crate) mountpoint: Option<PathBuf>,

    /// Print a JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Stop {
    /// Unmount, whoever keeps the mount; else the daemon ends as a TERM signal would have it end
    #[arg(long)]
    pub(crate) unmount: bool,
    /// The pid file of the daemon; its control socket is beside it
    #[arg(short = 'p', long, value_name = "FILE", default_value = "/run/lxcfs.pid")]
    pub(crate) pidfile: PathBuf,
}

/// One of the two programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Program {
    /// The daemon
    Lxcfs,
    /// This tool
    LxcfsCli,
}

impl Program {
    /// Its whole command line.
    pub(crate) fn command(self) -> clap::Command {
        match self {
            Self::Lxcfs => lxcfs_fuse::daemon::CommandLine::command(),
            Self::LxcfsCli => Cli::command(),
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell
    #[arg(required_unless_present = "dir", conflicts_with = "dir")]
    pub(crate) shell: Option<Shell>,

    /// For which program
    #[arg(long, value_enum, default_value_t = Program::LxcfsCli)]
    pub(crate) program: Program,

    /// Write those of both programs for bash, zsh and fish into this directory, under the names that the shells look for
    #[arg(long, value_name = "DIR", conflicts_with = "program")]
    pub(crate) dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Man {
    /// Whose page
    #[arg(long, value_enum, default_value_t = Program::LxcfsCli)]
    pub(crate) program: Program,

    /// Write all pages into this directory: lxcfs.8, lxcfs-cli.1 and one for each subcommand
    #[arg(long, value_name = "DIR", conflicts_with = "program")]
    pub(crate) dir: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn mount_takes_the_command_line_of_the_daemon() {
        let words = "lxcfs-cli mount -l --enable-cfs -o allow_other -p /p /var/lib/lxcfs";
        let cli = Cli::try_parse_from(words.split(' ')).unwrap();
        assert!(matches!(cli.command, Command::Mount(_)));
    }

    #[test]
    fn what_follows_the_command_is_the_commands() {
        let cli = Cli::try_parse_from(["lxcfs-cli", "run", "-m", "1G", "free", "-m", "--help"]).unwrap();
        let Command::Run(run) = cli.command else {
            panic!("not run")
        };
        assert_eq!(run.memory, Some(1 << 30));
        assert_eq!(run.command, ["free", "-m", "--help"]);
    }
}
