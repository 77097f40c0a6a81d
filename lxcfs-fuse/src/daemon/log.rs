//! Where the daemon's log goes: to the standard error, in the form that its reader wants.

use std::fmt;
use std::io;
use std::os::fd::AsFd;

use clap::ValueEnum;
use serde::Deserialize;
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::{Format, JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, layer};
use tracing_subscriber::layer::{Layered, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer, Registry, reload};

/// How much is logged.
///
/// ```
/// use clap::ValueEnum as _;
/// use lxcfs_fuse::daemon::LogLevel;
///
/// assert_eq!(LogLevel::from_str("debug", false), Ok(LogLevel::Debug));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// What could not be done
    Error,
    /// What is not as it should be, too
    Warn,
    /// What has been done, too
    #[default]
    Info,
    /// What is of use when looking for a mistake, too
    Debug,
    /// Everything
    Trace,
}

/// How it is logged.
///
/// ```
/// use clap::ValueEnum as _;
/// use lxcfs_fuse::daemon::LogFormat;
///
/// assert_eq!(LogFormat::from_str("json", false), Ok(LogFormat::Json));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines for people
    #[default]
    Text,
    /// A JSON object on each line
    Json,
}

impl LogLevel {
    fn filter(self) -> Targets {
        let level = match self {
            Self::Error => LevelFilter::ERROR,
            Self::Warn => LevelFilter::WARN,
            Self::Info => LevelFilter::INFO,
            Self::Debug => LevelFilter::DEBUG,
            Self::Trace => LevelFilter::TRACE,
        };
        // Fuser warns about every request that a file system does not know: containers could fill the log with them.
        let of_fuser = if level >= LevelFilter::DEBUG {
            level
        } else {
            LevelFilter::ERROR
        };
        Targets::new().with_default(level).with_target("fuser", of_fuser)
    }
}

type Filter = reload::Layer<Targets, Registry>;
type Filtered = Layered<Filter, Registry>;
type Output = Box<dyn Layer<Filtered> + Send + Sync>;

/// The log of this process.
///
/// ```
/// use lxcfs_fuse::daemon::{Log, LogFormat, LogLevel};
///
/// let log = Log::start(LogLevel::Warn, LogFormat::Text);
/// tracing::warn!("this is seen on the standard error");
/// assert!(!format!("{log:?}").is_empty());
/// ```
#[derive(Debug)]
pub struct Log {
    filter: reload::Handle<Targets, Registry>,
}

impl Log {
    /// From now on, what is logged goes to the standard error. If the process has a log already, it goes there.
    ///
    /// ```
    /// use lxcfs_fuse::daemon::{Log, LogFormat, LogLevel};
    ///
    /// // The second one changes nothing.
    /// let _first = Log::start(LogLevel::Info, LogFormat::Json);
    /// let _second = Log::start(LogLevel::Trace, LogFormat::Text);
    /// assert!(tracing::enabled!(tracing::Level::INFO));
    /// ```
    pub fn start(level: LogLevel, format: LogFormat) -> Self {
        let (filter, handle) = reload::Layer::new(level.filter());
        let journal = is_journal();
        let output = match (format, journal) {
            (LogFormat::Text, false) => text(Format::default().with_target(false)),
            (LogFormat::Text, true) => text(Priority(Format::default().with_target(false).without_time())),
            (LogFormat::Json, false) => json(Format::default().json().flatten_event(true)),
            (LogFormat::Json, true) => json(Priority(Format::default().json().flatten_event(true).without_time())),
        };
        // It only fails if somebody else was faster: they have decided where the log goes.
        let _ = tracing_subscriber::registry().with(filter).with(output).try_init();
        Self { filter: handle }
    }

    /// From now on, that much is logged.
    pub(crate) fn set_level(&self, level: LogLevel) {
        // It only fails if the log is not ours, see above.
        let _ = self.filter.reload(level.filter());
    }
}

fn text(
    format: impl FormatEvent<Filtered, tracing_subscriber::fmt::format::DefaultFields> + Send + Sync + 'static,
) -> Output {
    // A log that cannot be written is no reason to panic, which complaining about it on the standard error would be.
    let written = layer().with_writer(io::stderr).log_internal_errors(false);
    written.event_format(format).boxed()
}

fn json(format: impl FormatEvent<Filtered, JsonFields> + Send + Sync + 'static) -> Output {
    let written = layer().with_writer(io::stderr).log_internal_errors(false);
    written.fmt_fields(JsonFields::new()).event_format(format).boxed()
}

/// Lines for the journal: it has its own time stamps, and takes `<N>` for the priority.
///
/// # References
///
/// sd-daemon(3), `SyslogLevelPrefix=` in systemd.exec(5)
struct Priority<F>(F);

impl<S, N, F> FormatEvent<S, N> for Priority<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(&self, ctx: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let priority = match *event.metadata().level() {
            Level::ERROR => 3,
            Level::WARN => 4,
            Level::INFO => 6,
            _ => 7,
        };
        write!(writer, "<{priority}>")?;
        self.0.format_event(ctx, writer, event)
    }
}

/// Whether the standard error is connected to the journal.
fn is_journal() -> bool {
    let Ok(said) = std::env::var("JOURNAL_STREAM") else {
        return false;
    };
    let stderr = io::stderr();
    nix::sys::stat::fstat(stderr.as_fd()).is_ok_and(|stat| is_stream(&said, stat.st_dev, stat.st_ino))
}

/// Whether `JOURNAL_STREAM` means the file with these numbers. It stays in the environment of processes whose output
/// has been sent elsewhere.
///
/// # References
///
/// `$JOURNAL_STREAM` in systemd.exec(5)
fn is_stream(said: &str, device: u64, inode: u64) -> bool {
    let numbers = said
        .split_once(':')
        .map(|(device, inode)| (device.parse(), inode.parse()));
    numbers == Some((Ok(device), Ok(inode)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_journal_is_known_by_device_and_inode() {
        assert!(is_stream("9:12345", 9, 12345));
        assert!(!is_stream("9:12345", 9, 12346));
        assert!(!is_stream("9:12345", 8, 12345));
        for nonsense in ["", ":", "9", "9:", "a:b"] {
            assert!(!is_stream(nonsense, 9, 12345));
        }
    }

    #[test]
    fn fuser_is_heard_when_somebody_looks_for_a_mistake() {
        let warns = |level: LogLevel| level.filter().would_enable("fuser::request", &Level::WARN);
        assert!(!warns(LogLevel::Info));
        assert!(warns(LogLevel::Debug));
        assert!(LogLevel::Info.filter().would_enable("lxcfs_fuse::serve", &Level::WARN));
    }
}
