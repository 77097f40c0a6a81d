//! Waits for pressure, as psi.rst has it, and sets its trigger again when it is told that it is gone.

use std::fs::File;
use std::io::Write as _;
use std::os::fd::AsFd as _;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::look::{Look, Lost};
use super::modes::Mode;
use super::told::Shown;

/// A trigger that everybody may set.
const TRIGGER: &[u8] = b"some 50000 2000000\0";

/// In milliseconds: it has other things to do as well.
const A_MOMENT: u8 = 50;

/// Waits for pressure.
#[derive(Debug, Default)]
pub(crate) struct Waiter {
    armed: Option<File>,
}

impl Mode for Waiter {
    fn turn(&mut self, look: &mut Look<'_>, shown: &Shown, _: usize) -> Result<(), Lost> {
        if shown.name != "proc/pressure/cpu" {
            return Ok(());
        }
        if self.armed.is_none() {
            self.armed = look.slow("arm", shown, || {
                let mut file = File::options().read(true).write(true).open(&shown.path)?;
                file.write_all(TRIGGER)?;
                Ok(file)
            })?;
        }
        let Some(file) = &self.armed else { return Ok(()) };
        let mut watched = [PollFd::new(file.as_fd(), PollFlags::POLLPRI)];
        // Its length is no pause: it is meant to wait.
        look.does("poll", shown);
        let _ = poll(&mut watched, PollTimeout::from(A_MOMENT));
        look.does_nothing();
        let events = watched[0].revents().unwrap_or(PollFlags::empty());
        if events.contains(PollFlags::POLLERR) {
            look.report.pressure.1 = look.report.pressure.1.saturating_add(1);
            self.armed = None;
        } else if events.contains(PollFlags::POLLPRI) {
            look.report.pressure.0 = look.report.pressure.0.saturating_add(1);
        }
        Ok(())
    }

    fn lost(&mut self) {
        self.armed = None;
    }
}
