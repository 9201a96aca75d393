//! The record for which a serializer is called.

use std::cell::{Cell, RefCell};
use std::fmt;

use crate::record::{Header, IntoField};

/// The topic and the headers of the record for which a [`Serializer`](crate::Serializer) is called. The context also says
/// whether the serializer is called for the key or for the value.
///
/// A serializer can [add headers](Self::add_header) to the record.
///
/// The producer creates this context. [`key`](Self::key) and [`value`](Self::value) are for tests of a serializer, and for
/// a serializer that calls another serializer.
///
/// ```
/// use kafka_producer::{SerializationContext, Serializer, StringSerializer};
///
/// let mut out = Vec::new();
/// StringSerializer.serialize(&SerializationContext::value("orders", &[]), "ä", &mut out)?;
/// assert_eq!(out, "ä".as_bytes());
/// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
/// ```
pub struct SerializationContext<'a> {
    topic: &'a str,
    headers: &'a [Header<'a>],
    is_key: bool,
    added: RefCell<Vec<AddedHeader>>,
    is_null: Cell<bool>,
}

/// The name and the value of a header. `None` means null.
pub(crate) type AddedHeader = (String, Option<Vec<u8>>);

impl<'a> SerializationContext<'a> {
    /// Creates the context for the key of a record for `topic` with `headers`.
    pub fn key(topic: &'a str, headers: &'a [Header<'a>]) -> Self {
        Self::new(topic, headers, true)
    }

    /// Creates the context for the value of a record for `topic` with `headers`.
    pub fn value(topic: &'a str, headers: &'a [Header<'a>]) -> Self {
        Self::new(topic, headers, false)
    }

    fn new(topic: &'a str, headers: &'a [Header<'a>], is_key: bool) -> Self {
        Self { topic, headers, is_key, added: RefCell::default(), is_null: Cell::new(false) }
    }

    /// Returns the topic of the record.
    pub fn topic(&self) -> &'a str {
        self.topic
    }

    /// Returns the headers of the record. For a value, these include the headers that the serializer of the key has added.
    /// They do not include the headers that are added with this context.
    pub fn headers(&self) -> &'a [Header<'a>] {
        self.headers
    }

    /// Returns `true` for the key of the record, and `false` for the value of the record.
    pub fn is_key(&self) -> bool {
        self.is_key
    }

    /// Adds a header to the record, for example the ID of a schema. The value is bytes, a string, or an `Option` of bytes or
    /// of a string. `None` means null.
    ///
    /// The record's own headers come first. The headers that the serializer of the key has added follow, then the headers
    /// that the serializer of the value has added. The partitioner and interceptors see all of them. If the serializer
    /// fails, `send` fails and the headers are dropped.
    ///
    /// A serializer whose [`as_bytes`](crate::Serializer::as_bytes) returns bytes is not called, so it can't add headers.
    pub fn add_header<'v>(&self, key: &str, value: impl IntoField<'v, [u8]>) {
        let added = (key.to_owned(), value.into_field().map(<[u8]>::to_owned));
        self.added.borrow_mut().push(added);
    }

    /// Stores null. The bytes that the serializer has written are ignored. A closure that returns `None` does the same.
    pub fn set_null(&self) {
        self.is_null.set(true);
    }

    /// Returns whether [`set_null`](Self::set_null) was called.
    pub fn is_null(&self) -> bool {
        self.is_null.get()
    }

    /// Returns the headers that were added with this context, in their order. A value of `None` means null.
    pub fn into_added_headers(self) -> Vec<(String, Option<Vec<u8>>)> {
        self.added.into_inner()
    }
}

/// Shows the names of the headers and the sizes of their values, but not the values.
impl fmt::Debug for SerializationContext<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let added = self.added.borrow();
        let added = added.iter().map(|(key, value)| Header { key, value: value.as_deref() });
        f.debug_struct("SerializationContext")
            .field("topic", &self.topic)
            .field("headers", &self.headers)
            .field("is_key", &self.is_key)
            .field("added", &added.collect::<Vec<_>>())
            .field("is_null", &self.is_null())
            .finish()
    }
}

impl fmt::Display for SerializationContext<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of a record for '{}'", if self.is_key { "key" } else { "value" }, self.topic)
    }
}
