//! The daemon `lxcfs`: what there is to it stands in the library.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;
use lxcfs_fuse::daemon::{self, CommandLine};
use lxcfs_fuse::heal;

/// What requests lie in survives us.
#[global_allocator]
static ALLOCATOR: lxcfs_fuse::Buffers = lxcfs_fuse::Buffers;

fn main() -> ExitCode {
    if let Some(status) = heal::inside(std::env::args_os()) {
        return status;
    }
    let said = match CommandLine::try_parse() {
        Ok(command_line) => daemon::run(command_line.args).map_err(|error| error.to_string()),
        Err(shown) => {
            // If even that cannot be printed, there is nowhere to say so.
            let _ = shown.print();
            // Not clap's own 2: scripts know 1 from LXCFS.
            return ExitCode::from(u8::from(shown.use_stderr()));
        }
    };
    match said {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            let _ = writeln!(std::io::stderr(), "lxcfs: {text}");
            ExitCode::FAILURE
        }
    }
}
