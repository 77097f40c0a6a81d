//! `/sys/devices/system/cpu`: the CPUs that the container sees, as sysfs tells them.
//!
//! # References
//!
//! `Documentation/admin-guide/cputopology.rst`; `Documentation/ABI/testing/sysfs-devices-system-cpu`.

mod siblings;
mod tree;

use std::path::Path;

use bytes::Bytes;

use super::{Class, Directory, Fact, Kind, Line, VirtualFile, no_such_file};
use crate::cpu_list::CpuList;
use crate::cpu_model::CpuModel;
use crate::error::CaptureError;
use crate::text::Text;
use crate::view::ContainerView;

/// Where all of this stands, below the mount point and below `/` on the host.
const DIR: &str = "sys/devices/system/cpu";

const SHOWN: &[Fact] = &[Fact::OnlineCpus, Fact::Cpuset, Fact::CpuQuota];
const SHOWN_OF_THE_HOSTS: &[Fact] = &[Fact::HostFile, Fact::OnlineCpus, Fact::Cpuset, Fact::CpuQuota];

pub(super) const DIRECTORY: VirtualFile = VirtualFile {
    path: DIR,
    about: "a directory for each CPU that the container sees, and what is true of all of them",
    lines: &[Line {
        key: "*",
        class: Class::Shared,
        from: SHOWN_OF_THE_HOSTS,
        formula: "uevent, modalias, smt/, vulnerabilities/ and of each CPU that is shown uevent, online, address, \
                  polarization, cpu_capacity, regs/identification/, topology/ and cache/: the host's; sets of CPUs in \
                  topology/ and cache/ are cut to those that are shown",
    }],
    kind: Kind::Directory(Directory {
        kind: tree::kind,
        list: tree::list,
        produce: tree::produce,
        read_link: tree::read_link,
    }),
};

pub(super) const ISOLATED: VirtualFile = VirtualFile {
    path: "sys/devices/system/cpu/isolated",
    about: "which of the CPUs that the container sees the scheduler leaves alone",
    lines: &[Line {
        key: "*",
        class: Class::Derived,
        from: SHOWN_OF_THE_HOSTS,
        formula: "those of the host's isolated CPUs that are shown",
    }],
    kind: Kind::File(isolated),
};

pub(super) const KERNEL_MAX: VirtualFile = VirtualFile {
    path: "sys/devices/system/cpu/kernel_max",
    about: "the highest CPU number that the kernel is built for",
    lines: &[Line {
        key: "*",
        class: Class::Shared,
        from: &[Fact::HostFile],
        formula: "the host's",
    }],
    kind: Kind::File(kernel_max),
};

pub(super) const OFFLINE: VirtualFile = VirtualFile {
    path: "sys/devices/system/cpu/offline",
    about: "the CPUs that the container could see and that are offline: none",
    lines: &[Line {
        key: "*",
        class: Class::Derived,
        from: SHOWN_OF_THE_HOSTS,
        formula: "empty; the host's if the container sees all of its CPUs",
    }],
    kind: Kind::File(offline),
};

pub(super) const ONLINE: VirtualFile = VirtualFile {
    path: "sys/devices/system/cpu/online",
    about: "the CPUs that the container sees",
    lines: &[Line {
        key: "*",
        class: Class::Container,
        from: SHOWN,
        formula: "the first ⌈capacity⌉ of cpuset ∩ online; capacity = min(their number, tightest quota / period)",
    }],
    kind: Kind::File(|view, out| online(view, ONLINE.path, out)),
};

pub(super) const POSSIBLE: VirtualFile = VirtualFile {
    path: "sys/devices/system/cpu/possible",
    about: "the CPUs that the container could see: those that it sees",
    lines: LIKE_ONLINE,
    kind: Kind::File(|view, out| online(view, POSSIBLE.path, out)),
};

pub(super) const PRESENT: VirtualFile = VirtualFile {
    path: "sys/devices/system/cpu/present",
    about: "the CPUs that the container has: those that it sees",
    lines: LIKE_ONLINE,
    kind: Kind::File(|view, out| online(view, PRESENT.path, out)),
};

const LIKE_ONLINE: &[Line] = &[Line {
    key: "*",
    class: Class::Derived,
    from: SHOWN_OF_THE_HOSTS,
    formula: "as online; the host's if the container sees all of its CPUs",
}];

/// Whether sysfs can be the host's own, word for word: all of its CPUs, by its own numbers.
fn is_the_hosts(model: &CpuModel) -> bool {
    model.is_whole_host() && model.numbered() == model.shown()
}

/// A file of the host; one that this kernel does not have is none of the container's either.
fn host(view: &ContainerView<'_>, path: &str) -> Result<Bytes, CaptureError> {
    let text = view.source().read_optional(&Path::new("/").join(path))?;
    text.ok_or_else(|| no_such_file(path, ""))
}

fn online(view: &ContainerView<'_>, path: &str, out: &mut Text) -> Result<(), CaptureError> {
    let model = view.cpus()?;
    if is_the_hosts(&model) {
        out.push(host(view, path)?);
    } else {
        render(model.numbered(), out);
    }
    Ok(())
}

fn offline(view: &ContainerView<'_>, out: &mut Text) -> Result<(), CaptureError> {
    if is_the_hosts(&view.cpus()?) {
        out.push(host(view, OFFLINE.path)?);
    } else {
        render(&CpuList::default(), out);
    }
    Ok(())
}

fn isolated(view: &ContainerView<'_>, out: &mut Text) -> Result<(), CaptureError> {
    let model = view.cpus()?;
    let text = host(view, ISOLATED.path)?;
    if is_the_hosts(&model) {
        out.push(text);
        return Ok(());
    }
    let isolated =
        CpuList::parse(&text).map_err(|error| CaptureError::parse(Path::new("/").join(ISOLATED.path), error))?;
    render(&model.translate(&isolated), out);
    Ok(())
}

fn kernel_max(view: &ContainerView<'_>, out: &mut Text) -> Result<(), CaptureError> {
    out.push(host(view, KERNEL_MAX.path)?);
    Ok(())
}

fn render(cpus: &CpuList, out: &mut Text) {
    cpus.render(out);
    out.push("\n");
}

#[cfg(test)]
mod tests;
