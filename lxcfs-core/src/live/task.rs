//! What a process says of itself in `/proc/PID/status` and `/proc/PID/stat`.
//!
//! # References
//!
//! `proc(5)`; `fs/proc/array.c`.

use crate::container::Pid;
use crate::error::ParseError;
use crate::parse;

/// Where a process stands among the pid namespaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Task {
    /// Its parent; 0 where that is outside the namespace of this `/proc`.
    pub(super) parent: Pid,
    /// The number of its thread group in every namespace, from that of this `/proc` down to its own.
    group: Vec<Pid>,
}

impl Task {
    /// Parses a `/proc/PID/status`.
    ///
    /// `NStgid` and not `NSpid`, although both are there since Linux 4.1: the caller of a read is a thread, and only the
    /// number of its group says whether it is part of its namespace's first process.
    pub(super) fn parse(status: &[u8]) -> Result<Self, ParseError> {
        let numbers = |key: &[u8]| -> Option<Vec<Pid>> {
            let line = parse::lines(status).find_map(|line| line.strip_prefix(key))?;
            parse::words(line)
                .map(|word| Pid::try_from(parse::number(word)?).ok())
                .collect()
        };
        // A kernel built without pid namespaces has no NStgid; then all are in the one there is.
        let group = numbers(b"NStgid:")
            .or_else(|| numbers(b"Tgid:"))
            .filter(|group| !group.is_empty());
        let parent = numbers(b"PPid:").and_then(|parent| parent.first().copied());
        match (parent, group) {
            (Some(parent), Some(group)) => Ok(Self { parent, group }),
            _ => Err(ParseError::new("status", "lines `PPid:` and `NStgid:`", status)),
        }
    }

    /// How many namespaces have a number for it: 1 for a process in the namespace of this `/proc`.
    pub(super) fn depth(&self) -> usize {
        self.group.len()
    }

    /// The process, if this is a thread of it, in the numbering of this `/proc`.
    pub(super) fn leader(&self) -> Option<Pid> {
        self.group.first().copied()
    }

    /// Whether it is the first process of its own namespace.
    pub(super) fn is_first(&self) -> bool {
        self.group.last() == Some(&1)
    }
}

/// When a process started, in ticks since boot: field 22 of a `/proc/PID/stat`.
///
/// The second field is the process's name in parentheses. A process chooses its name, parentheses, spaces and newlines
/// included, so fields are counted from the last closing parenthesis.
pub(super) fn start_ticks(stat: &[u8]) -> Result<u64, ParseError> {
    stat.iter()
        .rposition(|byte| *byte == b')')
        .and_then(|at| stat.get(at..)?.get(1..))
        .and_then(|rest| parse::words(rest).nth(22_usize.saturating_sub(3)))
        .and_then(parse::number)
        .ok_or_else(|| ParseError::new("stat", "22 fields, the last one a number", stat))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_process_can_be_anything() {
        let fields = "S 1 2 3 0 -1 4194560 5 6 7 8 9 10 11 12 20 0 1 0 4242 999 1";
        for name in ["sleep", "a b", "a) S 1 (b", ")))", "x\n7 (y) R 1", ""] {
            let stat = format!("77 ({name}) {fields}\n");
            assert_eq!(start_ticks(stat.as_bytes()).unwrap(), 4242, "{name:?}");
        }
    }

    #[test]
    fn a_stat_that_was_cut_off_is_an_error() {
        for stat in [
            "",
            "77",
            "77 (x",
            "77 (x)",
            "77 (x) S 1 2 3",
            "77 (x) S 1 2 3 0 -1 1 5 6 7 8 9 10 11 12 20 0 1 0 x",
        ] {
            assert!(start_ticks(stat.as_bytes()).is_err(), "{stat:?}");
        }
    }

    #[test]
    fn the_last_number_is_the_own_one() {
        let task = Task::parse(b"Name:\tsh\nTgid:\t9\nPid:\t9\nPPid:\t8\nNStgid:\t9\t4\t1\nNSpid:\t9\t4\t1\n").unwrap();
        assert_eq!(
            (task.parent, task.depth(), task.leader(), task.is_first()),
            (8, 3, Some(9), true)
        );
        let host = Task::parse(b"Tgid:\t1\nPPid:\t0\n").unwrap();
        assert_eq!((host.depth(), host.is_first()), (1, true));
    }

    #[test]
    fn a_thread_of_the_first_process_is_part_of_it() {
        let thread = Task::parse(b"Tgid:\t50\nPid:\t57\nPPid:\t8\nNStgid:\t50\t1\nNSpid:\t57\t8\n").unwrap();
        assert!(thread.is_first());
        assert_eq!(thread.leader(), Some(50));
    }

    #[test]
    fn a_status_without_its_lines_is_an_error() {
        for status in ["", "Name:\tx\n", "PPid:\t1\nNStgid:\n", "PPid:\tx\nTgid:\t1\n"] {
            assert!(Task::parse(status.as_bytes()).is_err(), "{status:?}");
        }
    }
}
