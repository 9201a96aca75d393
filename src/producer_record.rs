//! `ProducerRecord`: what to send, borrowed from its owner.

mod field;

use std::fmt;

use crate::error::Error;
use crate::record::Header;

pub(crate) use field::Field;
pub use field::IntoField;

/// A record to be sent: topic, and what else there is. Everything is borrowed, so a record costs no allocation (but
/// for [`header`](Self::header), which collects; [`headers`](Self::headers) borrows).
///
/// Keys and values are bytes, unless the producer has serializers: `K` and `V` are what it was
/// [built with](crate::ProducerConfig::build_with). Where nothing says which, as in a `let` before the `send`, write the
/// type: `ProducerRecord` for bytes, `ProducerRecord<'_, str, Order>` and so on.
///
/// ```
/// use kafka_producer::ProducerRecord;
///
/// let record: ProducerRecord = ProducerRecord::to("events").key("user-1").value("hello").header("trace", "abc");
/// # let _ = record;
/// ```
pub struct ProducerRecord<'a, K: ?Sized = [u8], V: ?Sized = [u8]> {
    pub(crate) topic: &'a str,
    pub(crate) partition: Option<i32>,
    pub(crate) timestamp: Option<i64>,
    pub(crate) key: Option<Field<'a, K>>,
    pub(crate) value: Option<Field<'a, V>>,
    headers: Headers<'a>,
}

#[derive(Clone)]
enum Headers<'a> {
    Borrowed(&'a [Header<'a>]),
    Collected(Vec<Header<'a>>),
}

impl<'a, K: ?Sized, V: ?Sized> ProducerRecord<'a, K, V> {
    /// A record for `topic`, with nothing in it yet: it needs a key or a value.
    #[inline]
    pub fn to(topic: &'a str) -> Self {
        Self {
            topic,
            partition: None,
            timestamp: None,
            key: None,
            value: None,
            headers: Headers::Borrowed(&[]),
        }
    }

    /// The key: records with equal keys go to the same partition. Without one, or with `None`, it is null.
    #[inline]
    pub fn key(mut self, key: impl IntoField<'a, K>) -> Self {
        self.key = key.into_field();
        self
    }

    /// The value. Without one, or with `None`, it is null, which on a compacted topic deletes the key; empty is not
    /// null.
    #[inline]
    pub fn value(mut self, value: impl IntoField<'a, V>) -> Self {
        self.value = value.into_field();
        self
    }

    /// The partition; without it the producer's [`Partitioner`](crate::Partitioner) chooses.
    #[inline]
    pub fn partition(mut self, partition: i32) -> Self {
        self.partition = Some(partition);
        self
    }

    /// The timestamp in milliseconds since 1970; without it, now.
    #[doc(alias = "timestamp_ms")]
    #[inline]
    pub fn timestamp(mut self, millis: i64) -> Self {
        self.timestamp = Some(millis);
        self
    }

    /// One more header. Order and repeated names are kept.
    pub fn header<B: AsRef<[u8]> + ?Sized>(self, key: &'a str, value: &'a B) -> Self {
        self.push(Header::new(key, value.as_ref()))
    }

    /// One more header, with null for a value.
    pub fn null_header(self, key: &'a str) -> Self {
        self.push(Header::new(key, None))
    }

    /// All headers at once, in the place of those before.
    #[inline]
    pub fn headers(mut self, headers: &'a [Header<'a>]) -> Self {
        self.headers = Headers::Borrowed(headers);
        self
    }

    /// The topic that it is for.
    pub fn topic(&self) -> &'a str {
        self.topic
    }

    pub(crate) fn all_headers(&self) -> &[Header<'a>] {
        match &self.headers {
            Headers::Borrowed(headers) => headers,
            Headers::Collected(headers) => headers,
        }
    }

    fn push(mut self, header: Header<'a>) -> Self {
        let mut all = match self.headers {
            Headers::Borrowed(headers) => headers.to_vec(),
            Headers::Collected(headers) => headers,
        };
        all.push(header);
        self.headers = Headers::Collected(all);
        self
    }
}

impl<K: ?Sized, V: ?Sized> Clone for ProducerRecord<'_, K, V> {
    fn clone(&self) -> Self {
        Self { headers: self.headers.clone(), ..*self }
    }
}

/// Without payload: sizes, not bytes.
impl<K: ?Sized, V: ?Sized> fmt::Debug for ProducerRecord<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProducerRecord")
            .field("topic", &self.topic)
            .field("partition", &self.partition)
            .field("timestamp", &self.timestamp)
            .field("key", &self.key)
            .field("value", &self.value)
            .field("headers", &self.all_headers().len())
            .finish()
    }
}

/// Why a record could not be sent, with the record.
///
/// It borrows what the record borrows. Where that ends sooner than the error is to go, as with `?` in a function that
/// returns `Box<dyn std::error::Error>`, take the [`Error`] alone: `try_send(record).map_err(Error::from)?`; `?` in a
/// function that returns [`Error`] does so by itself.
///
/// ```
/// use kafka_producer::{Error, FutureRecordMetadata, KafkaProducer, ProducerRecord};
///
/// /// Sends, or takes the way around: a file, a table, another cluster.
/// fn send_or_keep(producer: &KafkaProducer, record: ProducerRecord<'_>) -> Result<FutureRecordMetadata, Error> {
///     producer.try_send(record).or_else(|error| {
///         let (error, record) = error.into_parts();
///         if error.is_retriable() { producer.send(record) } else { Err(error) }
///     })
/// }
/// # let _ = send_or_keep;
/// ```
pub struct SendError<'a, K: ?Sized = [u8], V: ?Sized = [u8]>(Box<(Error, ProducerRecord<'a, K, V>)>);

impl<'a, K: ?Sized, V: ?Sized> SendError<'a, K, V> {
    pub(crate) fn new(error: Error, record: ProducerRecord<'a, K, V>) -> Self {
        Self(Box::new((error, record)))
    }

    /// Why.
    pub fn error(&self) -> &Error {
        &self.0.0
    }

    /// The record, as it was given.
    pub fn into_record(self) -> ProducerRecord<'a, K, V> {
        self.0.1
    }

    /// Both.
    pub fn into_parts(self) -> (Error, ProducerRecord<'a, K, V>) {
        *self.0
    }
}

impl<K: ?Sized, V: ?Sized> From<SendError<'_, K, V>> for Error {
    fn from(error: SendError<'_, K, V>) -> Self {
        error.0.0
    }
}

impl<K: ?Sized, V: ?Sized> fmt::Display for SendError<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error().fmt(f)
    }
}

impl<K: ?Sized, V: ?Sized> fmt::Debug for SendError<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendError").field("error", &self.0.0).field("record", &self.0.1).finish()
    }
}

impl<K: ?Sized, V: ?Sized> std::error::Error for SendError<'_, K, V> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        // The error itself is this one's text.
        self.error().source()
    }
}
