//! Where everything lies in the memory: a header, a directory of records, the room for what they hold, and accounts of
//! containers, which take the last blocks of the room.
//!
//! Who changes anything of this gives [`VERSION`] another number: a worker that finds another one there begins with
//! nothing. For accounts that is [`ACCOUNTS_MAGIC`].

use super::memory::WORD;

/// The first word: whose this is.
pub(super) const MAGIC: u64 = u64::from_le_bytes(*b"lxcfs st");

/// Of the layout, of what records hold, and of the order of counters.
pub(super) const VERSION: u64 = 1;

/// All of it. Pages that hold nothing are not taken.
pub(super) const BYTES: usize = 64 << 20;

/// The word with [`MAGIC`], which is written last.
pub(super) const AT_MAGIC: usize = 0;
/// The word with [`VERSION`].
pub(super) const AT_VERSION: usize = 1;
/// The word with the next number to be given away.
pub(super) const AT_NEXT: usize = 2;
/// The word that says how much of the directory has ever been in use.
pub(super) const AT_USED: usize = 3;
/// The word that says when the file system was mounted: `CLOCK_BOOTTIME` in milliseconds, 0 for unknown.
pub(super) const AT_MOUNTED: usize = 4;
/// The word that says how many processes have been started to serve.
pub(super) const AT_STARTED: usize = 5;
/// The word that says how many of them have died.
pub(super) const AT_DIED: usize = 6;
/// The first of the counters.
pub(super) const AT_COUNTERS: usize = 16;
/// How many counters there may be.
pub(super) const COUNTERS: usize = 64;

/// The words of an entry of the directory: a cache line.
pub(super) const ENTRY: usize = 8;
/// The first word of the directory: its first page is the header's.
const AT_DIRECTORY: usize = 4096 / WORD;
/// The first word of the room.
const AT_ROOM: usize = (4 << 20) / WORD;
/// How many entries the directory has.
pub(super) const ENTRIES: usize = (AT_ROOM - AT_DIRECTORY) / ENTRY;

/// The bytes of a block, in which room is given away.
pub(super) const BLOCK: usize = 128;
/// How many blocks the room has.
pub(super) const BLOCKS: usize = BYTES / BLOCK - AT_ROOM * WORD / BLOCK;
/// The most blocks that lie together are two to the power of this: 4 MiB, more than any text.
pub(super) const MOST_ORDER: u32 = 15;

/// What accounts take: as much as blocks that lie together, twice.
pub(super) const ACCOUNTS_BYTES: usize = (BLOCK << MOST_ORDER) * 2;
/// The first word of accounts, with [`ACCOUNTS_MAGIC`].
pub(super) const AT_ACCOUNTS: usize = (BYTES - ACCOUNTS_BYTES) / WORD;
/// Whose accounts these are, and of which layout: the words of an account, and the classes of times.
pub(super) const ACCOUNTS_MAGIC: u64 = u64::from_le_bytes(*b"lxcfs a1");
/// The word that says how many accounts have ever been in use.
pub(super) const ACCOUNTS_USED: usize = AT_ACCOUNTS + 1;
/// The word that says how many names have places.
pub(super) const NAMES_USED: usize = AT_ACCOUNTS + 2;
/// The first word of names: the first page is the header's.
pub(super) const AT_NAMES: usize = AT_ACCOUNTS + 4096 / WORD;
/// The words of a name, which ends with zeros where it is shorter.
pub(super) const NAME: usize = 8;
/// How many names there may be.
pub(super) const NAMES: usize = 64;
/// The words of an account: two kilobytes.
pub(super) const ACCOUNT: usize = 2048 / WORD;
/// The pages before the first account are four accounts.
const HEAD: u32 = 4;
/// How many accounts there are.
pub(super) const ACCOUNTS: u32 = 4096 - HEAD;
/// The first block that is accounts' own.
pub(super) const FIRST_ACCOUNTS_BLOCK: u32 = 13 << MOST_ORDER;

/// The first word of an account.
pub(super) fn account(number: u32) -> usize {
    usize::try_from(number.saturating_add(HEAD))
        .unwrap_or(usize::MAX)
        .saturating_mul(ACCOUNT)
        .saturating_add(AT_ACCOUNTS)
}

/// The first word of an entry.
pub(super) fn entry(number: u32) -> usize {
    usize::try_from(number)
        .unwrap_or(usize::MAX)
        .saturating_mul(ENTRY)
        .saturating_add(AT_DIRECTORY)
}

/// The first word of a block.
pub(super) fn block(number: u32) -> usize {
    usize::try_from(number)
        .unwrap_or(usize::MAX)
        .saturating_mul(BLOCK / WORD)
        .saturating_add(AT_ROOM)
}

/// How many blocks as many bytes take, as a power of two. `None` for more than lie together anywhere.
pub(super) fn order(bytes: usize) -> Option<u32> {
    let order = bytes.div_ceil(BLOCK).checked_next_power_of_two()?.trailing_zeros();
    (order <= MOST_ORDER).then_some(order)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_lie_one_behind_the_other_and_fill_it() {
        const { assert!(AT_DIED < AT_COUNTERS && AT_COUNTERS + COUNTERS <= AT_DIRECTORY) };
        assert_eq!(entry(0), AT_DIRECTORY);
        assert_eq!(entry(ENTRIES.try_into().unwrap()), AT_ROOM);
        assert_eq!(block(0), AT_ROOM);
        assert_eq!(block(BLOCKS.try_into().unwrap()) * WORD, BYTES);
        assert_eq!(BLOCKS % (1 << MOST_ORDER), 0);
        assert_eq!(block(FIRST_ACCOUNTS_BLOCK), AT_ACCOUNTS);
        assert_eq!(account(0), AT_NAMES + NAMES * NAME);
        assert_eq!(account(ACCOUNTS) * WORD, BYTES);
    }

    #[test]
    fn room_is_given_by_powers_of_two() {
        assert_eq!([1, 128, 129, 4096, 4 << 20].map(order), [0, 0, 1, 5, 15].map(Some));
        assert_eq!(order((4 << 20) + 1), None);
        assert_eq!(order(usize::MAX), None);
    }
}
