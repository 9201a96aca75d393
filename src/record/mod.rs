//! The formats of records: from records to bytes and back. Nothing here knows time, the memory pool or topics.

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

/// A header of a record: a name, and a value that can be null. A header borrows its name and its value.
///
/// Kafka keeps the order of headers. A record can have several headers with the same name (KIP-82).
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Header<'a> {
    /// The name. Any string is allowed, even an empty string.
    pub key: &'a str,
    /// The value. `None` means null. An empty value is not null.
    pub value: Option<&'a [u8]>,
}

/// Shows the size of the value, but not its bytes.
impl fmt::Debug for Header<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = self.value.map(<[u8]>::len);
        f.debug_struct("Header").field("key", &self.key).field("value_size", &size).finish()
    }
}

impl<'a> Header<'a> {
    /// Creates a header. The value is bytes, a string, or an `Option` of bytes or of a string. `None` means null.
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

    /// Creates a header whose value is null.
    pub fn null(key: &'a str) -> Self {
        Self { key, value: None }
    }
}
