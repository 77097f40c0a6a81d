//! Triggers of the running kernel.
#![expect(clippy::print_stderr, reason = "a test that cannot run says so")]

use super::*;

use std::fs;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Everybody may set it, and only a machine that does nothing but wait reaches it.
const RARE: &[u8] = b"full 2000000 2000000";
const SLACK: Duration = Duration::from_secs(20);

/// A test cannot run on this machine: no other way of running it would help.
fn skipped(test_name: &str, why: &str) {
    eprintln!("SKIPPED {test_name}: {why}");
}

/// A pressure file on which triggers can be set.
fn hosts_file(test_name: &str) -> Option<&'static Path> {
    let path = Path::new("/proc/pressure/memory");
    match set_in_kernel(path, &Wanted::parse(RARE).unwrap()) {
        Ok(_) => Some(path),
        Err(error) => {
            skipped(test_name, &format!("needs triggers on {}: {error}", path.display()));
            None
        }
    }
}

/// A cgroup v2 of a test's own, with processes that are killed with it.
struct TestCgroup {
    dir: PathBuf,
    inside: Vec<Child>,
}

impl TestCgroup {
    fn new(test_name: &str) -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("lxcfs-psi-{}-{number}", std::process::id());
        for top in ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"] {
            let dir = Path::new(top).join(&name);
            if Path::new(top).join("cgroup.controllers").exists() && fs::create_dir(&dir).is_ok() {
                let cgroup = Self {
                    dir,
                    inside: Vec::new(),
                };
                if set_in_kernel(&cgroup.file(), &Wanted::parse(RARE).unwrap()).is_ok() {
                    return Some(cgroup);
                }
            }
        }
        skipped(test_name, "needs a cgroup v2 that it can make, with pressure triggers");
        None
    }

    fn file(&self) -> PathBuf {
        self.dir.join("cpu.pressure")
    }

    /// More work than it may do.
    fn press(&mut self) {
        // Not there on a hybrid machine. More tasks than CPUs stall, too.
        let _ = fs::write(self.dir.join("cpu.max"), "20000 100000");
        let text = format!("echo 0 > {}/cgroup.procs && while :; do :; done", self.dir.display());
        let tasks = cpu_count().saturating_add(2);
        self.inside.extend((0..tasks).map(|_| {
            Command::new("sh")
                .args(["-c", &text])
                .stdin(Stdio::null())
                .spawn()
                .unwrap()
        }));
    }

    fn remove(&mut self) {
        for child in &mut self.inside {
            let _ = child.kill();
            let _ = child.wait();
        }
        self.inside.clear();
        let removed = until(Duration::from_secs(5), || {
            fs::remove_dir(&self.dir).is_ok() || !self.dir.exists()
        });
        assert!(removed);
    }
}

impl Drop for TestCgroup {
    fn drop(&mut self) {
        if self.dir.exists() {
            self.remove();
        }
    }
}

fn cpu_count() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn until(patience: Duration, mut done: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    while !done() {
        if start.elapsed() > patience {
            return false;
        }
        sleep(Duration::from_millis(10));
    }
    true
}

/// A wake and what it has called.
fn wake() -> (Option<Wake>, Receiver<()>) {
    let (sender, receiver) = mpsc::channel();
    let wake: Wake = Box::new(move || sender.send(()).unwrap_or_default());
    (Some(wake), receiver)
}

fn set(triggers: &Triggers, handle: u64, path: &Path, text: &[u8]) -> Result<(), Errno> {
    triggers.set(handle, path, text, Privilege::SysResource)
}

#[test]
fn a_handle_without_trigger_lets_nobody_wait() {
    let triggers = Triggers::with_most(1024);
    let (wake, woken) = wake();
    assert_eq!(triggers.poll(1, wake), NOTHING_TO_WAIT_FOR);
    assert!(woken.recv().is_err(), "not kept");
    triggers.release(1);
}

#[test]
fn what_is_no_trigger_is_refused_before_a_file_is_opened() {
    let (triggers, nowhere) = (Triggers::with_most(1024), Path::new("/nowhere/cpu.pressure"));
    for text in ["", "some", "some 1 x", "all 1 2000000"] {
        assert_eq!(
            set(&triggers, 1, nowhere, text.as_bytes()),
            Err(Errno::EINVAL),
            "{text}"
        );
    }
}

#[test]
fn the_unprivileged_have_windows_of_multiples_of_two_seconds() {
    let (triggers, nowhere) = (Triggers::with_most(1024), Path::new("/nowhere/cpu.pressure"));
    let set = |text: &[u8], caller| triggers.set(1, nowhere, text, caller);
    assert_eq!(set(b"some 1 1000000", Privilege::Unprivileged), Err(Errno::EINVAL));
    assert_eq!(set(b"some 1 4000000", Privilege::Unprivileged), Err(Errno::EOPNOTSUPP));
    assert_eq!(set(b"some 1 1000000", Privilege::SysResource), Err(Errno::EOPNOTSUPP));
}

#[test]
fn what_makes_no_sense_the_kernel_refuses() {
    let Some(path) = hosts_file("what_makes_no_sense_the_kernel_refuses") else {
        return;
    };
    let triggers = Triggers::with_most(1024);
    for text in ["some 0 2000000", "some 2000001 2000000", "some 1 0", "some 1 12000000"] {
        assert_eq!(set(&triggers, 1, path, text.as_bytes()), Err(Errno::EINVAL), "{text}");
    }
    assert_eq!(set(&triggers, 1, path, RARE), Ok(()), "none of them is set");
}

#[test]
fn a_handle_has_one_trigger() {
    let Some(path) = hosts_file("a_handle_has_one_trigger") else {
        return;
    };
    let triggers = Triggers::with_most(1024);
    assert_eq!(set(&triggers, 1, path, RARE), Ok(()));
    assert_eq!(set(&triggers, 1, path, RARE), Err(Errno::EBUSY));
    assert_eq!(set(&triggers, 2, path, RARE), Ok(()));
    triggers.release(1);
    assert_eq!(set(&triggers, 1, path, RARE), Ok(()));
    assert_eq!(triggers.poll(1, None), ALWAYS, "nothing yet");
}

#[test]
fn a_cgroup_has_so_many_and_all_have_so_many() {
    let Some(path) = hosts_file("a_cgroup_has_so_many_and_all_have_so_many") else {
        return;
    };
    let most = u64::try_from(Triggers::MOST_OF_CGROUP).unwrap();
    let triggers = Triggers::with_most(1024);
    for handle in 0..most {
        assert_eq!(set(&triggers, handle, path, RARE), Ok(()));
    }
    assert_eq!(set(&triggers, most, path, RARE), Err(Errno::ENOSPC));
    assert_eq!(
        set(&triggers, most, &path.with_file_name("cpu"), RARE),
        Err(Errno::ENOSPC)
    );
    let elsewhere = Path::new("/nowhere/cpu.pressure");
    assert_eq!(
        set(&triggers, most, elsewhere, RARE),
        Err(Errno::EOPNOTSUPP),
        "there is room"
    );
    triggers.release(0);
    assert!(
        until(SLACK, || set(&triggers, most, path, RARE) == Ok(())),
        "as soon as it is closed"
    );

    let triggers = Triggers::with_most(1);
    assert_eq!(set(&triggers, 1, path, RARE), Ok(()));
    assert_eq!(set(&triggers, 2, elsewhere, RARE), Err(Errno::ENOSPC));
}

#[test]
fn a_trigger_that_nobody_polled_is_released() {
    let Some(path) = hosts_file("a_trigger_that_nobody_polled_is_released") else {
        return;
    };
    let triggers = Triggers::with_most(1024);
    for _ in 0..100 {
        assert!(until(SLACK, || set(&triggers, 1, path, RARE) == Ok(())));
        triggers.release(1);
    }
    assert!(lock(&triggers.table).of_handle.is_empty());
    assert!(until(SLACK, || lock(&triggers.table).cgroups.is_empty()));
}

#[test]
fn the_threads_end_with_the_triggers() {
    let Some(path) = hosts_file("the_threads_end_with_the_triggers") else {
        return;
    };
    let triggers = Triggers::with_most(1024);
    assert_eq!(set(&triggers, 1, path, RARE), Ok(()));
    let (wake, woken) = wake();
    triggers.poll(1, wake);
    let table = Arc::downgrade(&triggers.table);
    drop(triggers);
    assert!(woken.recv().is_err(), "dropped and not called");
    assert!(until(SLACK, || table.strong_count() == 0));
}

#[test]
fn an_event_per_window_wakes_and_is_reported_once() {
    let Some(mut cgroup) = TestCgroup::new("an_event_per_window_wakes_and_is_reported_once") else {
        return;
    };
    let triggers = Triggers::with_most(1024);
    // A second where this process is privileged, so that it is tried.
    let window = match set(&triggers, 1, &cgroup.file(), b"some 50000 1000000") {
        Ok(()) => Duration::from_secs(1),
        Err(_) => Duration::from_secs(2),
    };
    triggers.release(1);
    assert_eq!(
        set(
            &triggers,
            1,
            &cgroup.file(),
            format!("some 50000 {}", window.as_micros()).as_bytes()
        ),
        Ok(())
    );
    // Another's on the same file: the kernel wakes both, and has something to tell one.
    let ten_seconds = b"full 10000000 10000000";
    assert_eq!(set(&triggers, 2, &cgroup.file(), ten_seconds), Ok(()));
    let (first_wake, mut woken) = wake();
    assert_eq!(triggers.poll(1, first_wake), ALWAYS);
    let (wake_of_other, other_woken) = wake();
    assert_eq!(triggers.poll(2, wake_of_other), ALWAYS);
    assert!(woken.recv_timeout(window * 2).is_err(), "nobody works in it");

    let start = Instant::now();
    cgroup.press();
    let mut events = 0_u32;
    while events < 3 {
        woken.recv_timeout(SLACK).unwrap();
        assert!(woken.recv().is_err(), "it is called once");
        let (next_wake, next_woken) = wake();
        assert_eq!(triggers.poll(1, next_wake), ALWAYS.union(PollEvents::POLLPRI));
        assert_eq!(triggers.poll(1, None), ALWAYS, "that was it");
        woken = next_woken;
        events += 1;
    }
    let taken = start.elapsed();
    assert!(taken > window, "three events in {taken:?}");
    // On a host with much other work, all may stall for long.
    assert!(
        other_woken.try_recv().is_err() || taken > Duration::from_secs(10),
        "{taken:?}"
    );
}

#[test]
fn a_trigger_goes_with_its_cgroup() {
    let Some(mut cgroup) = TestCgroup::new("a_trigger_goes_with_its_cgroup") else {
        return;
    };
    let triggers = Triggers::with_most(1024);
    let (path, (wake, woken)) = (cgroup.file(), wake());
    assert_eq!(set(&triggers, 1, &path, RARE), Ok(()));
    assert_eq!(triggers.poll(1, wake), ALWAYS);
    cgroup.remove();
    woken.recv_timeout(SLACK).unwrap();
    assert_eq!(triggers.poll(1, None), NOTHING_TO_WAIT_FOR);
    assert!(lock(&triggers.table).of_handle.is_empty());
    assert_eq!(set(&triggers, 1, &path, RARE), Err(Errno::EOPNOTSUPP));
    triggers.release(1);
}
