//! `lxcfs-cli doctor`: a look at this machine, and for whatever does not work the command that mends it.

mod cgroups;
mod command;
mod containers;
mod finding;
mod fuse;
mod here;
mod kernel;
mod mounts;
mod nri;
mod runtimes;

use std::io::Write;
use std::time::Duration;

use clap::ValueEnum;
use serde_json::json;

use crate::args::Doctor;
use crate::failure::Failure;
use crate::list::{table, write_table};
use finding::{Finding, Grade};

/// How long a file system or a program may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// What belongs together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Group {
    /// What the kernel can do
    Kernel,
    /// Whether there is FUSE
    Fuse,
    /// How cgroups are mounted
    Cgroups,
    /// Which container runtimes are installed
    Runtimes,
    /// Whether they let plugins add mounts
    Nri,
    /// Whether the daemon's mounts are served
    Mounts,
    /// Which containers have the daemon's files
    Containers,
    /// What this container sees
    #[value(skip)]
    Here,
}

impl Group {
    fn name(self) -> &'static str {
        match self {
            Self::Kernel => "kernel",
            Self::Fuse => "fuse",
            Self::Cgroups => "cgroups",
            Self::Runtimes => "runtimes",
            Self::Nri => "nri",
            Self::Mounts => "mounts",
            Self::Containers => "containers",
            Self::Here => "here",
        }
    }

    fn check(self, doctor: &Doctor) -> Vec<Finding> {
        match self {
            Self::Kernel => kernel::check(),
            Self::Fuse => fuse::check(),
            Self::Cgroups => cgroups::check(),
            Self::Runtimes => runtimes::check(),
            Self::Nri => nri::check(),
            Self::Mounts => mounts::check(doctor.mountpoint.as_deref()),
            Self::Containers => containers::check(),
            Self::Here => here::check(),
        }
    }
}

/// Looks and says what was found; answers whether all is well.
pub(crate) fn doctor(doctor: &Doctor, out: &mut dyn Write) -> Result<bool, Failure> {
    let groups: Vec<Group> = match (doctor.here, doctor.only.as_slice()) {
        (true, _) => vec![Group::Here],
        (false, []) => Group::value_variants().to_vec(),
        (false, only) => only.to_vec(),
    };
    let found: Vec<(Group, Finding)> = groups
        .into_iter()
        .flat_map(|group| group.check(doctor).into_iter().map(move |finding| (group, finding)))
        .collect();
    let healthy = !found.iter().any(|(_, finding)| finding.grade == Grade::Bad);
    if doctor.json {
        let findings: Vec<_> = found
            .iter()
            .map(|(group, finding)| {
                json!({
                    "group": group.name(),
                    "state": finding.grade.name(),
                    "what": finding.what,
                    "mend": finding.mend,
                    "pid": finding.pid,
                })
            })
            .collect();
        writeln!(out, "{:#}", json!({"healthy": healthy, "findings": findings}))?;
    } else {
        let mut table = table(["GROUP", "STATE", "WHAT"]);
        for (group, finding) in &found {
            table.add_row([group.name(), finding.grade.name(), &finding.what]);
            if let Some(mend) = &finding.mend {
                table.add_row(["", "", &format!("  mend: {mend}")]);
            }
        }
        write_table(&table, out)?;
    }
    out.flush()?;
    Ok(healthy)
}
