//! Whether runtimes let plugins add mounts to containers (NRI): what their configuration says, or else their version.
//!
//! # References
//!
//! containerd, `docs/NRI.md`; CRI-O, `crio.conf(5)`, `enable_nri`; Docker, `nri-opts`.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use toml::Table;

use super::command::{find, numbers, version};
use super::finding::Finding;

const CONTAINERD: &str = "/etc/containerd/config.toml";
const CRIO: [&str; 3] = ["/usr/share/crio", "/etc/crio/crio.conf", "/etc/crio/crio.conf.d"];
const DOCKER: &str = "/etc/docker/daemon.json";

pub(super) fn check() -> Vec<Finding> {
    let found: Vec<_> = [containerd(), crio(), docker()].into_iter().flatten().collect();
    if found.is_empty() {
        return vec![Finding::ok("no runtime with plugins is installed")];
    }
    found
}

fn installed(name: &str) -> Option<(u32, u32)> {
    // One whose version is not known is taken for a new one.
    find(name).map(|path| {
        version(&path)
            .ok()
            .and_then(|said| numbers(&said))
            .unwrap_or((u32::MAX, 0))
    })
}

fn containerd() -> Option<Finding> {
    let version = installed("containerd")?;
    let text = fs::read_to_string(CONTAINERD).unwrap_or_default();
    Some(containerd_says(&text, version))
}

fn containerd_says(text: &str, version: (u32, u32)) -> Finding {
    if version < (1, 7) {
        return Finding::warn("containerd is older than 1.7: it has no plugins of that kind")
            .mend("containerd 2.0 or later");
    }
    let table = match text.parse::<Table>() {
        Ok(table) => table,
        Err(error) => return Finding::warn(format!("{CONTAINERD}: {}", error.message())),
    };
    let plugins = table.get("plugins");
    let nri = plugins.and_then(|plugins| plugins.get("io.containerd.nri.v1.nri"));
    let disabled = nri.and_then(|nri| nri.get("disable")).and_then(toml::Value::as_bool);
    let listed = table
        .get("disabled_plugins")
        .and_then(toml::Value::as_array)
        .is_some_and(|all| all.iter().any(|one| one.as_str() == Some("io.containerd.nri.v1.nri")));
    if listed || disabled.unwrap_or(version < (2, 0)) {
        return Finding::warn("containerd: NRI is off").mend(format!(
            "in {CONTAINERD}, [plugins.\"io.containerd.nri.v1.nri\"], set disable = false; then systemctl restart containerd"
        ));
    }
    Finding::ok("containerd: NRI is on")
}

fn crio() -> Option<Finding> {
    let version = installed("crio")?;
    let files = CRIO.iter().flat_map(|path| files_of(Path::new(path)));
    let texts: Vec<String> = files.filter_map(|path| fs::read_to_string(path).ok()).collect();
    Some(crio_says(&texts, version))
}

/// A file, or those in a directory, in the order in which they count.
fn files_of(path: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(path) else {
        return vec![path.to_path_buf()];
    };
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

fn crio_says(texts: &[String], version: (u32, u32)) -> Finding {
    let last = texts
        .iter()
        .filter_map(|text| text.parse::<Table>().ok())
        .filter_map(|table| table.get("crio")?.get("nri")?.get("enable_nri")?.as_bool())
        .next_back();
    match last {
        _ if version < (1, 26) => {
            Finding::warn("CRI-O is older than 1.26: it has no plugins of that kind").mend("CRI-O 1.30 or later")
        }
        Some(true) => Finding::ok("CRI-O: NRI is on"),
        None if version >= (1, 30) => Finding::ok("CRI-O: NRI is on"),
        Some(false) | None => Finding::warn("CRI-O: NRI is off")
            .mend("in a file of /etc/crio/crio.conf.d, [crio.nri], set enable_nri = true; then systemctl restart crio"),
    }
}

fn docker() -> Option<Finding> {
    let version = installed("dockerd")?;
    let text = fs::read_to_string(DOCKER).unwrap_or_default();
    Some(docker_says(&text, version))
}

fn docker_says(text: &str, version: (u32, u32)) -> Finding {
    if version < (29, 2) {
        return Finding::warn("Docker is older than 29.2: it has no plugins of that kind").mend("Docker 29.2 or later");
    }
    let config: Value = match text.trim() {
        "" => Value::Null,
        text => match serde_json::from_str(text) {
            Ok(value) => value,
            Err(error) => return Finding::warn(format!("{DOCKER}: {error}")),
        },
    };
    if config.pointer("/nri-opts/enable").and_then(Value::as_bool) == Some(true) {
        return Finding::ok("Docker: NRI is on");
    }
    Finding::warn("Docker: NRI is off").mend(format!(
        "in {DOCKER}, set \"nri-opts\": {{\"enable\": true}}; then systemctl restart docker"
    ))
}

#[cfg(test)]
mod tests {
    use super::super::finding::Grade;
    use super::*;

    #[test]
    fn containerd_goes_by_its_version_until_it_is_told() {
        let grade = |text: &str, version| containerd_says(text, version).grade;
        assert_eq!(grade("", (2, 1)), Grade::Ok);
        assert_eq!(grade("", (1, 7)), Grade::Warn);
        assert_eq!(grade("", (1, 6)), Grade::Warn);
        let told = |value| format!("version = 2\n[plugins.\"io.containerd.nri.v1.nri\"]\ndisable = {value}\n");
        assert_eq!(grade(&told("false"), (1, 7)), Grade::Ok);
        assert_eq!(grade(&told("true"), (2, 1)), Grade::Warn);
        assert_eq!(
            grade("disabled_plugins = [\"io.containerd.nri.v1.nri\"]", (2, 1)),
            Grade::Warn
        );
        assert_eq!(grade("[", (2, 1)), Grade::Warn);
    }

    #[test]
    fn crio_believes_the_last_of_its_files() {
        let file = |value| format!("[crio.nri]\nenable_nri = {value}\n");
        assert_eq!(crio_says(&[], (1, 30)).grade, Grade::Ok);
        assert_eq!(crio_says(&[], (1, 26)).grade, Grade::Warn);
        assert_eq!(crio_says(&[file("false"), file("true")], (1, 26)).grade, Grade::Ok);
        assert_eq!(crio_says(&[file("true"), file("false")], (1, 31)).grade, Grade::Warn);
    }

    #[test]
    fn docker_has_to_be_told() {
        assert_eq!(docker_says("", (29, 2)).grade, Grade::Warn);
        assert_eq!(
            docker_says("{\"nri-opts\": {\"enable\": true}}", (29, 2)).grade,
            Grade::Ok
        );
        assert!(docker_says("{", (29, 2)).what.contains(DOCKER));
        assert!(docker_says("", (28, 0)).what.contains("older"));
    }
}
