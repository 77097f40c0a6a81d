//! What a client asks, and the answer as bytes: as much of HTTP/1.1 as a scrape needs.
//!
//! # References
//!
//! RFC 9110, RFC 9112.

use httparse::{EMPTY_HEADER, Error, Header, Request, Status};

use super::text::Format;

/// How long a request may be: line and headers. Prometheus sends some 300 bytes.
pub(super) const REQUEST: usize = 8192;

/// How many headers it may have.
const HEADERS: usize = 64;

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// It has not all come yet.
    Unfinished,
    /// The metrics, or only how long they are.
    Metrics { format: Format, head: bool },
    /// Something that there is not.
    Refused(Refusal),
}

/// Why there are no metrics in the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    NotHttp,
    NoSuchPath,
    NoSuchMethod,
    TooLong,
    /// Not the client's fault.
    NotKnown,
}

impl Refusal {
    /// For people.
    fn why(self) -> &'static str {
        match self {
            Self::NotHttp => "this is no HTTP/1.1",
            Self::NoSuchPath => "there is only /metrics here",
            Self::NoSuchMethod => "metrics can only be read",
            Self::TooLong => "the request is too long",
            Self::NotKnown => "the daemon does not answer",
        }
    }

    fn line(self) -> &'static str {
        match self {
            Self::NotHttp => "400 Bad Request",
            Self::NoSuchPath => "404 Not Found",
            Self::NoSuchMethod => "405 Method Not Allowed\r\nAllow: GET, HEAD",
            Self::TooLong => "431 Request Header Fields Too Large",
            Self::NotKnown => "503 Service Unavailable",
        }
    }
}

/// What the bytes ask that have come so far.
pub(super) fn asked(bytes: &[u8]) -> Asked {
    let mut headers = [EMPTY_HEADER; HEADERS];
    let mut request = Request::new(&mut headers);
    match request.parse(bytes) {
        Ok(Status::Complete(_)) => {}
        Ok(Status::Partial) if bytes.len() < REQUEST => return Asked::Unfinished,
        Ok(Status::Partial) | Err(Error::TooManyHeaders) => return Asked::Refused(Refusal::TooLong),
        Err(_) => return Asked::Refused(Refusal::NotHttp),
    }
    let head = match request.method {
        Some("GET") => false,
        Some("HEAD") => true,
        _ => return Asked::Refused(Refusal::NoSuchMethod),
    };
    let path = request.path.and_then(|path| path.split('?').next());
    if path != Some("/metrics") {
        return Asked::Refused(Refusal::NoSuchPath);
    }
    Asked::Metrics {
        format: format(request.headers),
        head,
    }
}

/// OpenMetrics for those who say that they read it; whoever asks for nothing gets what everybody reads.
fn format(headers: &[Header<'_>]) -> Format {
    let mut accepted = headers
        .iter()
        .filter(|header| header.name.eq_ignore_ascii_case("accept"))
        .filter_map(|header| std::str::from_utf8(header.value).ok());
    if accepted.any(|value| value.contains("application/openmetrics-text")) {
        Format::OpenMetrics
    } else {
        Format::Prometheus
    }
}

/// The answer with metrics.
pub(super) fn metrics(text: &str, format: Format, head: bool) -> Vec<u8> {
    answer("200 OK", format.content_type(), text, head)
}

/// The answer without.
pub(super) fn refusal(refusal: Refusal) -> Vec<u8> {
    let why = format!("{}\n", refusal.why());
    answer(refusal.line(), "text/plain; charset=utf-8", &why, false)
}

fn answer(status: &str, content_type: &str, text: &str, head: bool) -> Vec<u8> {
    let length = text.len();
    let mut bytes = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    )
    .into_bytes();
    if !head {
        bytes.extend_from_slice(text.as_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN: &str = "Accept: application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";

    fn metrics_in(format: Format, head: bool) -> Asked {
        Asked::Metrics { format, head }
    }

    #[test]
    fn a_scrape_says_which_format_it_reads() {
        let prometheus = format!("GET /metrics HTTP/1.1\r\nHost: a\r\n{OPEN}\r\n\r\n");
        assert_eq!(asked(prometheus.as_bytes()), metrics_in(Format::OpenMetrics, false));
        let curl = b"GET /metrics?x=1 HTTP/1.1\r\nHost: a\r\nAccept: */*\r\n\r\n";
        assert_eq!(asked(curl), metrics_in(Format::Prometheus, false));
        assert_eq!(
            asked(b"HEAD /metrics HTTP/1.0\r\n\r\n"),
            metrics_in(Format::Prometheus, true)
        );
    }

    #[test]
    fn a_request_is_not_answered_before_it_has_come() {
        let whole = format!("GET /metrics HTTP/1.1\r\n{OPEN}\r\n\r\n");
        for length in 0..whole.len() {
            assert_eq!(asked(&whole.as_bytes()[..length]), Asked::Unfinished, "{length}");
        }
    }

    #[test]
    fn what_is_no_scrape_is_refused() {
        let many = format!("GET /metrics HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(HEADERS + 1));
        let long = format!("GET /metrics HTTP/1.1\r\na: {}", "b".repeat(REQUEST));
        for (text, refusal) in [
            ("GET / HTTP/1.1\r\n\r\n", Refusal::NoSuchPath),
            ("GET /metrics/ HTTP/1.1\r\n\r\n", Refusal::NoSuchPath),
            ("POST /metrics HTTP/1.1\r\n\r\n", Refusal::NoSuchMethod),
            ("\u{16}\u{3}\u{1}", Refusal::NotHttp),
            ("GET /metrics HTTP/2.0\r\n\r\n", Refusal::NotHttp),
            (&many, Refusal::TooLong),
            (&long, Refusal::TooLong),
        ] {
            assert_eq!(asked(text.as_bytes()), Asked::Refused(refusal), "{text}");
        }
    }

    #[test]
    fn an_answer_says_how_long_it_is_and_ends_the_connection() {
        let text = String::from_utf8(metrics("a 1\n", Format::Prometheus, false)).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert_eq!(body, "a 1\n");
        assert_eq!(
            head,
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: 4\r\nConnection: close"
        );
        assert!(metrics("a 1\n", Format::Prometheus, true).ends_with(b"close\r\n\r\n"));
    }
}
