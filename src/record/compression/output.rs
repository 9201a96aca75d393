//! Decoded bytes, with a limit that no peer can move.

use super::error::DecompressError;

/// What is decoded so far.
pub(super) struct Output {
    /// Longer than what is decoded by the room that was asked for last.
    bytes: Vec<u8>,
    len: usize,
    limit: usize,
}

impl Output {
    pub(super) fn new(limit: usize) -> Self {
        Self { bytes: Vec::new(), len: 0, limit }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn left(&self) -> usize {
        self.limit - self.len
    }

    pub(super) fn too_large(&self) -> DecompressError {
        DecompressError::TooLarge { limit: self.limit }
    }

    /// What is decoded, and behind it room for `wanted` bytes, or for as many as the limit leaves.
    pub(super) fn room(&mut self, wanted: usize) -> (&[u8], &mut [u8]) {
        let end = self.len.saturating_add(wanted).min(self.limit);
        if end > self.bytes.len() {
            if end > self.bytes.capacity() {
                // Doubling as a vector does, but never above the limit.
                let capacity = self.bytes.capacity().saturating_mul(2).clamp(end, self.limit);
                self.bytes.reserve_exact(capacity - self.bytes.len());
            }
            self.bytes.resize(end, 0);
        }
        let (decoded, room) = self.bytes[..end].split_at_mut(self.len);
        (decoded, room)
    }

    /// Takes over the first `len` bytes of the room.
    pub(super) fn advance(&mut self, len: usize) {
        self.len += len;
        debug_assert!(self.len <= self.bytes.len());
    }

    #[cfg(feature = "lz4")]
    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<(), DecompressError> {
        if bytes.len() > self.left() {
            return Err(self.too_large());
        }
        self.room(bytes.len()).1.copy_from_slice(bytes);
        self.advance(bytes.len());
        Ok(())
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        self.bytes.truncate(self.len);
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_ends_at_the_limit() {
        let mut output = Output::new(100);
        assert_eq!(output.room(60).1.len(), 60);
        output.advance(50);
        assert_eq!((output.room(usize::MAX).1.len(), output.left()), (50, 50));
        output.advance(50);
        assert_eq!(output.room(1).1.len(), 0);
        let bytes = output.finish();
        assert_eq!((bytes.len(), bytes.capacity()), (100, 100));
    }
}
