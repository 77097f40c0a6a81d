//! What was done for each container, counted in the memory that outlives this process: accounts, each at a place of its own.
//!
//! An account belongs to the record of a container, whose number is its first word and is written last. Who counts adds to
//! words and takes no lock. Who looks at it, in whatever process, reads all of it and then the number once more.
//!
//! It lies where [the room](super::room) has its last blocks, which are taken last: a program that does not know of accounts
//! may write there, or give the pages back, and so may have one before this. Then all begin anew, and nothing else is lost.
//!
//! Files have the places in an account that were given to their names, which are written down too: another version has others.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Store;
use super::layout::{
    ACCOUNT, ACCOUNTS, ACCOUNTS_BYTES, ACCOUNTS_MAGIC, ACCOUNTS_USED, AT_ACCOUNTS, AT_NAMES, FIRST_ACCOUNTS_BLOCK,
    NAME, NAMES, NAMES_USED, account,
};
use super::memory::{Memory, WORD};
use super::space::Extent;
use crate::status::{CLASSES, Latency, class_of};

/// The words of an account, up to where the cgroup is.
mod at {
    use super::{CLASSES, NAMES};

    /// The number of the container's record; 0 for nobody's.
    pub(super) const RECORD: usize = 0;
    pub(super) const PID: usize = 1;
    pub(super) const MET: usize = 2;
    pub(super) const ASKED: usize = 3;
    pub(super) const ERRORS: usize = 4;
    pub(super) const TIME: usize = 5;
    /// How many bytes the path of the cgroup has, with those that are not here.
    pub(super) const LENGTH: usize = 6;
    pub(super) const READS: usize = 8;
    pub(super) const LATENCY: usize = READS + NAMES;
    pub(super) const CGROUP: usize = LATENCY + CLASSES;
}

/// How much of a path there is room for.
const PATH: usize = (ACCOUNT - at::CGROUP) * WORD;

/// Whose account it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Owner<'o> {
    /// The first process.
    pub(crate) pid: Option<u32>,
    /// The path of the cgroup. Of a long one the end is kept.
    pub(crate) cgroup: &'o [u8],
    /// When it was met: `CLOCK_BOOTTIME` in milliseconds.
    pub(crate) met: u64,
}

/// An account that somebody has looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Balance {
    pub(crate) pid: Option<u32>,
    pub(crate) cgroup: Vec<u8>,
    /// Whether that is only the end of the path.
    pub(crate) is_cut: bool,
    pub(crate) met: u64,
    pub(crate) asked: u64,
    /// By the places of names.
    pub(crate) reads: Vec<u64>,
    pub(crate) errors: u64,
    pub(crate) latency: Latency,
}

/// Where the account of a container is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Account {
    number: u32,
    record: u64,
}

/// Which accounts are free.
#[derive(Debug, Default)]
pub(super) struct Accounts {
    /// Without, their place is that of records.
    are_there: bool,
    free: Mutex<Free>,
    /// That there is none any more has been said.
    is_said: AtomicBool,
}

#[derive(Debug, Default)]
struct Free {
    /// The lowest is taken first.
    numbers: BTreeSet<u32>,
    by_record: HashMap<u64, u32>,
}

impl Accounts {
    /// The blocks that accounts take.
    pub(super) fn extents() -> [Extent; 2] {
        let order = super::layout::MOST_ORDER;
        let first = Extent {
            at: FIRST_ACCOUNTS_BLOCK,
            order,
        };
        [first, Extent { at: first.end(), order }]
    }

    /// Those that are there, if they belong to a container that is. None where records lie in their place.
    pub(super) fn over(memory: &Memory, has_place: bool, is_known: impl Fn(u64) -> bool) -> Self {
        let accounts = Self {
            are_there: has_place && begin(memory),
            ..Self::default()
        };
        if !accounts.are_there {
            tracing::info!("what is done for single containers is not counted until the next start");
            return accounts;
        }
        let mut free = accounts.lock();
        for number in 0..ACCOUNTS {
            let record = if u64::from(number) < used(memory) {
                record_of(memory, number)
            } else {
                0
            };
            if record != 0 && is_known(record) {
                free.by_record.insert(record, number);
                continue;
            }
            if record != 0 {
                close(memory, number);
            }
            free.numbers.insert(number);
        }
        drop(free);
        accounts
    }

    fn lock(&self) -> MutexGuard<'_, Free> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes the place one for accounts, if it is not. Answers whether it is.
fn begin(memory: &Memory) -> bool {
    let Some(magic) = memory.word(AT_ACCOUNTS) else {
        return false;
    };
    if magic.load(Ordering::Acquire) == ACCOUNTS_MAGIC {
        return true;
    }
    // Whatever somebody else has left here is nobody's.
    let is_empty = memory.punch(AT_ACCOUNTS.saturating_mul(WORD), ACCOUNTS_BYTES);
    if let Err(error) = &is_empty {
        tracing::warn!(%error, "cannot empty memory");
    }
    if is_empty.is_ok() {
        magic.store(ACCOUNTS_MAGIC, Ordering::Release);
    }
    is_empty.is_ok()
}

/// How many accounts have ever been in use.
fn used(memory: &Memory) -> u64 {
    let used = memory
        .word(ACCOUNTS_USED)
        .map_or(0, |used| used.load(Ordering::Acquire));
    used.min(ACCOUNTS.into())
}

fn words(memory: &Memory, number: u32) -> &[AtomicU64] {
    memory.part(account(number), ACCOUNT)
}

fn load(words: &[AtomicU64], at: usize) -> u64 {
    words.get(at).map_or(0, |word| word.load(Ordering::Relaxed))
}

fn add(words: &[AtomicU64], at: usize, number: u64) {
    if let Some(word) = words.get(at) {
        word.fetch_add(number, Ordering::Relaxed);
    }
}

fn record_of(memory: &Memory, number: u32) -> u64 {
    let record = memory.word(account(number));
    record.map_or(0, |record| record.load(Ordering::Acquire))
}

/// It is nobody's. What is written after this is seen by nobody who still sees the record.
fn close(memory: &Memory, number: u32) {
    if let Some(record) = memory.word(account(number)) {
        record.store(0, Ordering::Release);
        fence(Ordering::SeqCst);
    }
}

impl Store {
    /// The places of these names, which stay theirs. `None` where there is none left.
    pub(crate) fn places<'n>(&self, names: impl Iterator<Item = &'n str>) -> Vec<Option<usize>> {
        if !self.accounts.are_there {
            return names.map(|_| None).collect();
        }
        let mut known = names_in(&self.memory);
        let mut place = |name: &str| {
            let found = known.iter().position(|known| known == name);
            if found.is_some() || known.len() >= NAMES || name.len() > NAME * WORD {
                return found;
            }
            let place = known.len();
            self.memory.write(name_at(place), name.as_bytes());
            known.push(name.to_owned());
            let count = u64::try_from(known.len()).unwrap_or(0);
            if let Some(used) = self.memory.word(NAMES_USED) {
                used.store(count, Ordering::Release);
            }
            Some(place)
        };
        names.map(&mut place).collect()
    }

    /// The account of the container with that record; a new one if it has none. `None` if there is none left.
    pub(crate) fn open_account(&self, record: u64, owner: Owner<'_>) -> Option<Account> {
        let mut free = self.accounts.lock();
        if let Some(number) = free.by_record.get(&record) {
            return Some(Account {
                number: *number,
                record,
            });
        }
        let Some(number) = free.numbers.pop_first() else {
            drop(free);
            if !self.accounts.is_said.swap(true, Ordering::Relaxed) {
                tracing::warn!(
                    most = ACCOUNTS,
                    "more containers than accounts: the others are counted in the totals only"
                );
            }
            return None;
        };
        free.by_record.insert(record, number);
        drop(free);
        if let Some(used) = self.memory.word(ACCOUNTS_USED) {
            used.fetch_max(u64::from(number).saturating_add(1), Ordering::AcqRel);
        }
        let words = words(&self.memory, number);
        for word in words {
            word.store(0, Ordering::Relaxed);
        }
        let begin = owner.cgroup.len().saturating_sub(PATH);
        let path = owner.cgroup.get(begin..).unwrap_or_default();
        self.memory.write(account(number).saturating_add(at::CGROUP), path);
        let facts = [
            (at::PID, owner.pid.map_or(0, u64::from)),
            (at::MET, owner.met),
            (at::ASKED, owner.met),
            (at::LENGTH, u64::try_from(owner.cgroup.len()).unwrap_or(0)),
        ];
        for (at, fact) in facts {
            add(words, at, fact);
        }
        if let Some(whole) = words.get(at::RECORD) {
            whole.store(record, Ordering::Release);
        }
        Some(Account { number, record })
    }

    /// Closes the account of the container with that record.
    pub(super) fn close_account(&self, record: u64) {
        let mut free = self.accounts.lock();
        if let Some(number) = free.by_record.remove(&record) {
            close(&self.memory, number);
            free.numbers.insert(number);
        }
    }

    /// A text was given: that of the file with that place, after so many nanoseconds. `asked` is in milliseconds.
    pub(crate) fn count_read(&self, of: Account, place: Option<usize>, time_ns: u64, asked: u64) {
        if let Some(words) = self.counts_of(of, asked) {
            if let Some(place) = place.filter(|place| *place < NAMES) {
                add(words, at::READS.saturating_add(place), 1);
            }
            count_time(words, time_ns);
        }
    }

    /// An error was given; with the time that somebody has waited for a text and got none.
    pub(crate) fn count_error(&self, of: Account, waited_ns: Option<u64>, asked: u64) {
        if let Some(words) = self.counts_of(of, asked) {
            add(words, at::ERRORS, 1);
            if let Some(time_ns) = waited_ns {
                count_time(words, time_ns);
            }
        }
    }

    /// The account, if it has not been closed meanwhile, and is another one's.
    fn counts_of(&self, of: Account, asked: u64) -> Option<&[AtomicU64]> {
        let words = words(&self.memory, of.number);
        if load(words, at::RECORD) != of.record {
            return None;
        }
        words.get(at::ASKED)?.fetch_max(asked, Ordering::Relaxed);
        Some(words)
    }
}

fn count_time(words: &[AtomicU64], time_ns: u64) {
    add(words, at::TIME, time_ns);
    add(words, at::LATENCY.saturating_add(class_of(time_ns)), 1);
}

/// The names that have places.
pub(super) fn names_in(memory: &Memory) -> Vec<String> {
    if !has_accounts(memory) {
        return Vec::new();
    }
    let used = memory.word(NAMES_USED).map_or(0, |used| used.load(Ordering::Acquire));
    let used = usize::try_from(used).unwrap_or(NAMES).min(NAMES);
    let name = |place| {
        let bytes = memory.read(name_at(place), NAME.saturating_mul(WORD));
        let length = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
        String::from_utf8_lossy(bytes.get(..length).unwrap_or_default()).into_owned()
    };
    (0..used).map(name).collect()
}

fn name_at(place: usize) -> usize {
    AT_NAMES.saturating_add(place.saturating_mul(NAME))
}

fn has_accounts(memory: &Memory) -> bool {
    let magic = memory.word(AT_ACCOUNTS);
    magic.is_some_and(|magic| magic.load(Ordering::Acquire) == ACCOUNTS_MAGIC)
}

/// All accounts, as they are while others count.
pub(super) fn all(memory: &Memory) -> Vec<Balance> {
    if !has_accounts(memory) {
        return Vec::new();
    }
    let numbers = (0..ACCOUNTS).take_while(|number| u64::from(*number) < used(memory));
    numbers.filter_map(|number| balance(memory, number)).collect()
}

fn balance(memory: &Memory, number: u32) -> Option<Balance> {
    let words = words(memory, number);
    let record = record_of(memory, number);
    if record == 0 {
        return None;
    }
    let many = |from: usize, count: usize| -> Vec<u64> { (from..).take(count).map(|at| load(words, at)).collect() };
    let length = usize::try_from(load(words, at::LENGTH)).unwrap_or(usize::MAX);
    let balance = Balance {
        pid: u32::try_from(load(words, at::PID)).ok().filter(|pid| *pid != 0),
        cgroup: memory.read(account(number).saturating_add(at::CGROUP), length.min(PATH)),
        is_cut: length > PATH,
        met: load(words, at::MET),
        asked: load(words, at::ASKED),
        reads: many(at::READS, NAMES),
        errors: load(words, at::ERRORS),
        latency: Latency::of(many(at::LATENCY, CLASSES), load(words, at::TIME)),
    };
    // Else it has become another one's meanwhile.
    fence(Ordering::Acquire);
    (record_of(memory, number) == record).then_some(balance)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_parts_have_room_in_an_account_and_names_of_files_in_theirs() {
        const { assert!(at::CGROUP < ACCOUNT && PATH >= 512) };
        assert!(lxcfs_core::TABLE.len() <= NAMES);
        assert!(lxcfs_core::TABLE.iter().all(|row| row.path.len() <= NAME * WORD));
        let [first, second] = Accounts::extents();
        assert!(first.is_there() && second.is_there());
        assert_eq!(usize::try_from(second.end()).unwrap(), super::super::layout::BLOCKS);
    }
}
