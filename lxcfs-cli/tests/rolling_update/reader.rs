//! A container that reads all the time and tells what it has seen.

use std::fs;

use lxcfs_testing::{PATIENCE, Running, becomes_true, wait_until};

use crate::node::Node;

/// Opens a file anew each time, and has another open all the time.
pub(crate) const SCRIPT: &str = r#"
import errno, os
OWN = b"MemTotal:         262144 kB\n"
seen = dict.fromkeys(["own", "host", "disconnected", "kept-disconnected", "other"], 0)
kept = os.open("/proc/meminfo", os.O_RDONLY)

def look(read, disconnected):
    try:
        text = read()
    except OSError as error:
        lost = error.errno in (errno.ENOTCONN, errno.ECONNABORTED)
        seen[disconnected if lost else "other"] += 1
        if not lost:
            print(error, flush=True)
        return
    if text.startswith(OWN) and text.endswith(b"\n"):
        seen["own"] += 1
    else:
        seen["host"] += 1
        print(text[:60], flush=True)

def anew():
    with open("/proc/meminfo", "rb", buffering=0) as file:
        return file.read()

while not os.path.exists("/mnt/stop"):
    look(anew, "disconnected")
    look(lambda: os.pread(kept, 65536, 0), "kept-disconnected")
    with open("/mnt/seen.new", "w") as file:
        file.write(" ".join(str(number) for number in seen.values()))
    os.rename("/mnt/seen.new", "/mnt/seen")
"#;

/// How many reads of each kind there were.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// The container's own values.
    pub(crate) own: u64,
    /// Anything else that could be read.
    pub(crate) host: u64,
    /// `ENOTCONN` of a file that was opened anew.
    pub(crate) disconnected: u64,
    /// The same of the file that was open all the time.
    pub(crate) kept_disconnected: u64,
    /// Other errors.
    pub(crate) other: u64,
}

impl Seen {
    fn all(self) -> u64 {
        self.own + self.host + self.disconnected + self.kept_disconnected + self.other
    }
}

pub(crate) struct Reader<'n> {
    node: &'n Node,
    number: u32,
    podman: Running<'n>,
}

impl<'n> Reader<'n> {
    /// Once it reads.
    pub(crate) fn new(node: &'n Node, number: u32, podman: Running<'n>) -> Self {
        let mut reader = Self { node, number, podman };
        let reads = becomes_true(PATIENCE, || reader.counts().is_some() || !reader.podman.is_running());
        assert!(reads && reader.counts().is_some(), "no reader: {}", node.log());
        reader
    }

    fn counts(&self) -> Option<Seen> {
        let text = fs::read_to_string(self.node.files(self.number).join("seen")).ok()?;
        let numbers: Vec<u64> = text.split(' ').map(|word| word.parse().unwrap()).collect();
        let [own, host, disconnected, kept_disconnected, other] = numbers[..] else {
            panic!("{text}");
        };
        Some(Seen {
            own,
            host,
            disconnected,
            kept_disconnected,
            other,
        })
    }

    /// What it has seen up to now.
    pub(crate) fn seen(&self) -> Seen {
        self.counts().unwrap()
    }

    /// Waits until it has read some more.
    pub(crate) fn reads_on(&self) {
        let before = self.seen().all();
        wait_until("a container reads on", || self.seen().all() > before + 20);
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        self.node.remove(self.number);
        let _ = becomes_true(PATIENCE, || !self.podman.is_running());
    }
}
