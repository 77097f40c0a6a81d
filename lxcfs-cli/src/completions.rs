//! `lxcfs-cli completions`: what a shell needs to complete our command line.

use std::io::Write;

use clap::CommandFactory as _;

use crate::args::{Cli, Completions};
use crate::failure::Failure;

pub(crate) fn completions(completions: &Completions, out: &mut dyn Write) -> Result<(), Failure> {
    // clap_complete panics if it cannot write; a vector always can.
    let mut script = Vec::new();
    clap_complete::generate(completions.shell, &mut Cli::command(), "lxcfs-cli", &mut script);
    Ok(out.write_all(&script)?)
}
