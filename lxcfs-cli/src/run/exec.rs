//! The process that becomes the command: signals as they should be, then exec.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

use super::{FAILED, signals};

const NOT_EXECUTABLE: u8 = 126;
const NOT_FOUND: u8 = 127;

/// Becomes the command. It is this process, and not the init, that unblocks the signals: one that comes meanwhile
/// waits for the command instead of being lost.
pub(crate) fn exec(command: &[OsString]) -> ExitCode {
    let Some((program, arguments)) = command.split_first() else {
        return ExitCode::from(FAILED);
    };
    if let Err(error) = signals::unblock() {
        crate::complain(&format_args!("cannot unblock signals: {error}"));
        return ExitCode::from(FAILED);
    }
    let error = Command::new(program).args(arguments).exec();
    let (status, hint) = match error.kind() {
        std::io::ErrorKind::NotFound => (NOT_FOUND, "; is it installed, and in PATH?"),
        _ => (NOT_EXECUTABLE, ""),
    };
    crate::complain(&format_args!("{}: {error}{hint}", program.display()));
    ExitCode::from(status)
}
