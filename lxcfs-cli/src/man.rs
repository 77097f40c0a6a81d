//! `lxcfs-cli man`: the manual pages.

use std::fs;
use std::io::Write;

use clap::{Command, ValueEnum as _};

use crate::args::{Man, Program};
use crate::failure::Failure;

pub(crate) fn man(man: &Man, out: &mut dyn Write) -> Result<(), Failure> {
    let Some(dir) = &man.dir else {
        let page = Page::of(&built(man.program), man.program);
        return Ok(out.write_all(page.text()?.as_bytes())?);
    };
    fs::create_dir_all(dir).map_err(Failure::file(dir, "cannot make the directory"))?;
    for &program in Program::value_variants() {
        for page in pages(&built(program), program) {
            let path = dir.join(page.0.get_filename());
            fs::write(&path, page.text()?).map_err(Failure::file(&path, "cannot write the manual page"))?;
        }
    }
    Ok(())
}

/// The command line with all that clap adds to it, so that subcommands know their whole names.
fn built(program: Program) -> Command {
    let mut command = program.command().disable_help_subcommand(true);
    command.build();
    command
}

/// The page of a command, then those of its subcommands.
fn pages(command: &Command, program: Program) -> Vec<Page> {
    let shown = command.get_subcommands().filter(|below| !below.is_hide_set());
    let below = shown.flat_map(|below| pages(below, program));
    std::iter::once(Page::of(command, program)).chain(below).collect()
}

struct Page(clap_mangen::Man);

impl Page {
    fn of(command: &Command, program: Program) -> Self {
        let section = match program {
            Program::Lxcfs => "8",
            Program::LxcfsCli => "1",
        };
        let page = clap_mangen::Man::new(command.clone())
            .section(section)
            .source(concat!("lxcfs-rs ", env!("CARGO_PKG_VERSION")))
            .manual("lxcfs");
        Self(page)
    }

    fn text(&self) -> std::io::Result<String> {
        let mut rendered = Vec::new();
        self.0.render(&mut rendered)?;
        // man-pages(7) has a name for what stands after all options.
        let mut text = String::from_utf8_lossy(&rendered).replacen("\n.SH EXTRA\n", "\n.SH NOTES\n", 1);
        let (files, see_also) = match self.0.get_filename().as_str() {
            "lxcfs.8" => (FILES, "lxcfs\\-cli(1), proc(5), cgroups(7)"),
            "lxcfs-cli.1" => ("", "lxcfs(8), proc(5), cgroups(7)"),
            _ => ("", "lxcfs\\-cli(1), lxcfs(8)"),
        };
        text.push_str(files);
        text.push_str(".SH SEE ALSO\n");
        text.push_str(see_also);
        text.push('\n');
        Ok(text)
    }
}

/// Where the daemon has something lie.
const FILES: &str = "\
.SH FILES
.TP
/var/lib/lxcfs
Where it is mounted, most often
.TP
/etc/lxcfs/lxcfs.toml
The configuration file
.TP
/run/lxcfs.pid, /run/lxcfs.pid.sock
The number of the process, and the socket that lxcfs\\-cli stop and a successor speak to
.TP
/run/lxcfs.devices
Which file systems were served, for healing containers that hold them
";
