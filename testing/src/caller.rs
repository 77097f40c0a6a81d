//! Where a command runs: in which container, in which cgroup, with which files mounted.

use std::fmt::Write as _;
use std::process::Command;

use crate::act::words_of_act;
use crate::cgroup::Cgroup;
use crate::container::Container;
use crate::files::Files;
use crate::pid_namespace::Birth;
use crate::running::{Finished, Running};

/// Where a command runs.
#[derive(Debug, Clone, Copy, Default)]
pub struct Caller<'a> {
    container: Option<&'a Container<'a>>,
    cgroup: Option<&'a Cgroup>,
    files_of: Option<&'a Files>,
}

impl<'a> Caller<'a> {
    /// On the host, where this process is.
    #[must_use]
    pub fn host() -> Self {
        Self::default()
    }

    /// In the namespaces of that container.
    #[must_use]
    pub(crate) fn of(container: &'a Container<'a>) -> Self {
        Self {
            container: Some(container),
            ..Self::default()
        }
    }

    /// In that cgroup.
    #[must_use]
    pub fn within(self, cgroup: &'a Cgroup) -> Self {
        Self {
            cgroup: Some(cgroup),
            ..self
        }
    }

    /// In a mount namespace of its own, with a `/proc` of its pid namespace and these files, such as a daemon's, over it and
    /// over `/sys`.
    #[must_use]
    pub fn with_files_of(self, files: &'a Files) -> Self {
        Self {
            files_of: Some(files),
            ..self
        }
    }

    /// Starts a command.
    #[must_use]
    pub fn start(self, words: &[&str]) -> Running<'a> {
        let mut command = if self.files_of.is_some() {
            let mut command = Command::new("unshare");
            command.args(["--mount", "--propagation", "private", "sh"]);
            command
        } else {
            Command::new("sh")
        };
        // $@ is the command.
        command.args(["-c", &self.script(), "sh"]).args(words);
        let birth = self
            .container
            .map_or(Birth::Here, |container| Birth::In(container.namespace()));
        Running::start_at(birth, command)
    }

    /// Runs a command to its end.
    #[must_use]
    pub fn run(self, words: &[&str]) -> Finished {
        self.start(words).finish()
    }

    /// What a command says; it is to end well.
    pub fn text(self, words: &[&str]) -> String {
        self.run(words).well().text()
    }

    /// Reads a file.
    pub fn read(self, path: &str) -> String {
        self.text(&["cat", path])
    }

    /// Starts one of the acts of this test program.
    #[must_use]
    pub fn act(self, name: &str, arguments: &[&str]) -> Running<'a> {
        let words = words_of_act(name, arguments);
        self.start(&words.iter().map(String::as_str).collect::<Vec<_>>())
    }

    fn script(self) -> String {
        let mut script = "set -e\n".to_owned();
        for procs in self.cgroup.iter().flat_map(|cgroup| cgroup.procs()) {
            let _ = writeln!(script, "echo 0 > '{}'", procs.display());
        }
        // The number of the first process in the numbering of the mounted /proc.
        let mut init = self.container.map(Container::init);
        if let Some(files) = self.files_of {
            let _ = writeln!(script, "mount -t proc proc /proc");
            for (from, to) in files.binds() {
                let _ = writeln!(script, "mount --bind '{from}' '{to}'");
            }
            init = init.map(|_| 1);
        }
        match (self.container.is_some_and(Container::is_unprivileged), init) {
            (true, Some(init)) => {
                let _ = writeln!(script, "exec nsenter --user=/proc/{init}/ns/user \"$@\"");
            }
            _ => script.push_str("exec \"$@\"\n"),
        }
        script
    }
}
