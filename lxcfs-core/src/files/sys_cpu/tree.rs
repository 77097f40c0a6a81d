//! The tree below `/sys/devices/system/cpu`: what it has beside the lists of CPUs.
//!
//! It is a list of what is let through. The rest of the host's directory controls the host or tells what the host does:
//! `cpufreq`, `cpuidle`, `hotplug`, `power`, `microcode`, `thermal_throttle`, `crash_notes`, `probe` and what later
//! kernels add. Files that the host keeps for root are neither listed nor read.
//!
//! # References
//!
//! `Documentation/ABI/testing/sysfs-devices-system-cpu`.

use std::path::{Path, PathBuf};

use super::siblings::{Siblings, Spelling};
use super::{DIR, is_the_hosts};
use crate::cpu_list::{CpuList, cpu_of_name};
use crate::cpu_model::CpuModel;
use crate::error::CaptureError;
use crate::files::{Place, TABLE, VirtualFile, no_such_file};
use crate::source::{Entry, EntryKind, SourceErrorKind};
use crate::text::Text;
use crate::view::ContainerView;

/// A name that is let through, and what it has to be.
#[derive(Debug, Clone, Copy)]
struct Rule(Name, What);

#[derive(Debug, Clone, Copy)]
enum Name {
    Is(&'static str),
    /// This, and a number behind it: `index0`.
    Numbered(&'static str),
    Any,
}

#[derive(Debug, Clone, Copy)]
enum What {
    /// A file, shown as it is.
    File,
    /// A file that tells a set of CPUs if its name says so.
    Siblings,
    /// A link. Its text is relative and is resolved in the container's own sysfs.
    Link,
    Directory(&'static [Rule]),
}

const FILES: &[Rule] = &[Rule(Name::Any, What::File)];
const SIBLINGS: &[Rule] = &[Rule(Name::Any, What::Siblings)];

const TOP: &[Rule] = &[
    Rule(Name::Is("modalias"), What::File),
    Rule(Name::Is("smt"), What::Directory(FILES)),
    // LXC's mount hook takes the directory for usable if this is there.
    Rule(Name::Is("uevent"), What::File),
    Rule(Name::Is("vulnerabilities"), What::Directory(FILES)),
];

const CPU: &[Rule] = &[
    Rule(Name::Is("address"), What::File),
    Rule(Name::Is("cache"), What::Directory(CACHE)),
    Rule(Name::Is("cpu_capacity"), What::File),
    Rule(Name::Numbered("node"), What::Link),
    // 1, as of every CPU that is shown; a CPU that cannot be taken offline has no such file.
    Rule(Name::Is("online"), What::File),
    Rule(Name::Is("polarization"), What::File),
    Rule(
        Name::Is("regs"),
        What::Directory(&[Rule(Name::Is("identification"), What::Directory(FILES))]),
    ),
    Rule(Name::Is("subsystem"), What::Link),
    Rule(Name::Is("topology"), What::Directory(SIBLINGS)),
    Rule(Name::Is("uevent"), What::File),
];

const CACHE: &[Rule] = &[
    Rule(Name::Numbered("index"), What::Directory(SIBLINGS)),
    Rule(Name::Is("uevent"), What::File),
];

impl Rule {
    fn is_for(self, name: &str) -> bool {
        match self.0 {
            Name::Is(whole) => name == whole,
            Name::Numbered(start) => name
                .strip_prefix(start)
                .is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())),
            Name::Any => !matches!(name, "" | "." | ".."),
        }
    }

    fn kind(self) -> EntryKind {
        match self.1 {
            What::File | What::Siblings => EntryKind::File,
            What::Link => EntryKind::Symlink,
            What::Directory(_) => EntryKind::Directory,
        }
    }
}

/// A place in the tree that is let through: what it is, and where the host has it.
struct Spot {
    what: What,
    host: PathBuf,
    /// In the directory of a CPU: which CPUs there are.
    model: Option<CpuModel>,
}

impl Spot {
    /// The place of a path, whether or not the host has it. No listed name has a `..` or a `/` in it.
    fn find(view: &ContainerView<'_>, below: &str) -> Result<Self, CaptureError> {
        let mut spot = Self {
            what: What::Directory(TOP),
            host: Path::new("/").join(DIR),
            model: None,
        };
        for (depth, name) in below.split('/').filter(|_| !below.is_empty()).enumerate() {
            match cpu_of_name(name.as_bytes()).filter(|_| depth == 0) {
                Some(number) => {
                    let model = view.cpus()?;
                    let cpu = model.host_cpu(number).ok_or_else(|| no_such_file(DIR, below))?;
                    spot.host.push(format!("cpu{cpu}"));
                    spot.what = What::Directory(CPU);
                    spot.model = Some(model);
                }
                None => {
                    let What::Directory(rules) = spot.what else {
                        return Err(no_such_file(DIR, below));
                    };
                    let rule = rules.iter().find(|rule| rule.is_for(name));
                    spot.what = rule.ok_or_else(|| no_such_file(DIR, below))?.1;
                    spot.host.push(name);
                }
            }
        }
        Ok(spot)
    }
}

/// A CPU that is shown has a directory; anything else is what its directory lists it as.
pub(super) fn kind(view: &ContainerView<'_>, below: &str) -> Result<EntryKind, CaptureError> {
    if below.is_empty() {
        return Ok(EntryKind::Directory);
    }
    if cpu_of_name(below.as_bytes()).is_some() && !view.options().passthrough {
        return Spot::find(view, below).map(|_| EntryKind::Directory);
    }
    let (above, name) = below.rsplit_once('/').unwrap_or(("", below));
    let entries = list(view, above)?;
    let entry = entries.iter().find(|entry| entry.name == name);
    entry.map(|entry| entry.kind).ok_or_else(|| no_such_file(DIR, below))
}

pub(super) fn list(view: &ContainerView<'_>, below: &str) -> Result<Vec<Entry>, CaptureError> {
    if view.options().passthrough {
        let dir = host_place(view, below, EntryKind::Directory)?;
        let entries = entries(view, &dir, below)?.into_iter();
        return Ok(entries.filter(|entry| entry.kind != EntryKind::PrivateFile).collect());
    }
    let spot = Spot::find(view, below)?;
    let What::Directory(rules) = spot.what else {
        return Err(no_such_file(DIR, below));
    };
    let host = match entries(view, &spot.host, below) {
        // The directories of CPUs that are shown are there, whatever a snapshot has of them.
        Err(CaptureError::NoSuchFile { .. }) if below.is_empty() || cpu_of_name(below.as_bytes()).is_some() => {
            Vec::new()
        }
        host => host?,
    };
    let mut shown = if below.is_empty() {
        top(&host, view.cpus()?.numbered())
    } else {
        Vec::new()
    };
    let is_let_through = |entry: &Entry| {
        rules
            .iter()
            .any(|rule| rule.is_for(&entry.name) && rule.kind() == entry.kind)
    };
    shown.extend(host.into_iter().filter(is_let_through));
    shown.sort();
    Ok(shown)
}

/// What stands at the top and is not the host's: the rows of the table, and the CPUs.
fn top(host: &[Entry], cpus: &CpuList) -> Vec<Entry> {
    // These two come from the host's file, which an old kernel may not have.
    let is_made =
        |name: &str| !matches!(name, "isolated" | "kernel_max") || host.iter().any(|entry| entry.name == name);
    let rows = TABLE
        .iter()
        .filter(|row| row.path.strip_prefix(DIR).is_some_and(|name| name.starts_with('/')))
        .filter(|row| is_made(row.name()))
        .map(|row| Entry {
            name: row.name().to_owned(),
            kind: EntryKind::File,
        });
    let cpus = cpus.iter().map(|cpu| Entry {
        name: format!("cpu{cpu}"),
        kind: EntryKind::Directory,
    });
    rows.chain(cpus).collect()
}

pub(super) fn produce(view: &ContainerView<'_>, below: &str, out: &mut Text) -> Result<(), CaptureError> {
    if let Some(file) = row(below) {
        return Place { file, below: "" }.produce(view, out);
    }
    if view.options().passthrough {
        out.push(view.source().read(&host_place(view, below, EntryKind::File)?)?);
        return Ok(());
    }
    let spot = Spot::find(view, below)?;
    let spelling = match spot.what {
        What::File => None,
        What::Siblings => below.rsplit('/').next().and_then(Spelling::of_name),
        What::Link | What::Directory(_) => return Err(no_such_file(DIR, below)),
    };
    check(view, &spot.host, below, EntryKind::File)?;
    let text = view.source().read(&spot.host)?;
    match (spelling, spot.model) {
        (Some(spelling), Some(model)) if !is_the_hosts(&model) => {
            let siblings = Siblings::parse(&text, spelling);
            siblings
                .map_err(|error| CaptureError::parse(spot.host, error))?
                .render(&model, out);
        }
        _ => {
            out.push(text);
        }
    }
    Ok(())
}

pub(super) fn read_link(view: &ContainerView<'_>, below: &str) -> Result<PathBuf, CaptureError> {
    let host = if view.options().passthrough {
        host_place(view, below, EntryKind::Symlink)?
    } else {
        let spot = Spot::find(view, below)?;
        let What::Link = spot.what else {
            return Err(no_such_file(DIR, below));
        };
        check(view, &spot.host, below, EntryKind::Symlink)?;
        spot.host
    };
    Ok(view.source().read_link(&host)?)
}

/// The row of the table that stands at that place.
fn row(below: &str) -> Option<&'static VirtualFile> {
    TABLE
        .iter()
        .find(|row| row.path.strip_prefix(DIR).and_then(|name| name.strip_prefix('/')) == Some(below))
}

/// Where the host has that place, as it is: of that kind, and not behind a link that leads elsewhere.
fn host_place(view: &ContainerView<'_>, below: &str, kind: EntryKind) -> Result<PathBuf, CaptureError> {
    let mut host = Path::new("/").join(DIR);
    let mut names = below.split('/').filter(|_| !below.is_empty()).peekable();
    if names.peek().is_none() && kind != EntryKind::Directory {
        return Err(no_such_file(DIR, below));
    }
    while let Some(name) = names.next() {
        host.push(name);
        let kind = if names.peek().is_some() {
            EntryKind::Directory
        } else {
            kind
        };
        check(view, &host, below, kind)?;
    }
    Ok(host)
}

/// That the host's directory lists this as an entry of that kind: a private file is none of kind `File`.
fn check(view: &ContainerView<'_>, host: &Path, below: &str, kind: EntryKind) -> Result<(), CaptureError> {
    let name = host.file_name().and_then(|name| name.to_str());
    let dir = host.parent().unwrap_or(Path::new("/"));
    let is_it = |entry: &Entry| Some(entry.name.as_str()) == name && entry.kind == kind;
    match entries(view, dir, below)?.iter().any(is_it) {
        true => Ok(()),
        false => Err(no_such_file(DIR, below)),
    }
}

fn entries(view: &ContainerView<'_>, dir: &Path, below: &str) -> Result<Vec<Entry>, CaptureError> {
    view.source().list(dir).map_err(|error| match error.kind {
        SourceErrorKind::NotFound => no_such_file(DIR, below),
        _ => error.into(),
    })
}
