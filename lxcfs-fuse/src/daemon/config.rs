//! The configuration file: TOML, with the words of the command line as keys.

use std::io;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use lxcfs_core::{CpuIds, CpuView};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, Unexpected};

use super::log::LogLevel;
use crate::metrics::Place;

/// Where the file is looked for if none is named.
const DEFAULT: &str = "/etc/lxcfs/lxcfs.toml";

/// How long a rendering may be shown again: beyond a minute nobody wants it.
pub(super) const COALESCE_MS: RangeInclusive<u64> = 0..=60_000;
/// How long a reader may be made to wait.
pub(super) const DEADLINE_MS: RangeInclusive<u64> = 1..=600_000;
/// How many threads may answer.
pub(super) const THREADS: RangeInclusive<u64> = 1..=256;

/// What the file says; `None` where it says nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Config {
    #[serde(deserialize_with = "policy")]
    pub(super) cpu_view: Option<CpuView>,
    #[serde(deserialize_with = "policy")]
    pub(super) cpu_ids: Option<CpuIds>,
    pub(super) loadavg: Option<bool>,
    pub(super) swap: Option<bool>,
    pub(super) zswap: Option<bool>,
    #[serde(deserialize_with = "coalesce_ms")]
    pub(super) coalesce_ms: Option<u64>,
    #[serde(deserialize_with = "deadline_ms")]
    pub(super) deadline_ms: Option<u64>,
    #[serde(deserialize_with = "threads")]
    pub(super) threads: Option<u64>,
    pub(super) psi_poll: Option<bool>,
    pub(super) log_level: Option<LogLevel>,
    #[serde(deserialize_with = "policy")]
    pub(super) metrics: Option<Place>,
}

/// The configuration file cannot be used.
///
/// ```
/// use clap::Parser as _;
/// use lxcfs_fuse::daemon::{CommandLine, ConfigError, Error, run};
///
/// let file = tempfile::NamedTempFile::new().unwrap();
/// std::fs::write(file.path(), "swap = true\ncolour = \"red\"\n").unwrap();
/// let config = format!("--config={}", file.path().display());
/// let line = CommandLine::parse_from(["lxcfs", "--check", &config, "/var/lib/lxcfs"]);
/// let error = run(line.args).unwrap_err();
/// assert!(matches!(error, Error::Config(ConfigError::Text { line: 2, .. })));
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// It cannot be read.
    #[error("configuration file {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the kernel says.
        source: io::Error,
    },
    /// It does not say what a configuration file can say.
    #[error("configuration file {}, line {line}, `{text}`: {message}", path.display())]
    Text {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What stands there: the key too, as a value seldom takes more than a line.
        text: String,
        /// What is wrong with it.
        message: String,
    },
}

impl Config {
    /// Reads the file that was named, or the usual one if there is one.
    pub(super) fn load(named: Option<&Path>) -> Result<Self, ConfigError> {
        let path = named.unwrap_or(Path::new(DEFAULT));
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(path, &text),
            Err(source) if named.is_none() && source.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(source) => Err(ConfigError::Read {
                path: path.to_owned(),
                source,
            }),
        }
    }

    fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        toml::from_str(text).map_err(|error: toml::de::Error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            let line = before.matches('\n').count();
            ConfigError::Text {
                path: path.to_owned(),
                line: line.saturating_add(1),
                text: text.lines().nth(line).unwrap_or_default().trim().to_owned(),
                message: error.message().replace('\n', ", "),
            }
        })
    }
}

fn policy<'de, D, P>(deserializer: D) -> Result<Option<P>, D::Error>
where
    D: Deserializer<'de>,
    P: FromStr<Err: std::fmt::Display>,
{
    String::deserialize(deserializer)?
        .parse()
        .map(Some)
        .map_err(D::Error::custom)
}

fn within<'de, D: Deserializer<'de>>(deserializer: D, range: &RangeInclusive<u64>) -> Result<Option<u64>, D::Error> {
    let number = u64::deserialize(deserializer)?;
    if range.contains(&number) {
        return Ok(Some(number));
    }
    let expected = format!("a number from {} to {}", range.start(), range.end());
    Err(D::Error::invalid_value(
        Unexpected::Unsigned(number),
        &expected.as_str(),
    ))
}

fn coalesce_ms<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    within(deserializer, &COALESCE_MS)
}

fn deadline_ms<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    within(deserializer, &DEADLINE_MS)
}

fn threads<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    within(deserializer, &THREADS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, String> {
        Config::parse(Path::new("/c.toml"), text).map_err(|error| error.to_string())
    }

    #[test]
    fn every_key_is_read() {
        let text = "\
            # all of them\n\
            cpu-view = \"cpuset\"\n\
            cpu-ids = \"dense\"\n\
            loadavg = false\n\
            swap = false\n\
            zswap = true\n\
            coalesce-ms = 0\n\
            deadline-ms = 500\n\
            threads = 2\n\
            psi-poll = true\n\
            log-level = \"warn\"\n\
            metrics = \"127.0.0.1:9797\"\n";
        let all = Config {
            cpu_view: Some(CpuView::Cpuset),
            cpu_ids: Some(CpuIds::Dense),
            loadavg: Some(false),
            swap: Some(false),
            zswap: Some(true),
            coalesce_ms: Some(0),
            deadline_ms: Some(500),
            threads: Some(2),
            psi_poll: Some(true),
            log_level: Some(LogLevel::Warn),
            metrics: Some("127.0.0.1:9797".parse().unwrap()),
        };
        assert_eq!(parse(text), Ok(all));
        assert_eq!(parse(""), Ok(Config::default()));
    }

    #[test]
    fn a_mistake_is_told_with_file_line_and_key() {
        for (text, what) in [
            (
                "\nswp = false",
                "line 2, `swp = false`: unknown field `swp`, expected one of `cpu-view`",
            ),
            (
                "swap = false\nthreads = 0 # none",
                "line 2, `threads = 0 # none`: invalid value: integer `0`, expected a number from 1 to 256",
            ),
            (
                "deadline-ms = -1",
                "line 1, `deadline-ms = -1`: invalid value: integer `-1`, expected u64",
            ),
            (
                "coalesce-ms = 60001",
                "line 1, `coalesce-ms = 60001`: invalid value: integer `60001`, expected a number from 0 to 60000",
            ),
            (
                "cpu-view = \"shares\"",
                "line 1, `cpu-view = \"shares\"`: \"shares\" is not one of quota, cpuset, host",
            ),
            (
                "swap = \"no\"",
                "line 1, `swap = \"no\"`: invalid type: string \"no\", expected a boolean",
            ),
            (
                "log-level = \"loud\"",
                "line 1, `log-level = \"loud\"`: unknown variant `loud`, expected one of `error`",
            ),
            (
                "metrics = \"localhost\"",
                "line 1, `metrics = \"localhost\"`: \"localhost\" is not one of unix, unix:PATH, 127.0.0.1:PORT or [::1]:PORT",
            ),
            ("swap = true\nswap = false", "line 2, `swap = false`: duplicate key"),
            ("swap", "line 1, `swap`: "),
        ] {
            let error = parse(text).unwrap_err();
            let expected = format!("configuration file /c.toml, {what}");
            assert!(error.starts_with(&expected), "{error}\nis not\n{expected}");
            assert!(!error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn a_file_that_is_named_must_be_there() {
        let error = Config::load(Some(Path::new("/nowhere/c.toml")))
            .unwrap_err()
            .to_string();
        assert!(error.starts_with("configuration file /nowhere/c.toml: "), "{error}");
    }
}
