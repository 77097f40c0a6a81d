//! The runtimes that are installed here, by what they say of themselves.

use std::process::{Command, Stdio};

use lxcfs_core::inject::{Release, Runtime};

/// Those that answer. One whose version is strange counts as any release of it.
pub(super) fn releases() -> Vec<Release> {
    let asked = [Runtime::Runc, Runtime::Crun, Runtime::Youki];
    asked.into_iter().filter_map(release).collect()
}

fn release(runtime: Runtime) -> Option<Release> {
    let said = Command::new(runtime.name())
        .arg("--version")
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&said.stdout);
    Some(Release::from_version_output(&text).unwrap_or(Release::any(runtime)))
}
