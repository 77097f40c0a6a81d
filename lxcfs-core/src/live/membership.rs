//! The container's cgroups, from its init's and its caller's.
//!
//! Three rules, one controller at a time:
//!
//! 1. **What the init has mounted.** If a mount of the hierarchy in the init's mount namespace begins at a cgroup that
//!    the init is in or below of, that is the container's: it is where the runtime has put the container, wherever the
//!    init has moved itself since (systemd to `init.scope`, docker-in-docker to `init`). Of several such mounts the deepest
//!    counts: a container that is also shown a part of the host's tree does not become that part.
//! 2. **What inits are known to add.** Else a last `init.scope` (systemd) or `supervised` (OpenRC) is taken off the
//!    init's own path, once, and not if the root would be left. The `init` of docker-in-docker is not in this list:
//!    somebody may well call a container `init`, its parent holds everybody's containers, and the first rule finds
//!    the cases that matter.
//! 3. **Where the caller is.** If the caller is not in that cgroup or below it (a pod with a common pid namespace, whose
//!    init is in a cgroup of its own; a process that was put in by nsenter), or if the init is in the root, which
//!    confines nothing, the caller's own cgroup counts.
//!
//! Controller by controller, because on v1 a process can be in unrelated places in each hierarchy, and because the
//! kernel enforces limits just so: what is shown is never a limit that does not hold for the caller.

use std::path::Path;

use crate::cgroup::{CgroupPath, Cgroups, Controller, Hierarchies, Hierarchy};
use crate::parse;

/// Cgroups that an init makes for itself below the container's.
const MADE_BY_INITS: [&str; 2] = ["init.scope", "supervised"];

/// The cgroups of the container whose init has this `/proc/PID/cgroup` and `/proc/PID/mountinfo`, for a caller who is
/// in the cgroups `own`.
pub(super) fn container_cgroups(
    hierarchies: &Hierarchies,
    init_cgroup: &[u8],
    init_mountinfo: &[u8],
    own: &Cgroups,
) -> Cgroups {
    let init = hierarchies.cgroups(init_cgroup);
    let mounts: Vec<Hierarchy> = parse::lines(init_mountinfo)
        // Line by line, for the whole text would give one mount a hierarchy.
        .flat_map(|line| Hierarchies::parse(line).iter().cloned().collect::<Vec<_>>())
        .collect();
    Controller::ALL.into_iter().fold(Cgroups::none(), |all, controller| {
        let container = init
            .get(controller)
            .map(|path| mounted_part(hierarchies, &mounts, path).unwrap_or_else(|| without_what_inits_add(path)));
        match container
            .filter(|container| holds(container, own))
            .or_else(|| own.get(controller).cloned())
        {
            Some(path) => all.with(controller, path),
            None => all,
        }
    })
}

/// Rule 1.
fn mounted_part(hierarchies: &Hierarchies, mounts: &[Hierarchy], init: &CgroupPath) -> Option<CgroupPath> {
    let host = hierarchies.iter().find(|one| one.mount == init.mount())?;
    mounts
        .iter()
        .filter(|mount| mount.version == host.version && mount.controllers == host.controllers)
        // The kernel prints roots as the reader's cgroup namespace has them, so both are in one numbering.
        .filter_map(|mount| mount.root.strip_prefix(&host.root).ok())
        .map(|root| CgroupPath::new(init.version(), init.mount(), root))
        .filter(|part| !part.is_root() && part.contains(init))
        .max_by_key(|part| part.levels().count())
}

/// Rule 2.
fn without_what_inits_add(init: &CgroupPath) -> CgroupPath {
    let added = MADE_BY_INITS
        .iter()
        .any(|name| init.dir().file_name() == Path::new(name).file_name());
    let parent = init.parent();
    if added && !parent.is_root() {
        parent
    } else {
        init.clone()
    }
}

/// Rule 3: whether the caller is in that cgroup or below.
fn holds(container: &CgroupPath, own: &Cgroups) -> bool {
    // In the same hierarchy: which one tells about tasks is decided for each process by itself.
    let own_path = own
        .iter()
        .map(|(_, path)| path)
        .find(|path| path.mount() == container.mount());
    !container.is_root() && own_path.is_none_or(|own_path| container.contains(own_path))
}

#[cfg(test)]
mod tests {
    use super::*;

    const V2: &[u8] = b"30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
    const V1: &[u8] = b"32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd
";

    /// The path of that controller, for an init and a caller with these `/proc/PID/cgroup`.
    fn path(host: &[u8], controller: Controller, init: &str, mounts: &str, caller: &str) -> String {
        let hierarchies = Hierarchies::parse(host);
        let own = hierarchies.cgroups(caller.as_bytes());
        container_cgroups(&hierarchies, init.as_bytes(), mounts.as_bytes(), &own)
            .get(controller)
            .map_or_else(|| "none".to_owned(), |path| path.path().display().to_string())
    }

    fn memory(init: &str, mounts: &str, caller: &str) -> String {
        path(
            V2,
            Controller::Memory,
            &format!("0::{init}\n"),
            mounts,
            &format!("0::{caller}\n"),
        )
    }

    fn mount(root: &str) -> String {
        format!("90 80 0:26 {root} /sys/fs/cgroup ro,nosuid - cgroup2 cgroup rw\n")
    }

    #[test]
    fn an_init_that_stays_where_it_was_put_is_in_the_containers_cgroup() {
        assert_eq!(memory("/ct", "", "/ct"), "/ct");
        assert_eq!(memory("/ct", "", "/ct/app/worker"), "/ct");
        assert_eq!(memory("/ct", &mount("/"), "/ct"), "/ct");
    }

    #[test]
    fn an_init_that_moved_is_found_by_what_it_has_mounted() {
        assert_eq!(
            memory("/docker/a/init", &mount("/docker/a"), "/docker/a/init"),
            "/docker/a"
        );
        assert_eq!(
            memory("/lxc/a/init.scope", &mount("/lxc/a"), "/lxc/a/system.slice/x.service"),
            "/lxc/a"
        );
        assert_eq!(
            memory("/m/ct/payload/init.scope", &mount("/m/ct/payload"), "/m/ct/payload"),
            "/m/ct/payload"
        );
    }

    #[test]
    fn mounts_of_other_parts_do_not_count() {
        assert_eq!(memory("/docker/a", &mount("/docker/b"), "/docker/a"), "/docker/a");
        assert_eq!(
            memory("/docker/a", &mount("/docker/a/nested"), "/docker/a"),
            "/docker/a"
        );
        assert_eq!(memory("/docker/ab", &mount("/docker/a"), "/docker/ab"), "/docker/ab");
        assert_eq!(memory("/docker/a", &mount("/.."), "/docker/a"), "/docker/a");
    }

    #[test]
    fn of_several_mounts_the_deepest_counts() {
        let both = mount("/kubepods") + &mount("/kubepods/pod/ct") + &mount("/");
        assert_eq!(
            memory("/kubepods/pod/ct/init", &both, "/kubepods/pod/ct/init"),
            "/kubepods/pod/ct"
        );
    }

    #[test]
    fn what_systemd_and_openrc_add_is_taken_off_once() {
        assert_eq!(memory("/ct/init.scope", "", "/ct/system.slice"), "/ct");
        assert_eq!(memory("/ct/supervised", "", "/ct"), "/ct");
        assert_eq!(
            memory("/ct/init.scope/init.scope", "", "/ct/init.scope/x"),
            "/ct/init.scope"
        );
        assert_eq!(
            memory("/ct/my-init.scope", "", "/ct/my-init.scope"),
            "/ct/my-init.scope"
        );
        assert_eq!(memory("/machines/init", "", "/machines/init"), "/machines/init");
    }

    #[test]
    fn nothing_is_taken_off_down_to_the_root() {
        assert_eq!(memory("/init.scope", "", "/init.scope"), "/init.scope");
        assert_eq!(memory("/init.scope", "", "/system.slice/a"), "/system.slice/a");
    }

    #[test]
    fn a_caller_elsewhere_is_confined_by_its_own_cgroup() {
        assert_eq!(memory("/pod/pause", &mount("/pod/pause"), "/pod/app"), "/pod/app");
        assert_eq!(memory("/ct", "", "/user.slice"), "/user.slice");
        assert_eq!(memory("/ct", "", "/"), "/");
        assert_eq!(memory("/ct", "", "/ct2"), "/ct2");
    }

    #[test]
    fn an_init_in_the_root_tells_nothing() {
        assert_eq!(memory("/", "", "/job"), "/job");
        assert_eq!(memory("/", "", "/"), "/");
        assert_eq!(memory("/../outside", "", "/job"), "/job");
    }

    #[test]
    fn each_hierarchy_of_v1_counts_by_itself() {
        let init = "4:memory:/docker/a/init.scope\n3:cpu,cpuacct:/docker/a\n1:name=systemd:/docker/a/init.scope\n";
        let mounts = "9 8 0:32 /docker/a /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n";
        let caller = "4:memory:/docker/a/x\n3:cpu,cpuacct:/jobs\n1:name=systemd:/docker/a\n";
        assert_eq!(path(V1, Controller::Memory, init, mounts, caller), "/docker/a");
        assert_eq!(path(V1, Controller::Cpu, init, mounts, caller), "/jobs");
        assert_eq!(path(V1, Controller::Pids, init, mounts, caller), "none");
    }

    #[test]
    fn on_a_hybrid_host_tasks_are_compared_in_one_hierarchy() {
        let hybrid = [V1, b"41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"].concat();
        // The init is nowhere in the unified hierarchy, so memory tells; there the caller is below it.
        let tasks = path(
            &hybrid,
            Controller::Tasks,
            "4:memory:/ct\n0::/\n",
            "",
            "4:memory:/ct/a\n0::/svc\n",
        );
        assert_eq!(tasks, "/ct");
        // Where the caller is elsewhere, its own choice counts.
        let tasks = path(
            &hybrid,
            Controller::Tasks,
            "4:memory:/ct\n0::/\n",
            "",
            "4:memory:/\n0::/svc\n",
        );
        assert_eq!(tasks, "/svc");
    }

    #[test]
    fn only_a_part_of_the_hierarchy_may_be_mounted_here_too() {
        let part = b"35 31 0:26 /lxc/outer /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
        let inner = |init: &str, mounts: &str| {
            let line = format!("0::{init}\n");
            path(part, Controller::Memory, &line, mounts, &line)
        };
        assert_eq!(inner("/lxc/outer/inner/init", &mount("/lxc/outer/inner")), "/inner");
        assert_eq!(inner("/lxc/outer/inner/init", &mount("/lxc/outer")), "/inner/init");
        assert_eq!(inner("/lxc/other", ""), "none");
    }
}
