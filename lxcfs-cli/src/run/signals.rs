//! Signals, one after the other, told apart by where they come from.

use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// Those that mean the command, not us.
const FORWARDED: [Signal; 6] = [
    Signal::SIGHUP,
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGTERM,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
];

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    /// Some child has ended, or stopped, or gone on.
    Child,
    /// Somebody has sent this signal.
    Sent(Signal),
    /// The terminal has sent its foreground processes a signal. They have it already: the command too, unless it has
    /// put others in the foreground on purpose.
    ByTerminal,
}

/// The signals that are sent to this process, kept until they are asked for.
#[derive(Debug)]
pub(crate) struct Signals {
    descriptor: SignalFd,
}

impl Signals {
    /// From now on, the signals wait to be read. Child processes inherit that, see [`unblock`].
    pub(crate) fn block() -> Result<Self, Errno> {
        let mut set: SigSet = FORWARDED.into_iter().collect();
        set.add(Signal::SIGCHLD);
        set.thread_block()?;
        Ok(Self {
            descriptor: SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC)?,
        })
    }

    /// Waits for the next signal.
    pub(crate) fn next(&self) -> Result<Told, Errno> {
        /// `si_code` of what the kernel itself sends, such as a terminal's ^C.
        const SI_KERNEL: i32 = 0x80;
        loop {
            let info = match self.descriptor.read_signal() {
                Ok(Some(info)) => info,
                Ok(None) | Err(Errno::EINTR) => continue,
                Err(error) => return Err(error),
            };
            let number = i32::try_from(info.ssi_signo).unwrap_or_default();
            return Ok(match Signal::try_from(number)? {
                Signal::SIGCHLD => Told::Child,
                _ if info.ssi_code == SI_KERNEL => Told::ByTerminal,
                signal => Told::Sent(signal),
            });
        }
    }
}

/// Whether the signal asks a process to end.
pub(crate) fn asks_to_end(signal: Signal) -> bool {
    matches!(
        signal,
        Signal::SIGHUP | Signal::SIGINT | Signal::SIGQUIT | Signal::SIGTERM
    )
}

/// The kernel's number of a signal.
pub(crate) fn number(signal: Signal) -> i32 {
    #[expect(
        clippy::as_conversions,
        reason = "the discriminants are the numbers; there is no other way to them"
    )]
    let number = signal as i32;
    number
}

/// Lets signals through again: the command is to start without any of them blocked.
pub(crate) fn unblock() -> Result<(), Errno> {
    SigSet::empty().thread_set_mask()
}
