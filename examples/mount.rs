//! Mounts the file system from a program of one's own, as a runtime could.
//!
//! `cargo run --example mount` mounts it for a moment and reads its own memory through it; with a directory as argument it
//! stays mounted there until standard input ends. Needs root and `/dev/fuse`.

#![allow(clippy::disallowed_methods, reason = "a program of one's own may read files")]

use std::error::Error;
use std::io::{self, Read as _, Write as _};
use std::{env, fs};

use lxcfs_fuse::{MountOptions, Settings, mount};

fn main() -> Result<(), Box<dyn Error>> {
    let mut out = io::stdout();
    if !fs::exists("/dev/fuse")? || !nix::unistd::geteuid().is_root() {
        writeln!(out, "SKIPPED: needs root and /dev/fuse")?;
        return Ok(());
    }
    let temporary = tempfile::tempdir()?;
    let named = env::args_os().nth(1);
    let mountpoint = named.as_ref().map_or(temporary.path(), |path| path.as_ref());
    let mounted = mount(&MountOptions::new(mountpoint), Settings::default(), |_| {})?;
    if named.is_some() {
        io::stdin().read_to_end(&mut Vec::new())?;
    }
    let meminfo = fs::read_to_string(mountpoint.join("proc/meminfo"))?;
    for line in meminfo.lines().take(3) {
        writeln!(out, "{line}")?;
    }
    writeln!(out, "{:?}\n{:?}", mounted.counts(), mounted.gauges())?;
    mounted.unmount()?;
    Ok(())
}
