//! What is counted, in a file that others read.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use lxcfs_nri::{Health, Stop};

/// How often it is looked whether something has changed.
const LOOK: Duration = Duration::from_secs(5);

/// Writes the file now, and when something has changed, in a thread of its own.
pub(super) fn write_changes(file: PathBuf, health: Arc<Health>, stop: Stop) -> io::Result<()> {
    let write = move || {
        let mut written = String::new();
        let mut complained = false;
        while !stop.is_told() {
            let text = health.text();
            if text != written {
                match write(&file, &text) {
                    Ok(()) => (written, complained) = (text, false),
                    Err(error) if !complained => {
                        tracing::warn!(file = %file.display(), %error, "cannot write what is counted");
                        complained = true;
                    }
                    Err(_) => {}
                }
            }
            stop.wait(LOOK);
        }
    };
    thread::Builder::new().name("metrics".to_owned()).spawn(write)?;
    Ok(())
}

/// Who reads it sees the old text or the new one.
fn write(file: &Path, text: &str) -> io::Result<()> {
    let mut new = file.as_os_str().to_owned();
    new.push(".new");
    std::fs::write(&new, text)?;
    std::fs::rename(&new, file)
}
