//! `/proc/pressure/*`: how long the container's tasks stalled, as its cgroup tells.
//!
//! # References
//!
//! `Documentation/accounting/psi.rst`, "Cgroup2 interface".

use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::{Class, Fact, Kind, Line, VirtualFile, no_such_file};
use crate::cgroup::Controller;
use crate::error::CaptureError;
use crate::text::Text;
use crate::view::ContainerView;

const LINES: &[Line] = &[
    Line {
        key: "some",
        class: Class::Container,
        from: &[Fact::Pressure],
        formula: "while at least one of the container's tasks stalled, as the kernel prints it for the cgroup",
    },
    Line {
        key: "full",
        class: Class::Container,
        from: &[Fact::Pressure],
        formula: "while all of the container's tasks stalled at once, as the kernel prints it for the cgroup",
    },
];

/// Interrupts stall all tasks of a CPU or none.
const FULL_LINE: &[Line] = &[Line {
    key: "full",
    class: Class::Container,
    from: &[Fact::Pressure],
    formula: "while interrupts held up the container's tasks, as the kernel prints it for the cgroup",
}];

pub(super) const CPU: VirtualFile = VirtualFile {
    path: "proc/pressure/cpu",
    about: "stalls of the container's tasks that waited for a CPU",
    lines: LINES,
    kind: Kind::File(|view, out| produce(view, CPU.path, "cpu", out)),
};

pub(super) const IO: VirtualFile = VirtualFile {
    path: "proc/pressure/io",
    about: "stalls of the container's tasks that waited for I/O",
    lines: LINES,
    kind: Kind::File(|view, out| produce(view, IO.path, "io", out)),
};

pub(super) const IRQ: VirtualFile = VirtualFile {
    path: "proc/pressure/irq",
    about: "stalls of the container's tasks while interrupts were served",
    lines: FULL_LINE,
    kind: Kind::File(|view, out| produce(view, IRQ.path, "irq", out)),
};

pub(super) const MEMORY: VirtualFile = VirtualFile {
    path: "proc/pressure/memory",
    about: "stalls of the container's tasks that waited for memory",
    lines: LINES,
    kind: Kind::File(|view, out| produce(view, MEMORY.path, "memory", out)),
};

/// The kernel's file whose text a row of `proc/pressure` shows: a trigger for the container's stalls is set on it.
///
/// # Errors
///
/// As when the row is produced: where nothing can be shown, nothing can be waited for.
///
/// ```
/// use std::time::Duration;
/// use lxcfs_core::cgroup::Cgroups;
/// use lxcfs_core::files::pressure_file;
/// use lxcfs_core::{Container, ContainerView, MemorySource, find};
///
/// let machine = MemorySource::new()
///     .with("/sys/fs/cgroup/web/io.pressure", "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n");
/// let container = Container { cgroups: Cgroups::unified("/sys/fs/cgroup", "/web"), ..Container::host(1) };
/// let view = ContainerView::new(&machine, &container, Duration::ZERO);
/// let file = pressure_file(&view, find("proc/pressure/io").unwrap().file).unwrap();
/// assert_eq!(file.to_str(), Some("/sys/fs/cgroup/web/io.pressure"));
/// ```
pub fn pressure_file(view: &ContainerView<'_>, row: &'static VirtualFile) -> Result<PathBuf, CaptureError> {
    let Some(kind) = row.path.strip_prefix("proc/pressure/") else {
        return Err(no_such_file(row.path, ""));
    };
    let host = Path::new("/").join(row.path);
    if view.options().passthrough {
        return Ok(host);
    }
    gather(view, row.path, kind)?;
    Ok(view.cgroup().pressure_file(kind).unwrap_or(host))
}

fn produce(view: &ContainerView<'_>, path: &'static str, kind: &str, out: &mut Text) -> Result<(), CaptureError> {
    render(&gather(view, path, kind)?, out);
    Ok(())
}

/// The text is the kernel's already.
fn render(own: &[u8], out: &mut Text) {
    out.push(own);
}

fn gather(view: &ContainerView<'_>, path: &'static str, kind: &str) -> Result<Bytes, CaptureError> {
    if let Some(own) = view.cgroup().pressure(kind)? {
        return Ok(own);
    }
    // A kernel without pressure stall information, or without this kind of it, has no such file for anybody.
    let host = view.source().read_optional(&Path::new("/").join(path))?;
    let Some(host) = host else {
        return Err(no_such_file(path, ""));
    };
    if view.cgroup().confined(Controller::Pressure).is_some() {
        let reason = "the cgroup has no such file; cgroup.pressure, or cgroup_disable=pressure at boot, turns it off";
        return Err(CaptureError::NotAvailable { path, reason });
    }
    // In the root of cgroup v2 and confined elsewhere: a container whose limits are all of v1.
    if Controller::ALL.iter().any(|one| view.cgroup().confined(*one).is_some()) {
        let reason = "cgroup v1 does not tell the pressure of a container; cgroup v2 does";
        return Err(CaptureError::NotAvailable { path, reason });
    }
    Ok(host)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cgroup::{CgroupPath, Cgroups, Version};
    use crate::container::Container;
    use crate::options::ViewOptions;
    use crate::source::MemorySource;
    use std::time::Duration;

    const OWN: &str = "some avg10=1.00 avg60=0.00 avg300=0.00 total=1\n";
    const HOST: &str = "some avg10=9.00 avg60=9.00 avg300=9.00 total=9\n";
    const KINDS: [&str; 4] = ["cpu", "io", "irq", "memory"];

    fn machine() -> MemorySource {
        let machine = MemorySource::new().with("/c/ct/cgroup.procs", "7\n");
        KINDS.iter().fold(machine, |machine, kind| {
            machine.with(format!("/proc/pressure/{kind}"), HOST)
        })
    }

    fn pressure(machine: &MemorySource, cgroups: Cgroups, kind: &str) -> Result<Bytes, CaptureError> {
        let container = Container {
            caller: 7,
            init: None,
            cgroups,
        };
        let view = ContainerView::new(machine, &container, Duration::ZERO);
        super::super::find(&format!("proc/pressure/{kind}"))
            .unwrap()
            .render(&view)
    }

    #[test]
    fn every_kind_is_the_cgroups_own() {
        for kind in KINDS {
            let machine = machine().with(format!("/c/ct/{kind}.pressure"), OWN);
            assert_eq!(pressure(&machine, Cgroups::unified("/c", "/ct"), kind).unwrap(), OWN);
        }
    }

    #[test]
    fn v1_is_told_that_it_cannot_be_told() {
        let v1 = Cgroups::none().with(Controller::Memory, CgroupPath::new(Version::V1, "/m", "/ct"));
        let hybrid = v1
            .clone()
            .with(Controller::Pressure, CgroupPath::new(Version::V2, "/c", "/"));
        for cgroups in [v1, hybrid] {
            let error = pressure(&machine(), cgroups, "memory").unwrap_err();
            assert!(
                matches!(
                    error,
                    CaptureError::NotAvailable {
                        path: "proc/pressure/memory",
                        ..
                    }
                ),
                "{error}"
            );
        }
    }

    #[test]
    fn pressure_that_is_turned_off_for_cgroups_is_not_the_hosts() {
        let error = pressure(&machine(), Cgroups::unified("/c", "/ct"), "io").unwrap_err();
        assert!(matches!(error, CaptureError::NotAvailable { .. }), "{error}");
    }

    #[test]
    fn triggers_are_set_on_the_file_that_is_shown() {
        let file = |machine: &MemorySource, cgroups: Cgroups, passthrough: bool| {
            let container = Container {
                caller: 7,
                init: None,
                cgroups,
            };
            let options = ViewOptions {
                passthrough,
                ..ViewOptions::default()
            };
            let view = ContainerView::new(machine, &container, Duration::ZERO).with_options(options);
            pressure_file(&view, &IO).map(|path| path.display().to_string())
        };
        let own = Cgroups::unified("/c", "/ct");
        let machine = machine().with("/c/ct/io.pressure", OWN);
        assert_eq!(file(&machine, own.clone(), false).unwrap(), "/c/ct/io.pressure");
        assert_eq!(file(&machine, Cgroups::none(), false).unwrap(), "/proc/pressure/io");
        assert_eq!(file(&machine, own, true).unwrap(), "/proc/pressure/io");
        let v1 = Cgroups::none().with(Controller::Memory, CgroupPath::new(Version::V1, "/m", "/ct"));
        assert!(matches!(
            file(&machine, v1, false),
            Err(CaptureError::NotAvailable { .. })
        ));
        let other = Cgroups::unified("/c", "/other");
        assert!(file(&machine, other, false).is_err(), "not the host's");
    }

    #[test]
    fn a_kernel_without_it_has_no_such_file() {
        let mut machine = machine();
        machine.remove(Path::new("/proc/pressure/irq"));
        for path in ["/", "/ct"] {
            let error = pressure(&machine, Cgroups::unified("/c", path), "irq").unwrap_err();
            assert_eq!(
                error,
                CaptureError::NoSuchFile {
                    path: "proc/pressure/irq".to_owned()
                }
            );
        }
    }

    #[test]
    fn the_hosts_own_view_is_the_hosts_file() {
        for cgroups in [Cgroups::none(), Cgroups::unified("/c", "/")] {
            assert_eq!(pressure(&machine(), cgroups, "cpu").unwrap(), HOST);
        }
    }
}
