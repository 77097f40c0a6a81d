//! A scrape, understood.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use lxcfs_testing::PATIENCE;

/// Samples by name and labels, as they are spelled.
#[derive(Debug, Clone, Default)]
pub struct Scrape(BTreeMap<String, f64>);

impl Scrape {
    /// At a unix socket.
    pub fn at(socket: &Path) -> io::Result<Self> {
        let stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Self::over(stream)
    }

    /// Over a connection.
    pub fn over(mut stream: impl Read + Write) -> io::Result<Self> {
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: test\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        if answer.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(
            head.contains(&format!("\r\nContent-Length: {}\r\n", body.len())),
            "{answer}"
        );
        Ok(Self::of(body))
    }

    fn of(body: &str) -> Self {
        let samples = body.lines().filter(|line| !line.starts_with('#'));
        let sample = |line: &str| {
            let (name, value) = line.rsplit_once(' ').unwrap();
            (name.to_owned(), value.parse().unwrap())
        };
        Self(samples.map(sample).collect())
    }

    /// The value of a sample.
    pub fn value(&self, name: &str) -> f64 {
        self.maybe(name).unwrap_or_else(|| panic!("no {name}: {self:?}"))
    }

    pub fn maybe(&self, name: &str) -> Option<f64> {
        self.0.get(name).copied()
    }

    /// The values that the only label of a metric has.
    pub fn labels(&self, metric: &str, label: &str) -> Vec<String> {
        let value = |name: &String| {
            let labels = name.strip_prefix(metric)?.strip_prefix('{')?.strip_suffix("\"}")?;
            Some(labels.strip_prefix(label)?.strip_prefix("=\"")?.to_owned())
        };
        self.0.keys().filter_map(value).collect()
    }

    /// What only grows has not fallen since.
    pub fn goes_on_from(&self, before: &Self) {
        let only_grows = |name: &&String| {
            let name = name.split('{').next().unwrap();
            ["_total", "_bucket", "_count", "_sum"]
                .iter()
                .any(|end| name.ends_with(end))
        };
        for name in before.0.keys().filter(only_grows) {
            // A container may have ended.
            if let Some(now) = self.maybe(name) {
                assert!(now >= before.value(name), "{name}: {now} after {}", before.value(name));
            }
        }
    }
}

/// Somebody who scrapes without a pause.
pub struct Scraper {
    thread: JoinHandle<Scraped>,
    stop: Arc<AtomicBool>,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Scraped {
    pub answered: usize,
    /// Those that nobody answered, and why.
    pub lost: Vec<io::ErrorKind>,
    pub last: Scrape,
}

impl Scraper {
    pub fn start(socket: &Path) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (socket, told) = (socket.to_owned(), Arc::clone(&stop));
        let scrape = move || {
            let mut scraped = Scraped::default();
            while !told.load(Ordering::Relaxed) {
                match Scrape::at(&socket) {
                    Ok(scrape) => {
                        scrape.goes_on_from(&scraped.last);
                        scraped.last = scrape;
                        scraped.answered += 1;
                    }
                    Err(error) => scraped.lost.push(error.kind()),
                }
            }
            scraped
        };
        Self {
            thread: std::thread::spawn(scrape),
            stop,
        }
    }

    pub fn ended(self) -> Scraped {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}
