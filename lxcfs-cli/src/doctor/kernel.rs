//! What the running kernel can do.

use lxcfs_core::Source as _;
use lxcfs_core::live::Root;

use super::command::numbers;
use super::finding::Finding;

/// From which version on there is what, and what is without it.
const STEPS: [((u32, u32), &str); 3] = [
    (
        (5, 12),
        "no mount_setattr(2): `lxcfs-cli remount` and slots do not work",
    ),
    (
        (6, 5),
        "no MOVE_MOUNT_BENEATH: `lxcfs-cli remount` covers dead mounts instead of replacing them",
    ),
    (
        (6, 9),
        "no FUSE_NOTIFY_RESEND: a read that was being answered when the daemon ended is lost",
    ),
];

pub(super) fn check() -> Vec<Finding> {
    let read = |path: &str| Root::host().read(path.as_ref());
    let release = match read("/proc/sys/kernel/osrelease") {
        Ok(text) => String::from_utf8_lossy(&text).trim().to_owned(),
        Err(error) => return vec![Finding::bad(error.to_string())],
    };
    let mut found = vec![of(&release)];
    if !nix::unistd::geteuid().is_root() {
        found.push(Finding::warn("not root: what belongs to others cannot be looked at").mend("sudo lxcfs-cli doctor"));
    }
    found
}

fn of(release: &str) -> Finding {
    let Some(version) = numbers(release) else {
        return Finding::warn(format!("Linux {release}: not a version that I know"));
    };
    match STEPS.iter().find(|(since, _)| version < *since) {
        None => Finding::ok(format!("Linux {release}")),
        Some(((major, minor), without)) => Finding::warn(format!("Linux {release}: {without}"))
            .mend(format!("a kernel of version {major}.{minor} or later")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Grade;
    use super::*;

    #[test]
    fn an_older_kernel_says_what_is_missing_most() {
        assert_eq!(of("6.12.1-amd64").grade, Grade::Ok);
        assert!(of("5.10.0-28-amd64").what.contains("mount_setattr"));
        assert!(of("6.1.0").what.contains("BENEATH"));
        assert!(of("6.8.0").mend.unwrap().contains("6.9"));
        assert_eq!(of("next").grade, Grade::Warn);
    }
}
