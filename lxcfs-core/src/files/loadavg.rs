//! `/proc/loadavg`: the load of the container's own tasks.
//!
//! # References
//!
//! proc(5); `fs/proc/loadavg.c`; `kernel/sched/loadavg.c`.

use super::{Class, Fact, Kind, Line, VirtualFile};
use crate::error::CaptureError;
use crate::host::loadavg::Loadavg;
use crate::state::load::Load;
use crate::text::Text;
use crate::view::ContainerView;

pub(super) const FILE: VirtualFile = VirtualFile {
    path: "proc/loadavg",
    about: "load averages, running and all threads, and the highest pid",
    lines: &[Line {
        key: "*",
        class: Class::Container,
        from: &[Fact::Tasks],
        formula: "calc_load over running and uninterruptible threads, every 5 s from the first read on; running/all threads; highest live pid in the container's numbering",
    }],
    kind: Kind::File(produce),
};

fn produce(view: &ContainerView<'_>, out: &mut Text) -> Result<(), CaptureError> {
    match view.load()? {
        Some(load) => render(&load, view.options().loadavg, out),
        None => {
            out.push(view.host("/proc/loadavg")?);
        }
    }
    Ok(())
}

fn render(load: &Load, averages: bool, out: &mut Text) {
    let tasks = load.tasks();
    // Who reads this is running; by the time of the look it may be waiting for the answer.
    let running = tasks.running.max(1);
    Loadavg {
        averages_hundredths: if averages { load.hundredths() } else { [0; 3] },
        running,
        threads: tasks.threads.max(running),
        last_pid: tasks.last_pid,
    }
    .print(out);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::load::Tasks;
    use std::time::Duration;

    fn shown(tasks: Tasks, averages: bool) -> String {
        let mut out = Text::new();
        let day = Duration::from_secs(86_400);
        render(&Load::first(tasks, day, day), averages, &mut out);
        String::from_utf8(out.take().to_vec()).unwrap()
    }

    #[test]
    fn the_line_has_the_kernels_form() {
        let tasks = Tasks {
            running: 2,
            blocked: 1,
            threads: 40,
            last_pid: 77,
        };
        assert_eq!(shown(tasks, true), "3.00 3.00 3.00 2/40 77\n");
        assert_eq!(shown(tasks, false), "0.00 0.00 0.00 2/40 77\n");
    }

    #[test]
    fn the_reader_counts_as_running() {
        assert_eq!(
            shown(
                Tasks {
                    threads: 1,
                    last_pid: 1,
                    ..Tasks::default()
                },
                true
            ),
            "0.00 0.00 0.00 1/1 1\n"
        );
    }
}
