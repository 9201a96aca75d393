//! PURE record formats: records to bytes and back, no time, no memory budget, no topic.

mod batch;
mod compression;
mod encode;
mod field;
mod reader;
mod split;

use std::fmt;

pub(crate) use batch::{BATCH_HEADER_LEN, BatchHead, Sequence, checksum};
pub(crate) use compression::{Codec, Compressor, decompress, lend_compressor, with_compressor};
pub use compression::{Compression, ParseCompressionError};
pub(crate) use encode::{RecordFields, RecordSize, encode_record};
pub use field::IntoField;
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
    /// A header whose value is bytes or text, or an `Option` of these.
    ///
    /// ```
    /// use kafka_producer::Header;
    ///
    /// let headers = [Header::new("trace", "abc"), Header::new("raw", b"\x00\x01"), Header::null("deleted")];
    /// # let _ = headers;
    /// ```
    pub fn new(key: &'a str, value: impl IntoField<'a, [u8]>) -> Self {
        Self { key, value: value.into_field() }
    }

    /// A header whose value is null.
    pub fn null(key: &'a str) -> Self {
        Self { key, value: None }
    }
}
