use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use lxcfs_testing::wait_until;

use super::*;
use crate::metrics::text::tests::status;

const REQUEST: &[u8] = b"GET /metrics HTTP/1.1\r\nHost: here\r\n\r\n";
const PATIENCE: Duration = Duration::from_secs(60);

fn source() -> Source {
    Box::new(|| Some(status()))
}

fn start(place: &Place) -> Server {
    Server::start(place.clone(), None, source()).unwrap()
}

fn unix(dir: &tempfile::TempDir) -> (Place, PathBuf) {
    let path = dir.path().join("metrics");
    (Place::Unix(path.clone()), path)
}

/// An address that nobody has.
fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// What is answered to these bytes; nothing if nobody does.
fn ask(mut stream: impl Read + Write, bytes: &[u8]) -> String {
    let mut answer = Vec::new();
    // One that is not wanted may be hung up on at any time.
    let _ = stream.write_all(bytes).and_then(|()| stream.read_to_end(&mut answer));
    String::from_utf8(answer).unwrap()
}

fn connect(path: &PathBuf) -> UnixStream {
    let stream = UnixStream::connect(path).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

fn is_scrape(answer: &str) -> bool {
    answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("\nlxcfs_reads_total 11\n")
}

#[test]
fn a_scrape_is_answered_at_a_unix_socket_that_is_root_s_alone() {
    let dir = tempfile::tempdir().unwrap();
    let (place, path) = unix(&dir);
    let server = start(&place);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(is_scrape(&ask(connect(&path), REQUEST)));
    let head = ask(connect(&path), b"HEAD /metrics HTTP/1.1\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 200") && head.ends_with("\r\n\r\n"), "{head}");
    assert!(ask(connect(&path), b"GET / HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 404"));
    drop(server);
    assert!(!path.exists());
}

#[test]
fn a_scrape_is_answered_at_an_address_of_the_loopback() {
    let address = free_address();
    let _server = start(&Place::Tcp(address));
    assert!(is_scrape(&ask(TcpStream::connect(address).unwrap(), REQUEST)));
}

#[test]
fn who_has_no_status_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let (place, path) = unix(&dir);
    let _server = Server::start(place, None, Box::new(|| None)).unwrap();
    assert!(ask(connect(&path), REQUEST).starts_with("HTTP/1.1 503 "));
}

#[test]
fn clients_that_say_nothing_or_hear_nothing_hold_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let (place, path) = unix(&dir);
    let _server = start(&place);
    let mut idle = Vec::new();
    for number in 0..5 * CLIENTS {
        let mut stream = connect(&path);
        if number % 2 == 0 {
            stream.write_all(REQUEST).unwrap();
        }
        idle.push(stream);
        assert!(is_scrape(&ask(connect(&path), REQUEST)), "{number}");
    }
}

#[test]
fn a_client_that_takes_too_long_is_hung_up_on() {
    let dir = tempfile::tempdir().unwrap();
    let (place, path) = unix(&dir);
    let _server = start(&place);
    // Half a request, and then nothing: whoever reads sees the end.
    assert_eq!(ask(connect(&path), b"GET /metr"), "");
}

#[test]
fn an_address_that_another_has_is_had_when_it_is_free() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap();
    let server = start(&Place::Tcp(address));
    assert!(server.listener().is_none());
    drop(other);
    wait_until("it has the address", || server.listener().is_some());
    assert!(is_scrape(&ask(TcpStream::connect(address).unwrap(), REQUEST)));
}

#[test]
fn who_follows_has_the_name_and_the_one_before_leaves_it_to_him() {
    let dir = tempfile::tempdir().unwrap();
    let (place, path) = unix(&dir);
    let first = start(&place);
    let second = Server::start(place, None, Box::new(|| None)).unwrap();
    drop(first);
    assert!(
        ask(connect(&path), REQUEST).starts_with("HTTP/1.1 503 "),
        "it is the second"
    );
    drop(second);
    assert!(!path.exists());
}

#[test]
fn a_socket_that_is_passed_on_is_gone_on_with() {
    let dir = tempfile::tempdir().unwrap();
    let (place, path) = unix(&dir);
    let passed = OwnedFd::from(Listener::bind(&place).unwrap());
    // Whoever has come before it is answered too.
    let waiting = connect(&path);
    let _server = Server::start(place, Some(passed), source()).unwrap();
    assert!(is_scrape(&ask(waiting, REQUEST)));
}

#[test]
fn a_socket_for_another_place_is_not_taken() {
    let dir = tempfile::tempdir().unwrap();
    let (place, _) = unix(&dir);
    let passed = OwnedFd::from(Listener::bind(&place).unwrap());
    let address = free_address();
    let _second = Server::start(Place::Tcp(address), Some(passed), source()).unwrap();
    assert!(is_scrape(&ask(TcpStream::connect(address).unwrap(), REQUEST)));
}

#[test]
fn a_file_that_is_no_socket_stays() {
    let dir = tempfile::tempdir().unwrap();
    let (place, path) = unix(&dir);
    fs::write(&path, "precious").unwrap();
    let server = start(&place);
    assert!(server.listener().is_none());
    drop(server);
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
}
