//! `/proc/cpuinfo`: the stanzas of the CPUs that the container sees.
//!
//! # References
//!
//! proc(5); `show_cpuinfo` in `arch/*/kernel/`.

use std::collections::{BTreeMap, BTreeSet};

use super::{Class, Fact, Kind, Line, VirtualFile};
use crate::cpu_model::CpuModel;
use crate::error::CaptureError;
use crate::host::cpuinfo::{Cpuinfo, Section};
use crate::text::Text;
use crate::view::ContainerView;

const SHOWN: &[Fact] = &[Fact::HostFile, Fact::OnlineCpus, Fact::Cpuset, Fact::CpuQuota];

pub(super) const FILE: VirtualFile = VirtualFile {
    path: "proc/cpuinfo",
    about: "the CPUs that the container sees, as the host describes them",
    lines: &[
        Line {
            key: "processor",
            class: Class::Derived,
            from: SHOWN,
            formula: "the CPUs that are shown, numbered as everywhere else",
        },
        Line {
            key: "siblings",
            class: Class::Derived,
            from: SHOWN,
            formula: "how many of the CPUs that are shown have the same physical id",
        },
        Line {
            key: "cpu",
            class: Class::Derived,
            from: SHOWN,
            formula: "cpu cores: how many core ids the CPUs that are shown have, with the same physical id; cpu number \
                      (s390x): as processor; cpu family, cpu MHz and others: the host's",
        },
        Line {
            key: "#",
            class: Class::Derived,
            from: SHOWN,
            formula: "# processors (s390x): how many CPUs are shown",
        },
        Line {
            key: "*",
            class: Class::Shared,
            from: &[Fact::HostFile],
            formula: "the host's: of the CPUs that are shown, and of the machine",
        },
    ],
    kind: Kind::File(produce),
};

fn produce(view: &ContainerView<'_>, out: &mut Text) -> Result<(), CaptureError> {
    let model = view.cpus()?;
    // What changes from moment to moment in it are clock rates; on a large host the kernel takes long to find them out.
    let host = view.host_steady("/proc/cpuinfo")?;
    if model.is_whole_host() && model.numbered() == model.shown() {
        out.push(host);
        return Ok(());
    }
    render(&Cpuinfo::parse(&host), &model, out);
    Ok(())
}

fn render(host: &Cpuinfo<'_>, model: &CpuModel, out: &mut Text) {
    // All of the host's CPUs: its own counts are right, and know more than ids tell (nodes within a package).
    let packages = (!model.is_whole_host()).then(|| Packages::of(host, model));
    for section in host.sections() {
        let number = match section.cpu() {
            None => None,
            Some(cpu) => match model.number_of(cpu) {
                Some(number) => Some(u64::from(number)),
                // A host that has taken the CPU online since the model was made shows it next time.
                None => continue,
            },
        };
        match &packages {
            None if number == section.cpu().map(u64::from) => section.print(out),
            _ => render_section(section, number, packages.as_ref(), model, out),
        }
    }
}

fn render_section(
    section: &Section<'_>,
    number: Option<u64>,
    packages: Option<&Packages<'_>>,
    model: &CpuModel,
    out: &mut Text,
) {
    let package = packages.and_then(|packages| packages.find(section));
    for field in section.fields() {
        let value = match (field.key(), number) {
            (b"processor" | b"cpu number", Some(number)) => Some(number),
            (b"siblings", Some(_)) => package.map(|package| package.siblings),
            (b"cpu cores", Some(_)) => package.map(Package::cores),
            (b"# processors", None) if packages.is_some() => Some(u64::from(model.count())),
            _ => None,
        };
        match (field.key().strip_prefix(b"processor "), number, value) {
            // s390x: the number is part of the key.
            (Some(_), Some(number), _) => {
                let rest = field.label.iter().position(|byte| *byte == b':');
                let rest = rest.and_then(|at| field.label.get(at..)).unwrap_or_default();
                out.push("processor ")
                    .number(number)
                    .push(rest)
                    .push(field.value)
                    .push(field.end);
            }
            (_, _, Some(value)) => field.print_with(value, out),
            (_, _, None) => field.print(out),
        }
    }
}

/// The packages (sockets) that the shown CPUs are on.
#[derive(Debug, Default)]
struct Packages<'a> {
    packages: BTreeMap<PackageId<'a>, Package<'a>>,
}

/// `physical id`, and on s390x `book id` and `drawer id`, within which the first one counts.
type PackageId<'a> = [&'a [u8]; 3];

#[derive(Debug, Default)]
struct Package<'a> {
    siblings: u64,
    cores: BTreeSet<&'a [u8]>,
}

impl Package<'_> {
    fn cores(&self) -> u64 {
        u64::try_from(self.cores.len()).unwrap_or(u64::MAX)
    }
}

impl<'a> Packages<'a> {
    fn of(host: &Cpuinfo<'a>, model: &CpuModel) -> Self {
        let mut all = Self::default();
        for section in host.sections() {
            if section.cpu().and_then(|cpu| model.number_of(cpu)).is_none() {
                continue;
            }
            let Some((id, core)) = place(section) else {
                continue;
            };
            let package = all.packages.entry(id).or_default();
            package.siblings = package.siblings.saturating_add(1);
            package.cores.extend(core);
        }
        all
    }

    fn find(&self, section: &Section<'a>) -> Option<&Package<'a>> {
        self.packages.get(&place(section)?.0)
    }
}

/// Where a CPU is: its package and its core; `None` if the architecture does not say.
fn place<'a>(section: &Section<'a>) -> Option<(PackageId<'a>, Option<&'a [u8]>)> {
    section.cpu()?;
    let (mut physical, mut core) = (None, None);
    let (mut book, mut drawer) = (b"".as_slice(), b"".as_slice());
    for field in section.fields() {
        match field.key() {
            b"physical id" => physical = Some(field.value),
            b"core id" => core = Some(field.value),
            b"book id" => book = field.value,
            b"drawer id" => drawer = field.value,
            _ => {}
        }
    }
    Some(([physical?, book, drawer], core))
}

#[cfg(test)]
mod tests;
