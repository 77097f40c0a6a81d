//! A header of fixed length, gathered from pieces.

/// The first `N` bytes of what comes next.
#[derive(Debug, Clone)]
pub(crate) struct Prefix<const N: usize> {
    bytes: [u8; N],
    have: usize,
}

impl<const N: usize> Default for Prefix<N> {
    fn default() -> Self {
        Self { bytes: [0; N], have: 0 }
    }
}

impl<const N: usize> Prefix<N> {
    /// Takes what is missing from the front of `bytes`; answers the whole header once it is there, and begins anew.
    pub(crate) fn fill(&mut self, bytes: &mut &[u8]) -> Option<[u8; N]> {
        let place = self.bytes.get_mut(self.have..)?;
        let (taken, rest) = bytes.split_at(place.len().min(bytes.len()));
        for (to, from) in place.iter_mut().zip(taken) {
            *to = *from;
        }
        *bytes = rest;
        self.have = self.have.saturating_add(taken.len());
        if self.have < N {
            return None;
        }
        self.have = 0;
        Some(self.bytes)
    }
}

/// Two numbers of 32 bits that stand at the front of a header, high bytes first.
pub(crate) fn two_numbers(header: &[u8]) -> (u32, u32) {
    let mut numbers = header
        .chunks_exact(4)
        .map(|four| four.iter().fold(0_u32, |all, byte| (all << 8) | u32::from(*byte)));
    (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default())
}
