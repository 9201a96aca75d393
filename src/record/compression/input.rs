//! A cursor over compressed bytes that knows where it is, for the error.

use super::codec::Codec;
use super::error::DecompressError;

#[derive(Clone, Copy)]
pub(super) struct Input<'a> {
    codec: Codec,
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Input<'a> {
    pub(super) fn new(codec: Codec, bytes: &'a [u8]) -> Self {
        Self { codec, bytes, at: 0 }
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        &self.bytes[self.at..]
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest().is_empty()
    }

    pub(super) fn take(&mut self, len: usize) -> Result<&'a [u8], DecompressError> {
        let taken = self.rest().get(..len).ok_or_else(|| self.error("the data is truncated"))?;
        self.at += len;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], DecompressError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    /// An error about what comes next.
    pub(super) fn error(&self, what: &'static str) -> DecompressError {
        DecompressError::Malformed { codec: self.codec, at: self.at, what }
    }
}
