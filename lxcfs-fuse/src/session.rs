//! The mount and the threads that answer its requests.

use crate::error::MountError;
use crate::settings::{MountOptions, Settings};

/// A mounted file system. Dropping it unmounts.
#[derive(Debug)]
pub struct Mounted {}

/// Mounts the file system. `ended` is called when requests end: after an unmount, by whomever.
///
/// # Errors
///
/// [`MountError`].
pub fn mount(
    options: &MountOptions,
    settings: Settings,
    ended: impl FnOnce() + Send + 'static,
) -> Result<Mounted, MountError> {
    let _ = (options, settings, ended);
    Err(MountError::Option("stub".to_owned()))
}

impl Mounted {
    /// What it has been told last.
    #[must_use]
    pub fn settings(&self) -> Settings {
        Settings::default()
    }

    /// Tells it something else, from the next read on.
    pub fn set(&self, settings: Settings) {
        let _ = settings;
    }

    /// Unmounts, and waits a moment for requests to end. Where containers still have parts of the tree bound, these
    /// stay until they end, and say `ENOTCONN` once this process has.
    ///
    /// # Errors
    ///
    /// [`MountError::Unmount`].
    pub fn unmount(self) -> Result<(), MountError> {
        Ok(())
    }
}
