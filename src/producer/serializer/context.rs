//! The record for which a serializer is called.

use std::fmt;

use crate::record::Header;

/// The topic and the headers of the record for which a [`Serializer`] is called. The context also says whether the
/// serializer is called for the key or for the value.
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
#[derive(Clone, Copy, Debug)]
pub struct SerializationContext<'a> {
    topic: &'a str,
    headers: &'a [Header<'a>],
    is_key: bool,
}

impl<'a> SerializationContext<'a> {
    /// Creates the context for the key of a record for `topic` with `headers`.
    pub fn key(topic: &'a str, headers: &'a [Header<'a>]) -> Self {
        Self { topic, headers, is_key: true }
    }

    /// Creates the context for the value of a record for `topic` with `headers`.
    pub fn value(topic: &'a str, headers: &'a [Header<'a>]) -> Self {
        Self { topic, headers, is_key: false }
    }

    /// Returns the topic of the record.
    pub fn topic(&self) -> &'a str {
        self.topic
    }

    /// Returns the headers of the record.
    pub fn headers(&self) -> &'a [Header<'a>] {
        self.headers
    }

    /// Returns `true` for the key of the record, and `false` for the value of the record.
    pub fn is_key(&self) -> bool {
        self.is_key
    }
}

impl fmt::Display for SerializationContext<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of a record for '{}'", if self.is_key { "key" } else { "value" }, self.topic)
    }
}
