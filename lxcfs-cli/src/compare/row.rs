//! One line of the comparison: a value of the host, the same of the container, and what decided it.

use std::time::Duration;

use lxcfs_core::cgroup::Evidence;
use serde_json::{Value as Json, json};

use crate::figures;

/// A value in its own unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Kib(u64),
    Count(u64),
    Cpus(String),
    MilliCpus(u64),
    Loads([u64; 3]),
    Percents([u64; 3]),
    Time(Duration),
    /// There is no such limit.
    None,
    /// It cannot be told, and why.
    Unknown(String),
}

/// Where the container's value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum From {
    /// Files of its cgroups, the one that decides first.
    Files(Vec<Evidence>),
    /// Nothing confines the container there: the value is the host's.
    Host,
    /// Said in words.
    Words(String),
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    /// Its name for programs: `memory_total`.
    pub(super) key: &'static str,
    /// Its name for people.
    pub(super) label: &'static str,
    pub(super) host: Value,
    pub(super) container: Value,
    pub(super) from: From,
}

impl Value {
    pub(super) fn text(&self) -> String {
        match self {
            Self::Kib(kib) => format!("{} {kib:>8} kB", figures::memory(*kib)),
            Self::Count(count) => count.to_string(),
            Self::Cpus(list) => list.clone(),
            Self::MilliCpus(milli) => format!("{} CPUs", figures::cpus(*milli)),
            Self::Loads(loads) => loads.map(figures::hundredths).join(" "),
            Self::Percents(shares) => format!("{} %", shares.map(figures::tenths).join(" ")),
            Self::Time(length) => figures::time(*length),
            Self::None => "none".to_owned(),
            Self::Unknown(_) => "-".to_owned(),
        }
    }

    /// The unit, for programs.
    fn unit(&self) -> Option<&'static str> {
        match self {
            Self::Kib(_) => Some("kB"),
            Self::MilliCpus(_) => Some("CPUs"),
            Self::Percents(_) => Some("%"),
            Self::Time(_) => Some("s"),
            _ => None,
        }
    }

    fn json(&self) -> Json {
        // Not arithmetic on floats: the text of a decimal number is read as one.
        let decimal = |text: String| text.parse::<f64>().map_or(Json::Null, |number| json!(number));
        match self {
            Self::Kib(number) | Self::Count(number) => json!(number),
            Self::Cpus(list) => json!(list),
            Self::MilliCpus(milli) => decimal(figures::cpus(*milli)),
            Self::Loads(three) | Self::Percents(three) => {
                three.map(|one| decimal(figures::hundredths(one))).into_iter().collect()
            }
            Self::Time(length) => json!(length.as_secs_f64()),
            Self::None | Self::Unknown(_) => Json::Null,
        }
    }
}

impl Row {
    /// Why a value of this line cannot be told.
    pub(super) fn unknown(&self) -> Option<&str> {
        [&self.container, &self.host].into_iter().find_map(|value| match value {
            Value::Unknown(why) => Some(why.as_str()),
            _ => None,
        })
    }

    pub(super) fn json(&self) -> Json {
        let files = match &self.from {
            From::Files(files) => files.as_slice(),
            From::Host | From::Words(_) => &[],
        };
        let files: Vec<_> = files
            .iter()
            .map(|one| {
                json!({
                    "file": one.file.display().to_string(),
                    "levels_up": one.levels_up,
                    "value": one.value,
                })
            })
            .collect();
        json!({
            "host": self.host.json(),
            "container": self.container.json(),
            "unit": self.host.unit().or(self.container.unit()),
            "files": files,
            "unknown": self.unknown(),
        })
    }
}

impl From {
    pub(super) fn text(&self) -> String {
        match self {
            Self::Host => "host: nothing confines it".to_owned(),
            Self::Words(words) => words.clone(),
            Self::Files(files) => {
                let names: Vec<_> = files.iter().map(one_file).collect();
                names.join(", ")
            }
        }
    }
}

/// A file's name and how far up it stands, where that is not the container's own cgroup.
fn one_file(evidence: &Evidence) -> String {
    let name = evidence.file.file_name().unwrap_or_default().to_string_lossy();
    match evidence.levels_up {
        None => evidence.file.display().to_string(),
        Some(0) => name.into_owned(),
        Some(1) => format!("{name} of the parent"),
        Some(levels) => format!("{name} {levels} levels up"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_the_same_for_people_and_programs() {
        for (value, text, object) in [
            (Value::Kib(262_144), "256M   262144 kB", json!(262_144)),
            (Value::MilliCpus(1500), "1.5 CPUs", json!(1.5)),
            (Value::Loads([1, 20, 300]), "0.01 0.20 3.00", json!([0.01, 0.2, 3.0])),
            (Value::None, "none", Json::Null),
        ] {
            assert_eq!((value.text().as_str(), value.json()), (text, object));
        }
    }

    #[test]
    fn the_level_that_decides_is_said_unless_it_is_the_own_one() {
        let file = |levels_up| Evidence {
            file: "/c/pod/memory.max".into(),
            levels_up,
            value: String::new(),
        };
        assert_eq!(
            From::Files(vec![file(Some(0)), file(Some(1)), file(Some(3))]).text(),
            "memory.max, memory.max of the parent, memory.max 3 levels up"
        );
    }
}
