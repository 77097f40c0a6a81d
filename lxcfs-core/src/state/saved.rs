//! What is remembered as bytes, for a process that goes on where another one has ended.
//!
//! The bytes are for the same host since the same boot: times are times since then. Bytes that are of another version, or
//! of something else, are nothing to go on with; nobody fails for that.

use std::sync::Mutex;
use std::sync::atomic::AtomicU64;

use super::cpu_account::CpuAccount;
use super::load::Load;
use super::{Remembered, lock};

/// Of the fields below and of all that is in them.
const VERSION: u8 = 1;

type Saved<A, L> = (u8, A, L);

impl Remembered {
    /// All that is remembered. Of something that is remembered while this is called, all of it or nothing is in it.
    ///
    /// ```
    /// use lxcfs_core::Remembered;
    ///
    /// let other = Remembered::restore(&Remembered::new().save()).unwrap();
    /// assert!(Remembered::restore(b"something else").is_none());
    /// # let _ = other;
    /// ```
    #[must_use]
    pub fn save(&self) -> Vec<u8> {
        let (cpu, load) = (lock(&self.cpu), lock(&self.load));
        let saved: Saved<&Option<CpuAccount>, &Option<Load>> = (VERSION, &cpu, &load);
        // Fails for no value of these types. No bytes would be nothing to go on with.
        postcard::to_allocvec(&saved).unwrap_or_default()
    }

    /// What was remembered; `None` for anything that [`save`](Self::save) of this version has not made.
    ///
    /// ```
    /// use std::time::Duration;
    /// use lxcfs_core::{Remembered, state::load::Tasks};
    ///
    /// let (remembered, now) = (Remembered::new(), Duration::from_secs(7200));
    /// let load = remembered.advance_load(Tasks { running: 3, ..Tasks::default() }, now, now);
    /// let next_process = Remembered::restore(&remembered.save()).unwrap();
    /// assert_eq!(next_process.load(now, Duration::from_secs(5)), Some(load));
    /// ```
    #[must_use]
    pub fn restore(bytes: &[u8]) -> Option<Self> {
        if bytes.first() != Some(&VERSION) {
            return None;
        }
        let (saved, rest): (Saved<Option<CpuAccount>, Option<Load>>, _) = postcard::take_from_bytes(bytes).ok()?;
        let (_, cpu, load) = saved;
        let fits = rest.is_empty() && cpu.as_ref().is_none_or(CpuAccount::is_in_order);
        fits.then(|| Self {
            cpu: Mutex::new(cpu),
            load: Mutex::new(load),
            changes: AtomicU64::new(0),
        })
    }
}
