//! The trees that are compared, and the daemons that serve them.

mod daemon;
mod null;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::args::Args;
use crate::failure::Failure;
use crate::fleet::Fleet;
use crate::order::Target;
use crate::process::{Spent, Tree};
use crate::virtual_file::VirtualFile;
pub(crate) use daemon::Daemon;
pub(crate) use null::serve_null;

/// The name of the floor, which others are compared with.
pub(crate) const NULL: &str = "null";
/// The name of the other base.
pub(crate) const LXCFS: &str = "lxcfs";
const HOST: &str = "host";

/// One tree.
#[derive(Debug)]
pub(crate) struct Candidate {
    pub(crate) name: String,
    root: PathBuf,
    /// Whoever serves it, if that is known.
    pub(crate) tree: Option<Tree>,
    /// If we have started it.
    pub(crate) daemon: Option<Daemon>,
}

impl Candidate {
    pub(crate) fn target(&self, file: &VirtualFile) -> Target {
        Target {
            name: file.name.clone(),
            path: self.root.join(file.path()),
            may_be_empty: file.may_be_empty(),
        }
    }

    pub(crate) fn spent(&self) -> Option<Spent> {
        self.tree.as_ref().map(Tree::spent)
    }

    /// Whether it is to show each container something of its own.
    pub(crate) fn virtualises(&self) -> bool {
        self.name != NULL && self.name != HOST
    }

    fn started(name: &str, daemon: Daemon) -> Self {
        let tree = Some(daemon.tree().clone());
        Self {
            name: name.to_owned(),
            root: daemon.mount().to_path_buf(),
            tree,
            daemon: Some(daemon),
        }
    }

    fn host() -> Self {
        Self {
            name: HOST.to_owned(),
            root: PathBuf::from("/"),
            tree: None,
            daemon: None,
        }
    }
}

/// Starts all that were asked for. `outer_proc` is where pids from the command line mean something.
pub(crate) fn start_all(
    args: &Args,
    fleet: &mut Fleet,
    dir: &Path,
    outer_proc: &Path,
) -> Result<Vec<Candidate>, Failure> {
    let mut all = Vec::new();
    for mount in &args.mount {
        let tree = mount.pid.map(|pid| Tree::of(outer_proc.to_path_buf(), pid));
        all.push(Candidate {
            name: mount.name.clone(),
            root: mount.path.clone(),
            tree,
            daemon: None,
        });
    }
    if let Some(binary) = &args.ours {
        let daemon = Daemon::start("ours", binary, &args.ours_args, dir)?;
        all.push(Candidate::started("ours", daemon));
        let name = "ours-nocoalesce";
        let more = ["--coalesce", "0"].map(OsString::from);
        let arguments: Vec<_> = args.ours_args.iter().cloned().chain(more).collect();
        match Daemon::start(name, binary, &arguments, dir) {
            Ok(daemon) => all.push(Candidate::started(name, daemon)),
            Err(failure) => crate::note(&format_args!("{name} is left out: {failure}")),
        }
    }
    if let Some(binary) = &args.lxcfs {
        let daemon = Daemon::start(LXCFS, binary, &args.lxcfs_arg, dir)?;
        all.push(Candidate::started(LXCFS, daemon));
    }
    if args.host {
        all.push(Candidate::host());
    }
    if args.floor {
        let texts = texts(&args.files, &all, fleet)?;
        let daemon = null::start(args.floor_threads, &texts, dir)?;
        // First, as it is the base.
        all.insert(0, Candidate::started(NULL, daemon));
    }
    if all.is_empty() {
        return Err(Failure::wrong(
            "nothing to read: see --mount, --ours, --lxcfs, --floor, --host",
        ));
    }
    Ok(all)
}

/// For each file, what the first candidate that has it shows; failing that, the host's own text.
fn texts(files: &[VirtualFile], candidates: &[Candidate], fleet: &mut Fleet) -> Result<null::Texts, Failure> {
    let host = Candidate::host();
    let mut texts = null::Texts::new();
    for file in files {
        for candidate in candidates.iter().chain([&host]) {
            if let Ok(text) = fleet.fetch(&candidate.target(file).path)? {
                texts.push((file.path().to_path_buf(), text));
                break;
            }
        }
    }
    Ok(texts)
}
