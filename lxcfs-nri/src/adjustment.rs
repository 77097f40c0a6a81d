//! Which mounts a container gets, in the words of its runtime.

use crate::files::{File, Way};
use crate::messages::Mount;
use crate::sources::Available;

/// The runtimes whose rules for mounts differ.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Runtime {
    /// containerd, CRI-O and what is like them.
    #[default]
    Cri,
    /// Docker, which takes no option but `ro`.
    Docker,
}

impl Runtime {
    /// The one of that name.
    #[must_use]
    pub fn named(name: &str) -> Self {
        let name = name.to_ascii_lowercase();
        if name.contains("docker") || name.contains("moby") {
            Self::Docker
        } else {
            Self::Cri
        }
    }

    fn options(self, propagates: bool) -> Vec<String> {
        let options: &[&str] = match (self, propagates) {
            (Self::Docker, _) => &["ro"],
            // Each has a propagation: the runtime would give one that has none that of the mount before it.
            (Self::Cri, true) => &["bind", "ro", "nosuid", "nodev", "noexec", "rslave"],
            // With `rslave` the runtime refuses sources that do not propagate.
            (Self::Cri, false) => &["bind", "ro", "nosuid", "nodev", "noexec", "rprivate"],
        };
        options.iter().map(|option| (*option).to_owned()).collect()
    }
}

/// The mounts that bring those files, as far as they are there and the container has nothing of its own in their place.
#[must_use]
pub fn mounts(runtime: Runtime, files: &[&File], available: &Available, own: &[Mount]) -> Vec<Mount> {
    files
        .iter()
        .filter(|file| file.way == Way::Mount && available.has(file))
        .filter(|file| !own.iter().any(|mount| is_same(&mount.destination, file)))
        .map(|file| Mount {
            destination: file.destination(),
            r#type: "bind".to_owned(),
            source: available.dir.join(file.path).display().to_string(),
            options: runtime.options(available.propagates),
        })
        .collect()
}

/// Whether a mount of a container is at the place of that file.
pub(crate) fn is_same(destination: &str, file: &File) -> bool {
    destination.trim_matches('/') == file.path
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::files::FILES;

    fn available(paths: &[&'static str], propagates: bool) -> Available {
        Available {
            dir: "/var/lib/lxcfs".into(),
            paths: paths.iter().copied().collect::<BTreeSet<_>>(),
            propagates,
        }
    }

    fn all() -> Vec<&'static File> {
        FILES.iter().collect()
    }

    #[test]
    fn what_is_there_is_mounted_read_only_over_the_kernel_s_own() {
        let available = available(&["proc/meminfo", "sys/devices/system/cpu"], true);
        let mounts = mounts(Runtime::Cri, &all(), &available, &[]);
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
        let mounts = mounts(Runtime::Cri, &all(), &available(&["proc/stat"], false), &[]);
        assert_eq!(
            mounts[0].options,
            ["bind", "ro", "nosuid", "nodev", "noexec", "rprivate"]
        );
    }

    #[test]
    fn docker_gets_the_only_option_that_it_takes() {
        for name in ["docker", "Docker Engine", "moby"] {
            let runtime = Runtime::named(name);
            let mounts = mounts(runtime, &all(), &available(&["proc/stat"], true), &[]);
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
        let mounts = mounts(Runtime::Cri, &all(), &available, &[own]);
        let seen: Vec<_> = mounts.iter().map(|mount| mount.destination.as_str()).collect();
        assert_eq!(seen, ["/proc/stat"]);
    }

    #[test]
    fn pressure_never_comes_by_a_mount_of_the_runtime() {
        let available = available(&["proc/pressure/cpu", "proc/pressure/io"], true);
        assert_eq!(mounts(Runtime::Cri, &all(), &available, &[]), []);
    }
}
