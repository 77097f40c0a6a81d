//! A real Prometheus that scrapes a real daemon.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use lxcfs_testing::wait_until;
use serde_json::Value;
use tempfile::TempDir;

use super::{can_mount, has};

/// An address that nobody has.
pub fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// A server; it ends when this is dropped.
pub struct Prometheus {
    child: Child,
    address: SocketAddr,
    _dir: TempDir,
}

impl Prometheus {
    /// One that scrapes that address every second.
    pub fn scraping(target: SocketAddr) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let address = free_address();
        let config = format!(
            "global: {{scrape_interval: 1s}}\nscrape_configs:\n- job_name: lxcfs\n  static_configs:\n  - targets: ['{target}']\n"
        );
        let file = dir.path().join("prometheus.yml");
        fs::write(&file, config).unwrap();
        let log = fs::File::create(dir.path().join("log")).unwrap();
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", dir.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .process_group(0)
            .spawn()
            .unwrap();
        Self {
            child,
            address,
            _dir: dir,
        }
    }

    /// What it answers to a query; nothing if it does not answer yet.
    pub fn query(&self, query: &str) -> Option<Value> {
        let output = Command::new("curl")
            .args(["--silent", "--max-time", "10", "--get", "--data-urlencode"])
            .arg(format!("query={query}"))
            .arg(format!("http://{}/api/v1/query", self.address))
            .output()
            .unwrap();
        serde_json::from_slice(&output.stdout).ok()
    }

    /// The value of the only series that a query has.
    pub fn value(&self, query: &str) -> Option<f64> {
        let answer = self.query(query)?;
        let result = answer["data"]["result"].as_array()?;
        let value = result.first()?["value"][1].as_str()?;
        value.parse().ok().filter(|_| result.len() == 1)
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn prometheus_knows_how_many_reads_were_made() {
    if !(can_mount() && has("prometheus") && has("curl")) {
        return;
    }
    let target = free_address();
    let option = format!("--metrics={target}");
    let daemon = super::start(&["--keep", &option]).unwrap();
    let prometheus = Prometheus::scraping(target);
    wait_until("it has scraped", || prometheus.value("up") == Some(1.0));
    for _ in 0..123 {
        daemon.read("proc/uptime");
    }
    wait_until("it knows of all reads", || {
        prometheus.value("lxcfs_reads_total") == Some(123.0)
    });
    assert_eq!(prometheus.value("lxcfs_build_info"), Some(1.0));
}

#[test]
fn prometheus_understands_every_query_of_the_dashboard() {
    if !(can_mount() && has("prometheus") && has("curl")) {
        return;
    }
    let prometheus = Prometheus::scraping(free_address());
    wait_until("it answers", || prometheus.query("1").is_some());
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/grafana/dashboard.json");
    let dashboard: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    let mut queries = 0;
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let query = target["expr"].as_str().unwrap();
            let known = query
                .replace("$__rate_interval", "1m")
                .replace("$__range", "1m")
                .replace("$node", ".*")
                .replace("$container", ".*");
            let answer = prometheus.query(&known).unwrap();
            assert_eq!(answer["status"], "success", "{}: {query}: {answer}", panel["title"]);
            queries += 1;
        }
    }
    assert!(queries > 10);
}
