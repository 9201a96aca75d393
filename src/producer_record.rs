//! `ProducerRecord`: what to send, borrowed from its owner.

mod owned;

use std::any::type_name;
use std::fmt;
use std::time::SystemTime;

pub use self::owned::OwnedRecord;
use crate::record::{Header, IntoField};
use crate::time::millis_since_epoch;

/// A record to send: a topic, a key or a value or both, and optionally a partition, a timestamp and headers.
///
/// Everything is borrowed, so that a record costs no allocation, except for [`header`](Self::header), which collects a list;
/// [`headers`](Self::headers) borrows one. A clone is as cheap. [`into_owned`](Self::into_owned) copies a record that has to
/// be kept.
///
/// Keys and values are bytes, unless the producer has serializers: `K` and `V` are the types that it was
/// [built with](crate::ProducerConfig::build_with). Write the type where the compiler can't find it, as in a `let` before
/// the `send`: `ProducerRecord` for bytes, `ProducerRecord<'_, str, Order>` and so on.
///
/// ```
/// use kafka_producer::ProducerRecord;
///
/// let record: ProducerRecord = ProducerRecord::to("events").key("user-1").value("hello").header("trace", "abc");
/// # let _ = record;
/// ```
pub struct ProducerRecord<'a, K: ?Sized = [u8], V: ?Sized = [u8]> {
    pub(crate) topic: &'a str,
    pub(crate) details: Details,
    pub(crate) key: Option<&'a K>,
    pub(crate) value: Option<&'a V>,
    headers: Headers<'a>,
}

/// What a record may say about its partition and its time.
#[derive(Clone, Copy, Default)]
pub(crate) struct Details {
    pub(crate) partition: Option<i32>,
    /// In milliseconds since 1970.
    pub(crate) timestamp: Option<i64>,
}

#[derive(Clone)]
enum Headers<'a> {
    Borrowed(&'a [Header<'a>]),
    Collected(Vec<Header<'a>>),
}

impl<'a, K: ?Sized, V: ?Sized> ProducerRecord<'a, K, V> {
    /// A record for `topic`, with nothing in it yet. It needs a key or a value.
    #[inline]
    pub fn to(topic: &'a str) -> Self {
        Self { topic, details: Details::default(), key: None, value: None, headers: Headers::Borrowed(&[]) }
    }

    /// The key. Records with equal keys go to the same partition. Default, and with `None`: null.
    #[inline]
    pub fn key(mut self, key: impl IntoField<'a, K>) -> Self {
        self.key = key.into_field();
        self
    }

    /// The value. Default, and with `None`: null, which deletes the key in a compacted topic. An empty value is not null.
    #[inline]
    pub fn value(mut self, value: impl IntoField<'a, V>) -> Self {
        self.value = value.into_field();
        self
    }

    /// The partition. Default: the producer's [`Partitioner`](crate::Partitioner) chooses.
    #[inline]
    pub fn partition(mut self, partition: i32) -> Self {
        self.details.partition = Some(partition);
        self
    }

    /// The timestamp, of which Kafka keeps whole milliseconds. Default: the time of the `send`. A time before 1970 is refused
    /// by `send`.
    #[inline]
    pub fn timestamp(self, time: SystemTime) -> Self {
        self.timestamp_ms(millis_since_epoch(time))
    }

    /// The timestamp in milliseconds since 1970, as other clients take it.
    #[inline]
    pub fn timestamp_ms(mut self, millis: i64) -> Self {
        self.details.timestamp = Some(millis);
        self
    }

    /// Adds a header, with bytes or text for a value, or an `Option` of these. Order and repeated names are kept.
    pub fn header(self, key: &'a str, value: impl IntoField<'a, [u8]>) -> Self {
        self.push(Header::new(key, value))
    }

    /// Adds a header whose value is null.
    pub fn null_header(self, key: &'a str) -> Self {
        self.push(Header::null(key))
    }

    /// Sets all headers at once, and replaces those that were added before.
    #[inline]
    pub fn headers(mut self, headers: &'a [Header<'a>]) -> Self {
        self.headers = Headers::Borrowed(headers);
        self
    }

    /// The topic that the record is for.
    pub fn topic(&self) -> &'a str {
        self.topic
    }

    /// The same record with copies of its topic, key, value and headers.
    pub fn into_owned(self) -> OwnedRecord<K, V>
    where
        K: ToOwned,
        V: ToOwned,
    {
        OwnedRecord::of(&self)
    }

    pub(crate) fn all_headers(&self) -> &[Header<'a>] {
        match &self.headers {
            Headers::Borrowed(headers) => headers,
            Headers::Collected(headers) => headers,
        }
    }

    fn with_headers(mut self, headers: Vec<Header<'a>>) -> Self {
        self.headers = Headers::Collected(headers);
        self
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

    fn fmt_as(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(name)
            .field("topic", &self.topic)
            .field("partition", &self.details.partition)
            .field("timestamp", &self.details.timestamp)
            .field("key", &self.key.map(Unseen))
            .field("value", &self.value.map(Unseen))
            .field("headers", &self.all_headers().len())
            .finish()
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
        self.fmt_as("ProducerRecord", f)
    }
}

/// Payload, of which only type and size are shown.
struct Unseen<'a, T: ?Sized>(&'a T);

impl<T: ?Sized> fmt::Debug for Unseen<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} bytes", type_name::<T>(), size_of_val(self.0))
    }
}
