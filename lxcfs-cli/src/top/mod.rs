//! `lxcfs-cli top`: all containers of this machine, one a line.

mod beside_fuse;
mod collect;
mod columns;
mod draw;
mod find;
mod hostname;
mod model;
mod once;

use std::io::{IsTerminal as _, Write};
use std::thread;

use crate::args::Top;
use crate::failure::Failure;
use crate::screen::live;
use collect::Collector;
use model::Model;

pub(crate) use model::Sort;

pub(crate) fn top(top: &Top, out: &mut dyn Write) -> Result<(), Failure> {
    let collector = Collector::new(top.policies.options())?;
    let mut model = Model::new(top.sort, &top.filter, collector.reading());
    if !top.once && std::io::stdout().is_terminal() {
        let interval = top.interval;
        return live(&mut model, interval, move |tell| {
            let mut collector = collector;
            while tell(collector.look()) {
                thread::sleep(interval);
            }
        });
    }
    once::look_twice(top, collector, &mut model)?;
    if model.look.secret > 0 {
        crate::complain(&format_args!(
            "{} processes of containers may not be looked at; run as root with CAP_SYS_PTRACE",
            model.look.secret
        ));
    }
    if let Some(place) = model.look.left_alone.first() {
        crate::complain(&format_args!(
            "{}: not read, because a FUSE file system stands there; run it on the host",
            place.display()
        ));
    }
    once::print(&model, out)
}
