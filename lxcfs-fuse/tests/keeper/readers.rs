//! Readers that read all the time and count what goes wrong.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{JoinHandle, spawn};

use lxcfs_testing::wait_until;

/// Two threads that open files anew, and one that has a file open all the time.
pub struct Readers {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<Vec<String>>>,
}

struct Shared {
    end: AtomicBool,
    reads: AtomicU64,
}

impl Readers {
    pub fn start(mount_point: &Path) -> Self {
        let shared = Arc::new(Shared {
            end: AtomicBool::new(false),
            reads: AtomicU64::new(0),
        });
        let meminfo = mount_point.join("proc/meminfo");
        let uptime = mount_point.join("proc/uptime");
        let kept = File::open(&uptime).unwrap();
        let one = |read: Box<dyn Fn() -> Result<(), String> + Send>| {
            let shared = Arc::clone(&shared);
            spawn(move || {
                let mut wrong = Vec::new();
                while !shared.end.load(Ordering::Relaxed) {
                    wrong.extend(read().err());
                    shared.reads.fetch_add(1, Ordering::Relaxed);
                }
                wrong
            })
        };
        let threads = vec![
            one(Box::new(move || {
                let text = fs::read_to_string(&meminfo).map_err(|error| format!("meminfo: {error}"))?;
                let whole = text.starts_with("MemTotal:") && text.ends_with('\n') && text.lines().count() > 20;
                whole.then_some(()).ok_or(format!("meminfo: {text:?}"))
            })),
            one(Box::new(move || {
                let text = fs::read_to_string(&uptime).map_err(|error| format!("uptime: {error}"))?;
                let words = text
                    .split_whitespace()
                    .filter(|word| word.parse::<f64>().is_ok())
                    .count();
                (words == 2).then_some(()).ok_or(format!("uptime: {text:?}"))
            })),
            one(Box::new(move || {
                let mut buffer = [0; 64];
                let length = kept.read_at(&mut buffer, 0).map_err(|error| format!("kept: {error}"))?;
                (length > 4).then_some(()).ok_or("kept: nothing".to_owned())
            })),
        ];
        let readers = Self { shared, threads };
        readers.read_on();
        readers
    }

    /// Waits until they have read some more.
    pub fn read_on(&self) {
        let before = self.shared.reads.load(Ordering::Relaxed);
        wait_until("readers read on", || {
            self.shared.reads.load(Ordering::Relaxed) > before + 60
        });
    }

    /// Nothing went wrong.
    pub fn all_was_well(mut self, log: &str) {
        self.read_on();
        let wrong = self.stop();
        assert!(wrong.is_empty(), "{wrong:?}\n{log}");
    }

    fn stop(&mut self) -> Vec<String> {
        self.shared.end.store(true, Ordering::Relaxed);
        self.threads
            .drain(..)
            .flat_map(|thread| thread.join().unwrap())
            .collect()
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        // A failed test does not wait: its readers may be waiting for the daemon that it is about to kill.
        self.shared.end.store(true, Ordering::Relaxed);
    }
}
