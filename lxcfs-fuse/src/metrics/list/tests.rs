use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;

use super::*;

fn in_repository(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

fn read(path: &str) -> String {
    let path = in_repository(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn names_are_unique_and_say_what_they_are() {
    let names: BTreeSet<_> = METRICS.iter().map(|metric| metric.name).collect();
    assert_eq!(names.len(), METRICS.len());
    for metric in METRICS {
        let name = metric.name;
        assert!(name.starts_with("lxcfs_"), "{name}");
        assert!(
            name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'),
            "{name}"
        );
        let kind = metric.kind();
        assert_eq!(name.ends_with("_total"), kind == MetricType::Counter, "{name}");
        assert_eq!(name.ends_with("_info"), kind == MetricType::Info, "{name}");
        let is_time = matches!(
            metric.value,
            Value::Time(_) | Value::Lasting(_) | Value::Took(_) | Value::LastedByContainer(_)
        );
        assert_eq!(metric.stem().ends_with("_seconds"), is_time, "{name}");
        assert_eq!(
            name.ends_with("_timestamp_seconds"),
            matches!(metric.value, Value::Time(_)),
            "{name}"
        );
        assert!(
            !metric.help.ends_with('.') && !metric.help.contains(['\n', '|', '\\']),
            "{name}"
        );
    }
}

/// The table of the documentation.
fn table() -> String {
    let mut table = String::from("| metric | type | labels | what it says |\n|---|---|---|---|\n");
    for metric in METRICS {
        let labels = match metric.value {
            Value::Words(words) => words(&super::super::text::tests::status())
                .iter()
                .map(|(label, _)| format!("`{label}`"))
                .collect::<Vec<_>>()
                .join(", "),
            Value::ByFile(_) => format!("`{FILE}`"),
            Value::ByContainer(_) | Value::LastedByContainer(_) => format!("`{CONTAINER}`"),
            _ => String::new(),
        };
        let kind = match metric.kind() {
            MetricType::Info => "gauge, always 1".to_owned(),
            kind => kind.as_str().to_owned(),
        };
        writeln!(table, "| `{}` | {kind} | {labels} | {} |", metric.name, metric.help).unwrap();
    }
    table
}

/// `UPDATE_DOCS=1` writes it.
#[test]
fn the_table_of_the_documentation_is_this_one() {
    let text = read("docs/metrics.md");
    let (before, rest) = text.split_once("<!-- table -->\n").unwrap();
    let (found, after) = rest.split_once("<!-- end -->").unwrap();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        let text = format!("{before}<!-- table -->\n{}<!-- end -->{after}", table());
        std::fs::write(in_repository("docs/metrics.md"), text).unwrap();
    } else {
        assert_eq!(found, table(), "UPDATE_DOCS=1 cargo test -p lxcfs-fuse --lib metrics");
    }
}

/// What a scrape has of a row, as queries name it.
fn series(metric: &Metric) -> Vec<String> {
    match metric.kind() {
        MetricType::Histogram => ["_bucket", "_sum", "_count"]
            .map(|end| format!("{}{end}", metric.name))
            .into(),
        _ => vec![metric.name.to_owned()],
    }
}

/// Words of a text that begin as our metrics do.
fn named_in(text: &str) -> BTreeSet<String> {
    let is_of_name = |char: char| char.is_ascii_alphanumeric() || char == '_' || char == ':';
    let words = text.split(|char| !is_of_name(char));
    words
        .filter(|word| word.starts_with("lxcfs_"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn whatever_the_examples_name_exists() {
    let known: BTreeSet<String> = METRICS.iter().flat_map(series).collect();
    for (file, at_least) in [
        ("examples/grafana/dashboard.json", 15),
        ("examples/prometheus/alerts.yaml", 5),
        ("examples/prometheus/alerts_test.yaml", 5),
    ] {
        let named: BTreeSet<_> = named_in(&read(file))
            .into_iter()
            .filter(|name| !name.ends_with('_'))
            .collect();
        assert!(named.len() >= at_least, "{file}: {named:?}");
        let unknown: Vec<_> = named.difference(&known).collect();
        assert!(unknown.is_empty(), "{file}: {unknown:?}");
    }
}
