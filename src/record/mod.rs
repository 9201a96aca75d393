//! PURE record formats: records to bytes and back, no time, no memory budget, no topic.

mod batch;
mod compression;
mod encode;
mod reader;
mod split;

use std::fmt;

pub(crate) use batch::{BATCH_HEADER_LEN, BatchHead, Sequence, checksum};
pub(crate) use compression::{Codec, Compressor, decompress, lend_compressor, with_compressor};
pub use compression::{Compression, ParseCompressionError};
pub(crate) use encode::{RecordParts, RecordSize, encode_record};
pub(crate) use reader::*;
pub(crate) use split::{Part, split};

/// One header of a record, borrowed: a name, and a value that may be null.
///
/// Order and repeated names are kept, as Kafka keeps them (KIP-82).
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Header<'a> {
    /// The name; any text, the empty one too.
    pub key: &'a str,
    /// The value; `None` is null, which is not the same as empty.
    pub value: Option<&'a [u8]>,
}

/// Without payload: the value's size, not its bytes.
impl fmt::Debug for Header<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = self.value.map(<[u8]>::len);
        f.debug_struct("Header").field("key", &self.key).field("value_size", &size).finish()
    }
}

impl<'a> Header<'a> {
    /// A header; `value` may be `None` for null.
    pub fn new(key: &'a str, value: impl Into<Option<&'a [u8]>>) -> Self {
        Self { key, value: value.into() }
    }
}
