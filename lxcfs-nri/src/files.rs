//! Which files containers are given, and how each comes into a container.

/// How a file comes into a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// By a mount that the runtime makes.
    Mount,
    /// By a mount that is made once the container runs: runc refuses that target.
    AfterStart,
}

/// A file, or a directory with all that is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct File {
    /// What an annotation calls it. Several can have one name.
    pub name: &'static str,
    /// Its path below the root of the daemon's file system, and below that of a container.
    pub path: &'static str,
    /// How it comes there.
    pub way: Way,
}

impl File {
    /// Where it is in a container.
    #[must_use]
    pub fn destination(&self) -> String {
        format!("/{}", self.path)
    }
}

const fn mount(name: &'static str, path: &'static str) -> File {
    let way = Way::Mount;
    File { name, path, way }
}

const fn after_start(name: &'static str, path: &'static str) -> File {
    let way = Way::AfterStart;
    File { name, path, way }
}

/// All of them: what every version of runc, crun and youki lets be mounted, and what can be given later.
///
/// # References
///
/// `checkProcMount` in runc's `libcontainer/rootfs_linux.go`: one target that it refuses ends the whole container
pub static FILES: [File; 12] = [
    mount("cpuinfo", "proc/cpuinfo"),
    mount("diskstats", "proc/diskstats"),
    mount("loadavg", "proc/loadavg"),
    mount("meminfo", "proc/meminfo"),
    mount("slabinfo", "proc/slabinfo"),
    mount("stat", "proc/stat"),
    mount("swaps", "proc/swaps"),
    mount("uptime", "proc/uptime"),
    mount("sys-cpu", "sys/devices/system/cpu"),
    after_start("pressure", "proc/pressure/cpu"),
    after_start("pressure", "proc/pressure/io"),
    after_start("pressure", "proc/pressure/memory"),
];

/// The files of that name; none if there is no such name.
pub fn named(name: &str) -> impl Iterator<Item = &'static File> + Clone {
    FILES.iter().filter(move |file| file.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_mount_goes_where_runc_refuses_it() {
        for file in FILES.iter().filter(|file| file.path.starts_with("proc/pressure")) {
            assert_eq!(file.way, Way::AfterStart, "{}", file.path);
        }
    }

    #[test]
    fn a_path_is_there_once_and_relative() {
        let mut paths: Vec<_> = FILES.iter().map(|file| file.path).collect();
        assert!(paths.iter().all(|path| !path.starts_with('/')));
        paths.sort_unstable();
        paths.dedup();
        assert_eq!(paths.len(), FILES.len());
    }
}
