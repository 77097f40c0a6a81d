//! The command line counts before the configuration file, and that before the defaults.

use std::num::NonZeroUsize;
use std::time::Duration;

use lxcfs_core::{CpuIds, CpuView, ViewOptions};

use super::args::Args;
use super::config::Config;
use super::log::LogLevel;
use crate::metrics::Place;
use crate::settings::{MountOptions, Settings};

/// What holds in the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layers {
    /// What may change while the file system is mounted. That it shows the host is never said in a layer.
    pub(super) settings: Settings,
    pub(super) log_level: LogLevel,
    /// Fixed when the file system is mounted.
    pub(super) threads: NonZeroUsize,
    /// Fixed when the file system is mounted.
    pub(super) psi_poll: bool,
    /// Fixed when the process starts.
    pub(super) metrics: Option<Place>,
}

/// Lays the command line over the file, and that over the defaults.
pub(super) fn lay(args: &Args, file: &Config) -> Layers {
    // LXCFS knows two views: the quota with numbers from 0, and no quota. --cpu-view says all that there is to say.
    let cfs = args.enable_cfs && args.cpu_view.is_none();
    let cpu_view = args.cpu_view.or(cfs.then_some(CpuView::Quota)).or(file.cpu_view);
    let cpu_ids = args.cpu_ids.or(cfs.then_some(CpuIds::Dense)).or(file.cpu_ids);
    let loadavg = match (args.enable_loadavg, args.no_loadavg) {
        (true, _) => Some(true),
        (false, true) => Some(false),
        (false, false) => file.loadavg,
    };
    let debug = args.debug.then_some(LogLevel::Debug);
    let default = ViewOptions::default();
    let millis = |of_args: Option<u64>, of_file: Option<u64>, default| {
        of_args.or(of_file).map_or(default, Duration::from_millis)
    };
    let threads = args.threads.or(file.threads);
    Layers {
        settings: Settings {
            view: ViewOptions {
                cpu_view: cpu_view.unwrap_or(default.cpu_view),
                cpu_ids: cpu_ids.unwrap_or(default.cpu_ids),
                swap: !args.disable_swap && file.swap.unwrap_or(default.swap),
                zswap: !args.disable_zswap && file.zswap.unwrap_or(default.zswap),
                loadavg: loadavg.unwrap_or(default.loadavg),
                passthrough: false,
            },
            coalesce: millis(args.coalesce, file.coalesce_ms, Settings::COALESCE),
            deadline: millis(args.deadline, file.deadline_ms, Settings::DEADLINE),
        },
        log_level: args.log_level.or(debug).or(file.log_level).unwrap_or_default(),
        threads: threads
            .and_then(|threads| NonZeroUsize::new(usize::try_from(threads).ok()?))
            .unwrap_or_else(MountOptions::default_threads),
        psi_poll: args.enable_psi_poll || file.psi_poll.unwrap_or(false),
        metrics: args.metrics.clone().or_else(|| file.metrics.clone()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::super::args::CommandLine;
    use super::*;

    fn laid(words: &[&str], file: &Config) -> Layers {
        let all = ["lxcfs", "/m"].iter().chain(words);
        lay(&CommandLine::try_parse_from(all).unwrap().args, file)
    }

    fn view(words: &[&str], file: &Config) -> ViewOptions {
        laid(words, file).settings.view
    }

    fn cpus(words: &[&str], file: &Config) -> (CpuView, CpuIds) {
        let view = view(words, file);
        (view.cpu_view, view.cpu_ids)
    }

    /// A file that says the opposite of every default.
    fn contrary() -> Config {
        Config {
            cpu_view: Some(CpuView::Host),
            cpu_ids: Some(CpuIds::Dense),
            loadavg: Some(false),
            swap: Some(false),
            zswap: Some(false),
            coalesce_ms: Some(70),
            deadline_ms: Some(80),
            threads: Some(9),
            psi_poll: Some(true),
            log_level: Some(LogLevel::Error),
            metrics: Some(Place::Beside),
        }
    }

    #[test]
    fn nothing_said_gives_the_defaults() {
        let laid = laid(&[], &Config::default());
        assert_eq!(laid.settings, Settings::default());
        assert_eq!(laid.threads, MountOptions::default_threads());
        assert_eq!((laid.psi_poll, laid.log_level), (false, LogLevel::Info));
        assert_eq!(laid.metrics, None);
    }

    #[test]
    fn the_file_counts_before_the_defaults() {
        let laid = laid(&[], &contrary());
        let expected = ViewOptions {
            cpu_view: CpuView::Host,
            cpu_ids: CpuIds::Dense,
            swap: false,
            zswap: false,
            loadavg: false,
            passthrough: false,
        };
        assert_eq!(laid.settings.view, expected);
        assert_eq!(laid.settings.coalesce, Duration::from_millis(70));
        assert_eq!(laid.settings.deadline, Duration::from_millis(80));
        assert_eq!(laid.threads.get(), 9);
        assert_eq!((laid.psi_poll, laid.log_level), (true, LogLevel::Error));
        assert_eq!(laid.metrics, Some(Place::Beside));
    }

    #[test]
    fn the_command_line_counts_before_the_file() {
        let words = "--cpu-view cpuset --cpu-ids host -l --coalesce 0 --deadline 7 --threads 3 --log-level trace --metrics=unix:/m";
        let laid = laid(&words.split(' ').collect::<Vec<_>>(), &contrary());
        let view = laid.settings.view;
        assert_eq!((view.cpu_view, view.cpu_ids), (CpuView::Cpuset, CpuIds::Host));
        assert!(view.loadavg);
        assert_eq!(laid.settings.coalesce, Duration::ZERO);
        assert_eq!(laid.settings.deadline, Duration::from_millis(7));
        assert_eq!((laid.threads.get(), laid.log_level), (3, LogLevel::Trace));
        assert_eq!(laid.metrics, Some(Place::Unix("/m".into())));
    }

    #[test]
    fn what_the_command_line_hides_no_file_shows() {
        let file = Config {
            swap: Some(true),
            zswap: Some(true),
            loadavg: Some(true),
            ..Config::default()
        };
        let view = view(&["-u", "-z", "--no-loadavg"], &file);
        assert!(!view.swap && !view.zswap && !view.loadavg);
    }

    #[test]
    fn enable_cfs_is_the_quota_numbered_from_0() {
        let quota = (CpuView::Quota, CpuIds::Dense);
        assert_eq!(cpus(&["--enable-cfs"], &Config::default()), quota);
        assert_eq!(cpus(&["--enable-cfs"], &contrary()), quota, "whatever the file says");
        let host_ids = (CpuView::Quota, CpuIds::Host);
        assert_eq!(
            cpus(&["--enable-cfs", "--cpu-ids", "host"], &Config::default()),
            host_ids
        );
    }

    #[test]
    fn cpu_view_makes_enable_cfs_meaningless() {
        for name in ["quota", "cpuset", "host"] {
            let expected = (name.parse().unwrap(), CpuIds::Host);
            assert_eq!(
                cpus(&["--enable-cfs", "--cpu-view", name], &Config::default()),
                expected
            );
        }
    }

    #[test]
    fn debug_is_a_log_level_unless_another_is_given() {
        assert_eq!(laid(&["-d"], &contrary()).log_level, LogLevel::Debug);
        let both = laid(&["-d", "--log-level", "warn"], &Config::default());
        assert_eq!(both.log_level, LogLevel::Warn);
    }
}
