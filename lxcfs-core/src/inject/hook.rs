//! The hook that a runtime calls: what mounts cannot bring, it binds itself.

use std::path::PathBuf;

use serde_json::{Value, json};

/// The hook as it is called.
///
/// ```
/// use lxcfs_core::inject::Hook;
///
/// let hook = Hook {
///     program: "/usr/bin/lxcfs-cli".into(),
///     source: "/var/lib/lxcfs".into(),
///     psi: true,
///     strict: false,
/// };
/// assert_eq!(hook.arguments().last().map(String::as_str), Some("--psi"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// The program.
    pub program: PathBuf,
    /// Where the files come from.
    pub source: PathBuf,
    /// Whether it brings pressure only.
    pub psi: bool,
    /// Whether a container without the files is not to start.
    pub strict: bool,
}

impl Hook {
    /// After how many seconds a runtime gives up on the hook and fails the container. The hook ends within one.
    pub(super) const TIMEOUT_SEC: u64 = 10;

    /// Its arguments, its own name first.
    ///
    /// ```
    /// use lxcfs_core::inject::Hook;
    ///
    /// let (program, source) = ("/usr/bin/lxcfs-cli".into(), "/var/lib/lxcfs".into());
    /// let hook = Hook { program, source, psi: false, strict: true };
    /// assert_eq!(hook.arguments().join(" "), "lxcfs-cli hook create-container --source /var/lib/lxcfs --strict");
    /// ```
    #[must_use]
    pub fn arguments(&self) -> Vec<String> {
        let fixed = ["lxcfs-cli", "hook", "create-container"].map(str::to_owned);
        let source = ["--source".to_owned(), self.source.display().to_string()];
        let psi = self.psi.then(|| "--psi".to_owned());
        let strict = self.strict.then(|| "--strict".to_owned());
        fixed.into_iter().chain(source).chain(psi).chain(strict).collect()
    }

    /// As `hooks` has it in an OCI specification, and a hooks.d file.
    ///
    /// ```
    /// use lxcfs_core::inject::Hook;
    ///
    /// let (program, source) = ("/usr/bin/lxcfs-cli".into(), "/var/lib/lxcfs".into());
    /// let hook = Hook { program, source, psi: false, strict: false };
    /// let spec = serde_json::json!({ "hooks": { "createContainer": [hook.as_json()] } });
    /// assert_eq!(spec["hooks"]["createContainer"][0]["path"], "/usr/bin/lxcfs-cli");
    /// ```
    #[must_use]
    pub fn as_json(&self) -> Value {
        json!({ "path": self.program, "args": self.arguments(), "timeout": Self::TIMEOUT_SEC })
    }
}

/// For which containers.
///
/// ```
/// use lxcfs_core::inject::{Hook, When, hooks_d};
///
/// let (program, source) = ("/usr/bin/lxcfs-cli".into(), "/var/lib/lxcfs".into());
/// let hook = Hook { program, source, psi: false, strict: false };
/// assert_eq!(hooks_d(&hook, When::Always)["when"]["always"], true);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Those with the annotation `lxcfs.io/inject=true`.
    Annotated,
    /// All.
    Always,
}

/// A file of a hooks.d directory, for Podman and CRI-O.
///
/// # References
///
/// oci-hooks(5), version 1.0.0.
///
/// ```
/// use lxcfs_core::inject::{Hook, When, hooks_d};
///
/// let (program, source) = ("/usr/bin/lxcfs-cli".into(), "/var/lib/lxcfs".into());
/// let hook = Hook { program, source, psi: false, strict: false };
/// let file = hooks_d(&hook, When::Annotated);
/// assert_eq!(file["stages"][0], "createContainer");
/// assert_eq!(file["when"]["annotations"]["^lxcfs\\.io/inject$"], "^true$");
/// ```
#[must_use]
pub fn hooks_d(hook: &Hook, when: When) -> Value {
    let when = match when {
        When::Annotated => json!({ "annotations": { "^lxcfs\\.io/inject$": "^true$" } }),
        When::Always => json!({ "always": true }),
    };
    json!({
        "version": "1.0.0",
        "hook": hook.as_json(),
        "when": when,
        // It runs in the container's own namespaces, before its root is the root.
        "stages": ["createContainer"],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn annotations_are_matched_whole() {
        let hook = Hook {
            program: "/usr/bin/lxcfs-cli".into(),
            source: "/var/lib/lxcfs".into(),
            psi: true,
            strict: true,
        };
        let file = hooks_d(&hook, When::Annotated);
        assert_eq!(file["when"]["annotations"]["^lxcfs\\.io/inject$"], "^true$");
        let arguments = "lxcfs-cli hook create-container --source /var/lib/lxcfs --psi --strict";
        assert_eq!(file["hook"]["args"], json!(arguments.split(' ').collect::<Vec<_>>()));
        assert_eq!(hooks_d(&hook, When::Always)["when"], json!({ "always": true }));
    }
}
