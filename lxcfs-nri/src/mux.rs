//! Several connections over one stream: frames of a connection's number, a length and that many bytes.
//!
//! A frame is a piece of a connection's bytes and not a message.
//!
//! # References
//!
//! `pkg/net/multiplex` of containerd/nri

use crate::prefix::{Prefix, two_numbers};

/// The connection on which the runtime calls the plugin.
pub const PLUGIN: u32 = 1;
/// The connection on which the plugin calls the runtime.
pub const RUNTIME: u32 = 2;

/// The most bytes in a frame that we send. The runtime reads with a buffer of this size, and drops a plugin whose frame
/// does not fit into it.
pub const LARGEST_SENT: usize = 4096;
/// The most bytes in a frame that we take: a whole message with its header.
pub const LARGEST_TAKEN: u32 = (4 << 20) + 10;

/// A frame says that it is longer than any can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a frame of {length} bytes on connection {connection}, where {LARGEST_TAKEN} are the most")]
pub struct FrameTooLong {
    /// Whose frame it is.
    pub connection: u32,
    /// How long it says to be.
    pub length: u32,
}

/// Appends those bytes of a connection as frames.
pub fn frame(connection: u32, bytes: &[u8], into: &mut Vec<u8>) {
    for piece in bytes.chunks(LARGEST_SENT) {
        into.extend_from_slice(&connection.to_be_bytes());
        into.extend_from_slice(&u32::try_from(piece.len()).unwrap_or_default().to_be_bytes());
        into.extend_from_slice(piece);
    }
}

/// Takes frames apart, in whatever pieces they come. It keeps nothing of them.
#[derive(Debug, Default)]
pub struct Demux {
    header: Prefix<8>,
    connection: u32,
    left: u32,
}

impl Demux {
    /// Gives the bytes of each connection to `take`.
    ///
    /// # Errors
    ///
    /// [`FrameTooLong`]: what follows cannot be understood.
    pub fn feed(&mut self, mut bytes: &[u8], mut take: impl FnMut(u32, &[u8])) -> Result<(), FrameTooLong> {
        while !bytes.is_empty() {
            if self.left == 0 {
                let Some(header) = self.header.fill(&mut bytes) else {
                    return Ok(());
                };
                let (connection, length) = two_numbers(&header);
                if length > LARGEST_TAKEN {
                    return Err(FrameTooLong { connection, length });
                }
                (self.connection, self.left) = (connection, length);
                continue;
            }
            let here = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len());
            let (piece, rest) = bytes.split_at(here);
            take(self.connection, piece);
            self.left = self.left.saturating_sub(u32::try_from(here).unwrap_or(u32::MAX));
            bytes = rest;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(frames: &[u8], pieces: usize) -> Result<Vec<(u32, Vec<u8>)>, FrameTooLong> {
        let mut demux = Demux::default();
        let mut all: Vec<(u32, Vec<u8>)> = Vec::new();
        for piece in frames.chunks(pieces) {
            demux.feed(piece, |connection, bytes| match all.last_mut() {
                Some((last, text)) if *last == connection => text.extend_from_slice(bytes),
                _ => all.push((connection, bytes.to_vec())),
            })?;
        }
        Ok(all)
    }

    #[test]
    fn no_frame_that_is_sent_is_longer_than_the_buffer_of_the_runtime() {
        let mut frames = Vec::new();
        frame(PLUGIN, &[7; 9000], &mut frames);
        let lengths: Vec<_> = [0, 4104, 8208].map(|at| two_numbers(&frames[at..at + 8])).to_vec();
        assert_eq!(lengths, [(1, 4096), (1, 4096), (1, 808)]);
        assert_eq!(frames.len(), 9000 + 3 * 8);
    }

    #[test]
    fn what_is_sent_is_understood_in_any_pieces() {
        let mut frames = Vec::new();
        frame(PLUGIN, &[1; 5000], &mut frames);
        frame(RUNTIME, &[2; 3], &mut frames);
        frame(PLUGIN, &[3; 1], &mut frames);
        for pieces in [1, 2, 7, 8, 9, 4096, 10_000] {
            let all = taken(&frames, pieces).unwrap();
            let sizes: Vec<_> = all
                .iter()
                .map(|(connection, bytes)| (*connection, bytes.len()))
                .collect();
            assert_eq!(sizes, [(1, 5000), (2, 3), (1, 1)], "in pieces of {pieces}");
        }
    }

    #[test]
    fn an_empty_frame_is_nothing() {
        let frames = [&[0, 0, 0, 1, 0, 0, 0, 0][..], &[0, 0, 0, 2, 0, 0, 0, 1, 9]].concat();
        assert_eq!(taken(&frames, 100), Ok(vec![(2, vec![9])]));
    }

    #[test]
    fn a_length_that_no_frame_has_is_refused_before_its_bytes_come() {
        let error = taken(&[0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff], 100).unwrap_err();
        assert_eq!((error.connection, error.length), (1, u32::MAX));
    }
}
