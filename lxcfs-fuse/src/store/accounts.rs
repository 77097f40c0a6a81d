//! Accounts of containers in the memory that outlives this process: which is whose, and which number in it is which file's.
//!
//! They lie where [the room](super::room) has its last blocks, which are taken last: a program that does not know of accounts
//! may write there, or give the pages back, and so may have one before this. Then all begin anew, and nothing else is lost.
//!
//! Files have the places in an account that were given to their names, which are written down too: another version has others.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};

use super::account::{Balance, Owner, Words};
use super::layout::{
    ACCOUNTS, ACCOUNTS_BYTES, ACCOUNTS_MAGIC, ACCOUNTS_USED, AT_ACCOUNTS, AT_NAMES, FIRST_ACCOUNTS_BLOCK, MOST_ORDER,
    NAME, NAMES, NAMES_USED,
};
use super::memory::{Memory, WORD};
use super::space::Extent;
use super::{Store, lock};

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
        let order = MOST_ORDER;
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
        let mut free = lock(&accounts.free);
        let used = used(memory);
        for number in 0..ACCOUNTS {
            let account = Words::of(memory, number);
            // What was never in use is not looked at: that would take pages.
            let record = if number < used { account.record() } else { 0 };
            if record != 0 && is_known(record) {
                free.by_record.insert(record, number);
                continue;
            }
            if record != 0 {
                account.close();
            }
            free.numbers.insert(number);
        }
        drop(free);
        accounts
    }

    /// Whether their place is not that of records.
    pub(super) fn are_there(&self) -> bool {
        self.are_there
    }

    fn free(&self) -> MutexGuard<'_, Free> {
        lock(&self.free)
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
            // All of it: a process before this one may have been killed while it wrote another.
            let mut bytes = name.as_bytes().to_vec();
            bytes.resize(NAME * WORD, 0);
            self.memory.write(name_at(place), &bytes);
            known.push(name.to_owned());
            // Said last: of a name that was written in part nobody knows.
            if let Some(used) = self.memory.word(NAMES_USED) {
                used.store(u64::try_from(known.len()).unwrap_or(0), Ordering::Release);
            }
            Some(place)
        };
        names.map(&mut place).collect()
    }

    /// The account of the container with that record; a new one if it has none. `None` if there is none left.
    pub(crate) fn open_account(&self, record: u64, owner: Owner<'_>) -> Option<Account> {
        let mut free = self.accounts.free();
        if let Some(number) = free.by_record.get(&record) {
            let number = *number;
            return Some(Account { number, record });
        }
        let Some(number) = free.numbers.pop_first() else {
            drop(free);
            if self.accounts.are_there && !self.accounts.is_said.swap(true, Ordering::Relaxed) {
                tracing::warn!(
                    most = ACCOUNTS,
                    "more containers than accounts: the others are in the totals only"
                );
            }
            return None;
        };
        free.by_record.insert(record, number);
        if let Some(used) = self.memory.word(ACCOUNTS_USED) {
            used.fetch_max(u64::from(number).saturating_add(1), Ordering::AcqRel);
        }
        // Not before it is whole is it closed again.
        Words::of(&self.memory, number).open(record, owner);
        drop(free);
        Some(Account { number, record })
    }

    /// Closes the account of the container with that record.
    pub(super) fn close_account(&self, record: u64) {
        let mut free = self.accounts.free();
        if let Some(number) = free.by_record.remove(&record) {
            Words::of(&self.memory, number).close();
            free.numbers.insert(number);
        }
    }

    /// A text was given: that of the file with that place, after so many nanoseconds. `asked` is in milliseconds.
    pub(crate) fn count_read(&self, of: Account, place: Option<usize>, time_ns: u64, asked: u64) {
        if let Some(account) = self.words_of(of) {
            account.is_asked(asked);
            if let Some(place) = place {
                account.add_read(place);
            }
            account.add_time(time_ns);
        }
    }

    /// An error was given; with the time that somebody has waited for a text and got none.
    pub(crate) fn count_error(&self, of: Account, waited_ns: Option<u64>, asked: u64) {
        if let Some(account) = self.words_of(of) {
            account.is_asked(asked);
            account.add_error();
            if let Some(time_ns) = waited_ns {
                account.add_time(time_ns);
            }
        }
    }

    /// The account, unless it has been closed meanwhile, and may be another one's.
    fn words_of(&self, of: Account) -> Option<Words<'_>> {
        Some(Words::of(&self.memory, of.number)).filter(|account| account.record() == of.record)
    }
}

/// All accounts, as they are while others count.
pub(super) fn all(memory: &Memory) -> Vec<Balance> {
    if !are_in(memory) {
        return Vec::new();
    }
    let numbers = 0..used(memory);
    numbers
        .filter_map(|number| Words::of(memory, number).balance())
        .collect()
}

/// The names that have places.
pub(super) fn names_in(memory: &Memory) -> Vec<String> {
    if !are_in(memory) {
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

/// Makes the place one for accounts, if it is not. Answers whether it is.
fn begin(memory: &Memory) -> bool {
    if are_in(memory) {
        return true;
    }
    // Whatever somebody else has left here is nobody's.
    if let Err(error) = memory.punch(AT_ACCOUNTS.saturating_mul(WORD), ACCOUNTS_BYTES) {
        tracing::warn!(%error, "cannot empty the place of accounts");
        return false;
    }
    if let Some(magic) = memory.word(AT_ACCOUNTS) {
        magic.store(ACCOUNTS_MAGIC, Ordering::Release);
    }
    are_in(memory)
}

pub(super) fn are_in(memory: &Memory) -> bool {
    let magic = memory.word(AT_ACCOUNTS);
    magic.is_some_and(|magic| magic.load(Ordering::Acquire) == ACCOUNTS_MAGIC)
}

/// How many accounts have ever been in use.
fn used(memory: &Memory) -> u32 {
    let used = memory
        .word(ACCOUNTS_USED)
        .map_or(0, |used| used.load(Ordering::Acquire));
    u32::try_from(used).unwrap_or(ACCOUNTS).min(ACCOUNTS)
}

fn name_at(place: usize) -> usize {
    AT_NAMES.saturating_add(place.saturating_mul(NAME))
}

#[cfg(test)]
mod tests {
    use super::super::layout::BLOCKS;
    use super::*;

    #[test]
    fn all_files_have_room_for_their_names_and_accounts_are_the_end() {
        assert!(lxcfs_core::TABLE.len() <= NAMES);
        assert!(lxcfs_core::TABLE.iter().all(|row| row.path.len() <= NAME * WORD));
        let [first, second] = Accounts::extents();
        assert!(first.is_there() && second.is_there());
        assert_eq!(usize::try_from(second.end()).unwrap(), BLOCKS);
    }
}
