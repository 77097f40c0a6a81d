//! A reader: a process in a container, with threads that read in several ways until it is told to end.

use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::look::{Known, Look};
use super::modes::{Bytewise, Fresh, Kept, Mode};
use super::report::Report;
use super::told::Told;
use super::waiter::Waiter;

/// What it says when it has seen all files once.
pub(crate) const READS: &str = "storm: reads";

/// Before its report.
pub(crate) const REPORT: &str = "storm: report ";

/// A reader's act. The argument is what [`Crowd`](super::Crowd) tells it.
pub fn read(arguments: &[&str]) {
    let told: Told = serde_json::from_str(&arguments.concat()).expect("a reader is told what to do by a crowd");
    // Threads may never come back, so nothing is borrowed.
    let known = Arc::new(Known::of(told).expect("all files can be read while nothing happens"));
    let done = Arc::new(AtomicBool::new(false));
    let (sender, receiver) = channel();
    let mut threads = Vec::new();
    for _ in 0..known.told.threads {
        threads.push(start("fresh", || Fresh, &known, &done, &sender));
        threads.push(start("kept", Kept::default, &known, &done, &sender));
        threads.push(start("bytewise", || Bytewise, &known, &done, &sender));
    }
    if known.told.waiters {
        threads.push(start("waiter", Waiter::default, &known, &done, &sender));
    }
    say(READS);
    while !known.told.until.exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
    done.store(true, Ordering::Relaxed);
    let mut report = Report::default();
    for _ in &threads {
        match receiver.recv_timeout(known.told.patience) {
            Ok(one) => report.merge(one),
            Err(_) => {
                let stuck = threads.iter().filter_map(|(name, doing)| {
                    let doing = doing.lock().unwrap_or_else(PoisonError::into_inner);
                    (!doing.is_empty()).then(|| format!("{name}: {doing}"))
                });
                report.stuck = stuck.collect();
                break;
            }
        }
    }
    let report = serde_json::to_string(&report).expect("a report is plain data");
    say(&format!("{REPORT}{report}"));
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    // Nobody listens who has gone.
    let _ = out.write_all(format!("\n{line}\n").as_bytes());
    let _ = out.flush();
}

type Doing = Arc<Mutex<String>>;

fn start<M: Mode + 'static>(
    name: &'static str,
    mode: fn() -> M,
    known: &Arc<Known>,
    done: &Arc<AtomicBool>,
    sender: &Sender<Report>,
) -> (&'static str, Doing) {
    let doing = Doing::default();
    let (known, done, sender, own) = (Arc::clone(known), Arc::clone(done), sender.clone(), Arc::clone(&doing));
    std::thread::spawn(move || {
        let mut look = Look::new(&known, &own);
        let mut mode = mode();
        let mut last = false;
        while !last {
            // Once it is told to end it sees each file once more: whatever happened before that shows.
            last = done.load(Ordering::Relaxed);
            let failures = look.report.failures();
            for (which, shown) in known.told.files.iter().enumerate() {
                if mode.turn(&mut look, shown, which).is_err() {
                    mode.lost();
                }
                std::thread::sleep(known.told.rest);
            }
            if last {
                look.report.last_errors = look.report.failures().saturating_sub(failures);
            }
        }
        // Closing is a call too, and may not come back either.
        drop(mode);
        let _ = sender.send(look.report);
    });
    (name, doing)
}
