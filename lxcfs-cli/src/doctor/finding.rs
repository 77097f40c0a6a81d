//! What a check has found.

use lxcfs_core::Pid;

/// How it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Grade {
    /// As it should be.
    Ok,
    /// It works, with something missing.
    Warn,
    /// It does not work.
    Bad,
}

impl Grade {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Bad => "bad",
        }
    }
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) grade: Grade,
    pub(super) what: String,
    /// A command, or what else is to be done.
    pub(super) mend: Option<String>,
    /// The container's process, if it is about one.
    pub(super) pid: Option<Pid>,
}

impl Finding {
    pub(super) fn ok(what: impl Into<String>) -> Self {
        Self::of(Grade::Ok, what)
    }

    pub(super) fn warn(what: impl Into<String>) -> Self {
        Self::of(Grade::Warn, what)
    }

    pub(super) fn bad(what: impl Into<String>) -> Self {
        Self::of(Grade::Bad, what)
    }

    fn of(grade: Grade, what: impl Into<String>) -> Self {
        Self {
            grade,
            // Some of it comes from containers: nothing of that is for the terminal to obey.
            what: what.into().replace(char::is_control, "?"),
            mend: None,
            pid: None,
        }
    }

    /// What mends it.
    pub(super) fn mend(self, command: impl Into<String>) -> Self {
        Self {
            mend: Some(command.into()),
            ..self
        }
    }

    /// Which process it is about.
    pub(super) fn about(self, pid: Pid) -> Self {
        Self { pid: Some(pid), ..self }
    }
}
