//! One thread's look at files: calls are timed, failures counted, texts checked.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use nix::errno::Errno;

use super::check::{check, shape};
use super::clock::now;
use super::counters::{Counters, counters, fallen, raise};
use super::report::Report;
use super::told::{Shown, Told};

/// Larger than any text.
const WHOLE: usize = 1 << 17;

/// A connection was lost: who serves another one knows nothing of it.
#[derive(Debug)]
pub(crate) struct Lost;

/// What all threads of a process know.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) told: Told,
    /// How each file looked when nothing happened.
    forms: BTreeMap<String, String>,
    /// What each file's counters have reached. Whoever begins to read then reads no less.
    reached: Mutex<BTreeMap<String, Counters>>,
}

impl Known {
    /// Reads all files once, while nothing happens. What cannot be read then is not read later.
    pub(crate) fn of(mut told: Told) -> io::Result<Self> {
        let mut forms = BTreeMap::new();
        let mut there = Vec::new();
        for shown in &told.files {
            match std::fs::read_to_string(&shown.path) {
                Ok(text) => {
                    forms.insert(shown.name.clone(), shape(&text));
                    there.push(shown.clone());
                }
                // Pressure on cgroup v1, and what the host's kernel does not have.
                Err(error) if number(&error) == Errno::EOPNOTSUPP => {}
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        told.files = there;
        Ok(Self {
            told,
            forms,
            reached: Mutex::default(),
        })
    }

    /// About how long a file's text is.
    pub(crate) fn length(&self, shown: &Shown) -> usize {
        self.forms.get(&shown.name).map_or(0, String::len)
    }

    fn reached(&self, file: &str) -> Counters {
        let all = self.reached.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(file).cloned().unwrap_or_default()
    }

    fn has_reached(&self, file: &str, counters: &Counters) {
        let mut all = self.reached.lock().unwrap_or_else(PoisonError::into_inner);
        raise(all.entry(file.to_owned()).or_default(), counters);
    }
}

/// One thread's look at files.
#[derive(Debug)]
pub(crate) struct Look<'k> {
    pub(crate) known: &'k Known,
    pub(crate) report: Report,
    /// What it does at the moment, for who wonders whether it is stuck.
    doing: &'k Mutex<String>,
}

/// A text that is being read, and what counters had reached before.
#[derive(Debug)]
pub(crate) struct Begun {
    before: Counters,
}

impl<'k> Look<'k> {
    pub(crate) fn new(known: &'k Known, doing: &'k Mutex<String>) -> Self {
        Self {
            known,
            report: Report::default(),
            doing,
        }
    }

    /// Opens a file. None if that failed, which is counted.
    pub(crate) fn open(&mut self, shown: &Shown) -> Result<Option<File>, Lost> {
        self.timed("open", shown, || File::open(&shown.path))
    }

    /// Reads a piece. None if that failed, which is counted.
    pub(crate) fn piece(
        &mut self,
        shown: &Shown,
        file: &File,
        offset: usize,
        size: usize,
    ) -> Result<Option<Vec<u8>>, Lost> {
        let offset = u64::try_from(offset).unwrap_or(u64::MAX);
        self.timed("pread", shown, || {
            let mut room = vec![0; size];
            let length = file.read_at(&mut room, offset)?;
            room.truncate(length);
            Ok(room)
        })
    }

    /// All from an offset on.
    pub(crate) fn rest(&mut self, shown: &Shown, file: &File, offset: usize) -> Result<Option<Vec<u8>>, Lost> {
        self.in_pieces(shown, file, offset, WHOLE)
    }

    /// All from an offset on, in pieces of that size, to the end: where nothing more comes.
    pub(crate) fn in_pieces(
        &mut self,
        shown: &Shown,
        file: &File,
        offset: usize,
        size: usize,
    ) -> Result<Option<Vec<u8>>, Lost> {
        let mut text = Vec::new();
        loop {
            let Some(piece) = self.piece(shown, file, offset.saturating_add(text.len()), size)? else {
                return Ok(None);
            };
            if piece.is_empty() {
                return Ok(Some(text));
            }
            text.extend(piece);
        }
    }

    /// To be called before the first piece is read.
    pub(crate) fn begin(&self, shown: &Shown) -> Begun {
        Begun {
            before: self.known.reached(&shown.name),
        }
    }

    /// Checks a text.
    pub(crate) fn text(&mut self, shown: &Shown, begun: &Begun, text: &[u8]) {
        self.report.texts = self.report.texts.saturating_add(1);
        let name = shown.name.as_str();
        let readable = String::from_utf8_lossy(text);
        let form = self.known.forms.get(name).map(String::as_str).unwrap_or_default();
        if let Err(what) = check(name, &readable, form, &self.known.told) {
            self.report.wrong(format!("{name}: {what}: {readable}"));
            return;
        }
        let counters = counters(name, &readable);
        // With a connection, what was known of a container is lost.
        let may_fall = self.known.told.may_be_lost;
        if let Some(what) = fallen(&begun.before, &counters).filter(|_| !may_fall) {
            self.report.wrong(format!("{name}: {what}"));
        }
        self.known.has_reached(name, &counters);
    }

    /// Compares what must be the same.
    pub(crate) fn same(&mut self, shown: &Shown, what: &str, first: &[u8], second: &[u8]) {
        if first != second {
            self.report.wrong(format!(
                "{}: {what}: {:?} and {:?}",
                shown.name,
                String::from_utf8_lossy(first),
                String::from_utf8_lossy(second)
            ));
        }
    }

    /// To be said before a call that may not come back.
    pub(crate) fn does(&self, call: &str, shown: &Shown) {
        let what = format!("{call} {}", shown.path.display());
        *self.doing.lock().unwrap_or_else(PoisonError::into_inner) = what;
    }

    /// And after it.
    pub(crate) fn does_nothing(&self) {
        self.doing.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Makes a call that the kernel itself may take long for: counts it, and its failure.
    pub(crate) fn slow<T>(
        &mut self,
        call: &str,
        shown: &Shown,
        make: impl FnOnce() -> io::Result<T>,
    ) -> Result<Option<T>, Lost> {
        self.does(call, shown);
        let made = make();
        self.report.call(Duration::ZERO, Duration::ZERO);
        self.made(call, shown, made)
    }

    /// Makes a call: counts it, and how long it takes, and its failure.
    pub(crate) fn timed<T>(
        &mut self,
        call: &str,
        shown: &Shown,
        make: impl FnOnce() -> io::Result<T>,
    ) -> Result<Option<T>, Lost> {
        self.does(call, shown);
        let began = now();
        let made = make();
        self.report.call(began, now().saturating_sub(began));
        self.made(call, shown, made)
    }

    fn made<T>(&mut self, call: &str, shown: &Shown, made: io::Result<T>) -> Result<Option<T>, Lost> {
        self.does_nothing();
        match made {
            Ok(made) => Ok(Some(made)),
            Err(error) => {
                let number = number(&error);
                self.report.error(
                    &format!("{number:?}"),
                    format!("{call} {}: {error}", shown.path.display()),
                );
                if self.known.told.may_be_lost && matches!(number, Errno::ENOTCONN | Errno::ECONNABORTED) {
                    return Err(Lost);
                }
                Ok(None)
            }
        }
    }
}

fn number(error: &io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::UnknownErrno, Errno::from_raw)
}
