//! What the documentation says of the command lines, and that it is so.

mod commands;
mod reference;

use clap::CommandFactory as _;
use lxcfs_fuse::daemon::CommandLine;

use crate::args::Cli;

/// Both programs: their names and their command lines.
fn programs() -> [(&'static str, clap::Command); 2] {
    [("lxcfs", CommandLine::command()), ("lxcfs-cli", Cli::command())]
}
