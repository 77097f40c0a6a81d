//! Which mounts a container gets, in the words of its runtime.

use lxcfs_core::inject::{Plan, Propagation, Release};

use crate::messages::Mount;
use crate::sources::Available;

/// The runtimes whose rules for mounts differ.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Runtime {
    /// containerd, CRI-O and what is like them.
    #[default]
    Cri,
    /// Docker, which takes no option but `ro`.
    Docker,
}

impl Runtime {
    /// The one of that name.
    #[must_use]
    pub(crate) fn named(name: &str) -> Self {
        let name = name.to_ascii_lowercase();
        if name.contains("docker") || name.contains("moby") {
            Self::Docker
        } else {
            Self::Cri
        }
    }

    fn options(self, options: &[&str]) -> Vec<String> {
        let taken = options.iter().filter(|option| self != Self::Docker || **option == "ro");
        taken.map(|option| (*option).to_owned()).collect()
    }
}

/// The mounts that bring those files, as far as they are there, whoever makes the container lets them be mounted, and it has
/// nothing of its own in their place.
///
/// `handler` is the name of the kind of containers. What only some runtimes refuse is mounted if it is that of a runtime, such
/// as `crun`; a file that is refused would end the container.
#[must_use]
pub(crate) fn mounts(
    runtime: Runtime,
    handler: &str,
    files: &[&str],
    available: &Available,
    own: &[Mount],
) -> Vec<Mount> {
    // Each has a propagation: the runtime would give one that has none that of the mount before it. With `rslave` it refuses
    // sources that do not propagate.
    let propagation = if available.propagates {
        Propagation::Slave
    } else {
        Propagation::Private
    };
    let plan = Plan::new(&available.dir).with_propagation(propagation);
    let allowed = match handler.parse::<Release>() {
        Ok(release) => plan.allowed_by(&[release]),
        Err(_) => plan.allowed_everywhere(),
    };
    let wanted = |file: &str| {
        files.contains(&file) && available.has(file) && !own.iter().any(|mount| is_same(&mount.destination, file))
    };
    let mounts = allowed.only(wanted).mounts().into_iter();
    mounts
        .map(|mount| Mount {
            destination: mount.destination.display().to_string(),
            r#type: "bind".to_owned(),
            source: mount.source.display().to_string(),
            options: runtime.options(&mount.options),
        })
        .collect()
}

/// Whether a mount of a container is at the place of that file.
pub(crate) fn is_same(destination: &str, file: &str) -> bool {
    destination.trim_matches('/') == file
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use lxcfs_core::inject::mounted_files;

    fn available(paths: &[&'static str], propagates: bool) -> Available {
        Available {
            dir: "/var/lib/lxcfs".into(),
            paths: paths.iter().copied().collect::<BTreeSet<_>>(),
            propagates,
        }
    }

    fn all() -> Vec<&'static str> {
        mounted_files().collect()
    }

    #[test]
    fn what_is_there_is_mounted_read_only_over_the_kernel_s_own() {
        let available = available(&["proc/meminfo", "sys/devices/system/cpu"], true);
        let mounts = mounts(Runtime::Cri, "", &all(), &available, &[]);
        let seen: Vec<_> = mounts
            .iter()
            .map(|mount| (mount.source.as_str(), mount.destination.as_str()))
            .collect();
        assert_eq!(
            seen,
            [
                ("/var/lib/lxcfs/proc/meminfo", "/proc/meminfo"),
                ("/var/lib/lxcfs/sys/devices/system/cpu", "/sys/devices/system/cpu")
            ]
        );
        assert!(mounts.iter().all(|mount| mount.r#type == "bind"));
        assert_eq!(mounts[0].options, ["bind", "ro", "nosuid", "nodev", "noexec", "rslave"]);
    }

    #[test]
    fn a_source_that_does_not_propagate_is_not_asked_to() {
        let mounts = mounts(Runtime::Cri, "", &all(), &available(&["proc/stat"], false), &[]);
        assert_eq!(
            mounts[0].options,
            ["bind", "ro", "nosuid", "nodev", "noexec", "rprivate"]
        );
    }

    #[test]
    fn docker_gets_the_only_option_that_it_takes() {
        for name in ["docker", "Docker Engine", "moby"] {
            let runtime = Runtime::named(name);
            let mounts = mounts(runtime, "", &all(), &available(&["proc/stat"], true), &[]);
            assert_eq!(mounts[0].options, ["ro"]);
        }
        for name in ["containerd", "cri-o", ""] {
            assert_eq!(Runtime::named(name), Runtime::Cri);
        }
    }

    #[test]
    fn a_place_that_the_container_has_a_mount_at_is_left_alone() {
        let own = Mount {
            destination: "/proc/meminfo/".to_owned(),
            ..Mount::default()
        };
        let available = available(&["proc/meminfo", "proc/stat"], true);
        let mounts = mounts(Runtime::Cri, "", &all(), &available, &[own]);
        let seen: Vec<_> = mounts.iter().map(|mount| mount.destination.as_str()).collect();
        assert_eq!(seen, ["/proc/stat"]);
    }

    #[test]
    fn what_some_runtimes_refuse_comes_by_a_mount_only_of_one_that_is_known_to_let_it() {
        let paths = ["proc/pressure/cpu", "proc/slabinfo", "proc/stat"];
        let available = available(&paths, true);
        let seen = |handler: &str| -> Vec<String> {
            let mounts = mounts(Runtime::Cri, handler, &all(), &available, &[]);
            mounts.into_iter().map(|mount| mount.destination).collect()
        };
        for unknown in ["", "fast", "kata-qemu"] {
            assert_eq!(seen(unknown), ["/proc/stat"], "{unknown}");
        }
        assert_eq!(seen("runc"), ["/proc/slabinfo", "/proc/stat"]);
        let mut crun = seen("crun");
        crun.sort_unstable();
        assert_eq!(crun, ["/proc/pressure/cpu", "/proc/slabinfo", "/proc/stat"]);
    }
}
