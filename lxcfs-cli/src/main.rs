//! The command-line tool: shows, explains and records what containers see, and runs commands in limited ones.

// The pure core takes bytes and times as arguments; this is where they come from.
#![allow(
    clippy::disallowed_methods,
    reason = "a command-line tool does read files and clocks"
)]
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::arithmetic_side_effects))]

#[cfg(not(target_os = "linux"))]
compile_error!("lxcfs-cli is made of cgroups, namespaces and /proc: it runs on Linux only");

mod args;
#[cfg(test)]
mod book;
mod compare;
mod completions;
mod doctor;
mod explain;
mod facts;
mod failure;
mod figures;
mod hook;
mod inject;
mod list;
mod man;
mod mount;
mod name;
mod nri;
mod record;
mod remount;
mod render;
mod run;
mod screen;
mod status;
mod stop;
mod subject;
mod top;

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;

use args::{Cli, Command};
use failure::Failure;

const FAILED: u8 = 1;
const WRONG_COMMAND_LINE: u8 = 2;

/// What requests lie in survives us.
#[global_allocator]
static ALLOCATOR: lxcfs_fuse::Buffers = lxcfs_fuse::Buffers;

fn main() -> ExitCode {
    if let Some(status) = run::inside(std::env::args_os()) {
        return status;
    }
    if let Some(status) = lxcfs_fuse::heal::inside(std::env::args_os()) {
        return status;
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return not_parsed(&error),
    };
    // Not `stdout().lock()`: `run` and its child processes have the standard output for themselves.
    let mut out = std::io::stdout();
    let done = match cli.command {
        Command::Render(render) => render::render(&render, &mut out),
        Command::List(list) => list::list(&list, &mut out),
        Command::Explain(explain) => explain::explain(&explain, &mut out),
        Command::Compare(compare) => compare::compare(&compare, &mut out),
        Command::Top(top) => top::top(&top, &mut out),
        Command::Status(status) => status::status(&status, &mut out),
        Command::Record(record) => record::record(&record),
        Command::Completions(completions) => completions::completions(&completions, &mut out),
        Command::Man(man) => man::man(&man, &mut out),
        Command::Mount(mount) => mount::mount(mount),
        Command::Inject(inject) => inject::inject(&inject, &mut out),
        Command::Hook(hook) => hook::hook(&hook),
        Command::Nri(nri) => nri::nri(nri),
        Command::NriGive(give) => return nri::inside::give(&give, &mut out),
        Command::Remount(remount) => return status_of(remount::remount(&remount, &mut out)),
        Command::Doctor(doctor) => return status_of(doctor::doctor(&doctor, &mut out)),
        Command::Stop(stop) => stop::stop(&stop),
        Command::Run(run) => return run::run(&run),
    };
    match done.and_then(|()| Ok(out.flush()?)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) if failure.is_closed_pipe() => ExitCode::SUCCESS,
        Err(failure) => {
            complain(&failure);
            ExitCode::from(FAILED)
        }
    }
}

/// The exit status of a look that has found all to be well, or not.
fn status_of(is_well: Result<bool, Failure>) -> ExitCode {
    match is_well {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(FAILED),
        Err(failure) => {
            complain(&failure);
            ExitCode::from(FAILED)
        }
    }
}

/// Prints the help or the complaint that clap has made.
fn not_parsed(error: &clap::Error) -> ExitCode {
    // If even that cannot be printed, there is nowhere to say so.
    let _ = error.print();
    if !error.use_stderr() {
        return ExitCode::SUCCESS;
    }
    // The statuses of `run` are those of its command, so that its own failures must not look like them.
    let is_run = std::env::args_os().nth(1).is_some_and(|word| word == "run");
    ExitCode::from(if is_run { run::FAILED } else { WRONG_COMMAND_LINE })
}

/// Says on the standard error what went wrong.
fn complain(what: &dyn std::fmt::Display) {
    // If that fails, there is nowhere to say so.
    let _ = writeln!(std::io::stderr(), "lxcfs-cli: {what}");
}
