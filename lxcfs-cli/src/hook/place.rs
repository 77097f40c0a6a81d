//! Where the root of the container is that is being made.
//!
//! # References
//!
//! OCI runtime specification, `runtime.md` (State, Lifecycle) and `config.md` (Root); lxc.container.conf(5), Container hooks.

use std::ffi::OsString;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::error::HookError;

/// More than any state has.
const MOST_OF_A_STATE: u64 = 1 << 20;

#[derive(Deserialize)]
struct State {
    bundle: PathBuf,
}

#[derive(Deserialize)]
struct Configuration {
    root: Root,
}

#[derive(Deserialize)]
struct Root {
    path: PathBuf,
}

/// The root of the container whose state that is.
pub(super) fn of_state(state: impl Read) -> Result<PathBuf, HookError> {
    let state: State = serde_json::from_reader(state.take(MOST_OF_A_STATE)).map_err(HookError::State)?;
    let path = state.bundle.join("config.json");
    let file = File::open(&path).map_err(HookError::file(&path, "cannot be read"))?;
    let configuration: Configuration =
        serde_json::from_reader(BufReader::new(file)).map_err(|cause| HookError::Configuration { path, cause })?;
    // An absolute path stays what it is.
    Ok(state.bundle.join(configuration.root.path))
}

/// The root that LXC tells of.
pub(super) fn of_lxc(told: Option<OsString>) -> Result<PathBuf, HookError> {
    match told {
        Some(path) if Path::new(&path).is_absolute() => Ok(path.into()),
        _ => Err(HookError::NoRoot),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(bundle: &Path, path: &str) -> Result<PathBuf, HookError> {
        std::fs::write(
            bundle.join("config.json"),
            format!(r#"{{"root": {{"path": "{path}"}}, "x": 1}}"#),
        )
        .unwrap();
        let state = format!(
            r#"{{"ociVersion": "1.0.2", "id": "c", "pid": 1, "bundle": "{}"}}"#,
            bundle.display()
        );
        of_state(state.as_bytes())
    }

    #[test]
    fn the_root_may_be_said_from_the_bundle_or_from_the_root() {
        let bundle = tempfile::tempdir().unwrap();
        assert_eq!(root(bundle.path(), "rootfs").unwrap(), bundle.path().join("rootfs"));
        assert_eq!(root(bundle.path(), "/srv/root").unwrap(), Path::new("/srv/root"));
    }

    #[test]
    fn what_is_no_state_is_said_so() {
        assert!(of_state(&b""[..]).unwrap_err().to_string().contains("createContainer"));
        assert!(of_state(&b"{}"[..]).unwrap_err().to_string().contains("bundle"));
        let gone = of_state(&br#"{"bundle": "/nowhere"}"#[..]).unwrap_err();
        assert!(gone.to_string().starts_with("/nowhere/config.json: "), "{gone}");
        assert!(of_lxc(None).is_err() && of_lxc(Some("rootfs".into())).is_err());
    }
}
