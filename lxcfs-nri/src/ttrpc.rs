//! ttrpc: calls and their answers, each a message with a header of ten bytes.
//!
//! Only what NRI needs: a call is one request, and its answer one response.
//!
//! # References
//!
//! `PROTOCOL.md` of containerd/ttrpc

use std::mem;

use prost::Message;

use crate::prefix::{Prefix, two_numbers};

/// The most bytes in a message.
pub const LARGEST: u32 = 4 << 20;

/// A message is a request.
pub const REQUEST: u8 = 1;
/// A message is a response.
pub const RESPONSE: u8 = 2;

/// Codes of a [`Status`], which are those of gRPC.
pub mod code {
    /// All is well.
    pub const OK: i32 = 0;
    /// What was sent cannot be understood.
    pub const INVALID_ARGUMENT: i32 = 3;
    /// There is no such method.
    pub const UNIMPLEMENTED: i32 = 12;
}

/// A call.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Request {
    /// The service, such as `nri.pkg.api.v1alpha1.Plugin`.
    #[prost(string, tag = "1")]
    pub service: String,
    /// The method.
    #[prost(string, tag = "2")]
    pub method: String,
    /// Its argument, a message.
    #[prost(bytes = "vec", tag = "3")]
    pub payload: Vec<u8>,
    /// How long the caller waits, in nanoseconds.
    #[prost(int64, tag = "4")]
    pub timeout_nano: i64,
}

/// The answer to a call.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Response {
    /// How it ended; none if well.
    #[prost(message, optional, tag = "1")]
    pub status: Option<Status>,
    /// The result, a message.
    #[prost(bytes = "vec", tag = "2")]
    pub payload: Vec<u8>,
}

/// How a call ended.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Status {
    /// One of [`code`].
    #[prost(int32, tag = "1")]
    pub code: i32,
    /// What went wrong.
    #[prost(string, tag = "2")]
    pub message: String,
}

/// A message as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incoming {
    /// Which call it belongs to.
    pub stream: u32,
    /// [`REQUEST`], [`RESPONSE`], or what we do not know.
    pub kind: u8,
    /// What follows the header.
    pub payload: Vec<u8>,
}

/// A message says that it is longer than any can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a message of {length} bytes, where {LARGEST} are the most")]
pub struct MessageTooLong {
    /// How long it says to be.
    pub length: u32,
}

/// The bytes of a message.
#[must_use]
pub fn message(stream: u32, kind: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    let mut bytes = Vec::with_capacity(payload.len().saturating_add(10));
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(&stream.to_be_bytes());
    bytes.extend_from_slice(&[kind, 0]);
    bytes.extend_from_slice(payload);
    bytes
}

/// Puts messages together from the bytes of a connection.
#[derive(Debug, Default)]
pub struct Assembler {
    header: Prefix<10>,
    /// The message whose header has come, and the bytes that it misses.
    begun: Option<(Incoming, usize)>,
}

impl Assembler {
    /// Appends the messages that these bytes complete to `whole`. A message needs no more room than has come of it.
    ///
    /// # Errors
    ///
    /// [`MessageTooLong`]: what follows cannot be understood.
    pub fn feed(&mut self, mut bytes: &[u8], whole: &mut Vec<Incoming>) -> Result<(), MessageTooLong> {
        loop {
            let Some((incoming, missing)) = &mut self.begun else {
                let Some(header) = self.header.fill(&mut bytes) else {
                    return Ok(());
                };
                self.begun = Some(begin(header)?);
                continue;
            };
            let (piece, rest) = bytes.split_at((*missing).min(bytes.len()));
            incoming.payload.extend_from_slice(piece);
            *missing = missing.saturating_sub(piece.len());
            bytes = rest;
            if *missing > 0 {
                return Ok(());
            }
            whole.extend(mem::take(&mut self.begun).map(|(incoming, _)| incoming));
        }
    }
}

fn begin(header: [u8; 10]) -> Result<(Incoming, usize), MessageTooLong> {
    let (length, stream) = two_numbers(&header);
    if length > LARGEST {
        return Err(MessageTooLong { length });
    }
    let [.., kind, _flags] = header;
    let incoming = Incoming {
        stream,
        kind,
        payload: Vec::new(),
    };
    Ok((incoming, usize::try_from(length).unwrap_or(usize::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_is_understood_in_any_pieces() {
        let bytes = [
            message(1, REQUEST, &[5; 300]),
            message(3, RESPONSE, &[]),
            message(5, 9, &[1]),
        ]
        .concat();
        for pieces in [1, 3, 10, 11, 400] {
            let mut assembler = Assembler::default();
            let mut whole = Vec::new();
            for piece in bytes.chunks(pieces) {
                assembler.feed(piece, &mut whole).unwrap();
            }
            let seen: Vec<_> = whole
                .iter()
                .map(|one| (one.stream, one.kind, one.payload.len()))
                .collect();
            assert_eq!(seen, [(1, 1, 300), (3, 2, 0), (5, 9, 1)], "in pieces of {pieces}");
        }
    }

    #[test]
    fn a_call_has_the_bytes_that_the_protocol_says() {
        let request = Request {
            service: "s".to_owned(),
            method: "m".to_owned(),
            payload: vec![0xaa],
            timeout_nano: 0,
        };
        let bytes = message(1, REQUEST, &request.encode_to_vec());
        assert_eq!(
            bytes,
            [
                0, 0, 0, 9, 0, 0, 0, 1, 1, 0, 0x0a, 1, b's', 0x12, 1, b'm', 0x1a, 1, 0xaa
            ]
        );
    }

    #[test]
    fn a_message_longer_than_any_is_refused_by_its_header() {
        let mut whole = Vec::new();
        let error = Assembler::default()
            .feed(&[0, 0x40, 0, 1, 0, 0, 0, 1, 1, 0], &mut whole)
            .unwrap_err();
        assert_eq!(error.length, LARGEST + 1);
        assert!(whole.is_empty());
    }
}
