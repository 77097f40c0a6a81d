//! `lxcfs-cli completions`: what shells need to complete our command lines.

use std::fs;
use std::io::Write;

use clap::ValueEnum as _;
use clap_complete::Shell;

use crate::args::{Completions, Program};
use crate::failure::Failure;

/// For which packages install them.
const SHELLS: [Shell; 3] = [Shell::Bash, Shell::Zsh, Shell::Fish];

pub(crate) fn completions(completions: &Completions, out: &mut dyn Write) -> Result<(), Failure> {
    if let Some(shell) = completions.shell {
        // clap_complete panics if it cannot write; a vector always can.
        let mut script = Vec::new();
        let mut command = completions.program.command();
        let name = command.get_name().to_owned();
        clap_complete::generate(shell, &mut command, name, &mut script);
        out.write_all(&script)?;
    }
    if let Some(dir) = &completions.dir {
        fs::create_dir_all(dir).map_err(Failure::file(dir, "cannot make the directory"))?;
        for program in Program::value_variants() {
            for shell in SHELLS {
                let mut command = program.command();
                let name = command.get_name().to_owned();
                clap_complete::generate_to(shell, &mut command, name, dir)
                    .map_err(Failure::file(dir, "cannot write the completions there"))?;
            }
        }
    }
    Ok(())
}
