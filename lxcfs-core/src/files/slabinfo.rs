//! `/proc/slabinfo`: the container's slab caches, where the kernel lists them for a cgroup.
//!
//! # References
//!
//! slabinfo(5); `Documentation/admin-guide/cgroup-v1/memory.rst`, `memory.kmem.slabinfo`.

use std::path::Path;

use bytes::Bytes;

use super::{Class, Fact, Kind, Line, VirtualFile};
use crate::cgroup::Controller;
use crate::error::CaptureError;
use crate::host::slabinfo::Slabinfo;
use crate::source::SourceErrorKind;
use crate::text::Text;
use crate::view::ContainerView;

pub(super) const FILE: VirtualFile = VirtualFile {
    path: "proc/slabinfo",
    about: "kernel slab caches of the container",
    lines: &[
        Line {
            key: "slabinfo",
            class: Class::Shared,
            from: &[Fact::HostFile],
            formula: "the version line of the host's file",
        },
        Line {
            key: "#",
            class: Class::Shared,
            from: &[Fact::HostFile],
            formula: "the columns of the host's file",
        },
        Line {
            key: "*",
            class: Class::Container,
            from: &[Fact::Slabinfo],
            formula: "memory.kmem.slabinfo of cgroup v1 before Linux 5.9; later kernels and cgroup v2 tell a container's \
                      slab memory in one sum only (/proc/meminfo), so there is no line",
        },
    ],
    kind: Kind::File(produce),
};

/// The header of version 2.1, which kernels have printed for long, for hosts that keep theirs to themselves.
const HEADER: &[u8] = b"slabinfo - version: 2.1\n\
    # name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> \
    : tunables <limit> <batchcount> <sharedfactor> \
    : slabdata <active_slabs> <num_slabs> <sharedavail>\n";

fn produce(view: &ContainerView<'_>, out: &mut Text) -> Result<(), CaptureError> {
    if view.cgroup().confined(Controller::Memory).is_none() {
        out.push(view.host("/proc/slabinfo")?);
        return Ok(());
    }
    let own = view.cgroup().slabinfo()?;
    let host = if own.is_some() {
        Bytes::new()
    } else {
        host_if_readable(view)?
    };
    render(own.as_deref(), &Slabinfo::parse(&host), out);
    Ok(())
}

/// The host's file is for root only; its header is not a secret that reading should fail for.
fn host_if_readable(view: &ContainerView<'_>) -> Result<Bytes, CaptureError> {
    match view.source().read(Path::new("/proc/slabinfo")) {
        Ok(text) => Ok(text),
        Err(error)
            if matches!(
                error.kind,
                SourceErrorKind::NotFound | SourceErrorKind::PermissionDenied
            ) =>
        {
            Ok(Bytes::new())
        }
        Err(error) => Err(error.into()),
    }
}

fn render(own: Option<&[u8]>, host: &Slabinfo<'_>, out: &mut Text) {
    match own {
        Some(own) => out.push(own),
        None if host.header().is_empty() => out.push(HEADER),
        None => out.push(host.header()),
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cgroup::{CgroupPath, Cgroups, Version};
    use crate::container::Container;
    use crate::source::MemorySource;
    use std::time::Duration;

    const HOST: &str = "slabinfo - version: 3.0\n# name <new>\ndentry 100 200\n";

    fn slabinfo(machine: &MemorySource, cgroups: Cgroups) -> Bytes {
        let container = Container {
            caller: 7,
            init: None,
            cgroups,
        };
        let view = ContainerView::new(machine, &container, Duration::ZERO);
        super::super::find("proc/slabinfo").unwrap().render(&view).unwrap()
    }

    #[test]
    fn v2_shows_no_cache_because_the_kernel_lists_none() {
        let machine = MemorySource::new().with("/proc/slabinfo", HOST);
        assert_eq!(
            slabinfo(&machine, Cgroups::unified("/c", "/ct")),
            "slabinfo - version: 3.0\n# name <new>\n"
        );
    }

    #[test]
    fn v1_shows_the_containers_own_list() {
        let own = "slabinfo - version: 2.1\n# name\ndentry 1 2\n";
        let machine = MemorySource::new()
            .with("/proc/slabinfo", HOST)
            .with("/c/ct/memory.kmem.slabinfo", own);
        let cgroups = Cgroups::none().with(Controller::Memory, CgroupPath::new(Version::V1, "/c", "/ct"));
        assert_eq!(slabinfo(&machine, cgroups), own);
    }

    #[test]
    fn a_host_that_hides_its_file_leaves_the_usual_header() {
        let machine = MemorySource::new().with_error("/proc/slabinfo", SourceErrorKind::PermissionDenied);
        assert_eq!(slabinfo(&machine, Cgroups::unified("/c", "/ct")), HEADER);
        assert!(HEADER.ends_with(b"<pagesperslab> : tunables <limit> <batchcount> <sharedfactor> : slabdata <active_slabs> <num_slabs> <sharedavail>\n"));
    }

    #[test]
    fn the_hosts_own_view_is_the_hosts_file() {
        let machine = MemorySource::new().with("/proc/slabinfo", HOST);
        assert_eq!(slabinfo(&machine, Cgroups::none()), HOST);
        assert_eq!(slabinfo(&machine, Cgroups::unified("/c", "/")), HOST);
    }
}
