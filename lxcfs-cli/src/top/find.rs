//! The containers of this machine: the pid namespaces other than ours, each known by its first process.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use lxcfs_core::live::{Resolver, still_running};
use lxcfs_core::{Container, Init, Pid, Source, SourceError, SourceErrorKind};

/// The pid namespaces that were found before.
#[derive(Debug, Default)]
pub(super) struct Known {
    inits: HashMap<PathBuf, Init>,
}

/// What a walk through all processes has found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) containers: Vec<Container>,
    /// Processes that we may not look at.
    pub(super) secret: usize,
}

impl Known {
    /// Goes through all processes. Those that end meanwhile are left out.
    pub(super) fn find<S: Source>(&mut self, source: &S, resolver: &Resolver<S>) -> Result<Found, SourceError> {
        let ours = source.read_link(Path::new("/proc/self/ns/pid")).ok();
        let mut found = Found::default();
        let mut seen: HashMap<PathBuf, Option<Init>> = HashMap::new();
        for name in source.list_directories(Path::new("/proc"))? {
            let Ok(pid) = name.parse::<Pid>() else { continue };
            let namespace = match source.read_link(&PathBuf::from(format!("/proc/{pid}/ns/pid"))) {
                Ok(namespace) => namespace,
                // Of those with more capabilities than ours the link may not be read; most are the host's all the same.
                Err(error) if error.kind == SourceErrorKind::PermissionDenied => {
                    let is_secret = resolver.container_of(pid).is_err();
                    found.secret = found.secret.saturating_add(usize::from(is_secret));
                    continue;
                }
                Err(_) => continue,
            };
            // One that could not be resolved through the one process may be through the next.
            if Some(&namespace) == ours.as_ref() || seen.get(&namespace).is_some_and(Option::is_some) {
                continue;
            }
            let init = self.init(source, resolver, &namespace, pid);
            seen.insert(namespace, init);
        }
        self.inits = seen
            .into_iter()
            .filter_map(|(namespace, init)| Some((namespace, init?)))
            .collect();
        let containers = self.inits.values().map(|init| resolver.container_of(init.pid));
        found.containers = containers.filter_map(Result::ok).collect();
        Ok(found)
    }

    fn init<S: Source>(&self, source: &S, resolver: &Resolver<S>, namespace: &Path, pid: Pid) -> Option<Init> {
        let known = self.inits.get(namespace).copied();
        known
            .filter(|init| still_running(source, *init))
            .or_else(|| resolver.container_of(pid).ok()?.init)
    }
}
