//! The personality of a caller: what some of the kernel's texts depend on.
//!
//! An arm64 kernel prints `/proc/cpuinfo` for 32-bit ARM programs in another way: their hardware capabilities under
//! other names, and `model name: ARMv8 Processor rev 4 (v8l)`. It goes by the personality of whoever reads, and that is this process.
//! So it reads such a file as the caller would. A personality is that of a thread; the thread has its own again before it
//! does anything else.
//!
//! # References
//!
//! `personality(2)`; `arch/arm64/kernel/cpuinfo.c`, `c_show`.

use std::fs;

use lxcfs_core::Pid;
use nix::sys::personality::{self, Persona};

/// The part of a personality that texts depend on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) struct Personality {
    is_32_bit: bool,
}

/// `PER_LINUX32`, the execution domain; the rest of a personality are flags.
const LINUX32: i32 = 0x0008;
const DOMAIN: i32 = 0x00ff;

impl Personality {
    /// Whether the running kernel's texts depend on it at all.
    pub(crate) const MATTERS: bool = cfg!(target_arch = "aarch64");

    /// That of a thread; the usual one where it may not be read.
    ///
    /// # References
    ///
    /// proc(5), `/proc/PID/personality`.
    pub(crate) fn of(thread: Pid) -> Self {
        let text = fs::read_to_string(format!("/proc/{thread}/personality")).unwrap_or_default();
        let value = i32::from_str_radix(text.trim(), 16).unwrap_or(0);
        Self {
            is_32_bit: value & DOMAIN == LINUX32,
        }
    }

    /// Does something with this personality, and goes back to the own one.
    pub(crate) fn while_reading<T>(self, read: impl FnOnce() -> T) -> T {
        if !self.is_32_bit {
            return read();
        }
        let own = personality::get();
        let changed = own.and_then(|own| personality::set(own | Persona::from_bits_retain(LINUX32)).map(|_| own));
        let result = read();
        if let Ok(own) = changed {
            // It was possible a moment ago, with the same rights.
            let _ = personality::set(own);
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own() -> String {
        fs::read_to_string("/proc/thread-self/personality").unwrap()
    }

    #[test]
    fn the_kernel_sees_the_callers_personality_while_reading_and_the_own_one_after() {
        let before = own();
        let during = Personality { is_32_bit: true }.while_reading(own);
        assert_eq!(during.trim().get(4..), Some("0008"));
        assert_eq!(own(), before);
        assert_eq!(Personality::default().while_reading(own), before);
    }

    #[test]
    fn a_32_bit_caller_is_told_by_its_personality() {
        let child = std::process::Command::new("setarch")
            .args(["linux32", "sleep", "60"])
            .spawn();
        let Ok(mut child) = child else {
            let name = "a_32_bit_caller_is_told_by_its_personality";
            std::io::Write::write_all(
                &mut std::io::stdout(),
                format!("SKIPPED {name}: no setarch\n").as_bytes(),
            )
            .unwrap();
            return;
        };
        // It is sleep as soon as setarch has done its work.
        let mut found = Personality::default();
        for _ in 0..100 {
            found = Personality::of(child.id());
            if found.is_32_bit {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(found, Personality { is_32_bit: true });
        assert_eq!(Personality::of(std::process::id()), Personality::default());
    }
}
