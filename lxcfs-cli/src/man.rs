//! `lxcfs-cli man`: the manual pages.

use std::fs;
use std::io::Write;

use clap::CommandFactory as _;

use crate::args::{Cli, Man};
use crate::failure::Failure;

pub(crate) fn man(man: &Man, out: &mut dyn Write) -> Result<(), Failure> {
    let command = Cli::command();
    match &man.dir {
        None => Ok(clap_mangen::Man::new(command).render(&mut &mut *out)?),
        Some(dir) => {
            fs::create_dir_all(dir).map_err(Failure::file(dir, "cannot make the directory"))?;
            clap_mangen::generate_to(command, dir).map_err(Failure::file(dir, "cannot write the manual pages there"))
        }
    }
}
