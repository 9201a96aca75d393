//! `ProducerRecord` is a record to send that borrows its data. `OwnedRecord` owns its data. Each is made from the other, so
//! they are in one file.

use std::any::type_name;
use std::borrow::Borrow;
use std::fmt;
use std::time::SystemTime;

use crate::record::{Header, IntoField};
use crate::time::millis_since_epoch;

/// A record to send. It has a topic, and a key, a value or both. A partition, a timestamp and headers are optional. A record
/// of [`new`](Self::new) has no topic and goes to the [default topic](crate::ProducerConfig::default_topic).
///
/// A record borrows its data, so creating it allocates no memory. The exception is [`header`](Self::header), which
/// allocates a list of headers. [`headers`](Self::headers) borrows a list instead. A clone is cheap too. To keep a record
/// for longer than the data that it borrows, use [`into_owned`](Self::into_owned).
///
/// `K` and `V` are the types of the key and the value. They are bytes, unless the producer was [built with
/// serializers](crate::ProducerConfig::build_with). If the compiler can't infer the types, write them, for example in a
/// `let` before the `send`: `ProducerRecord` for bytes, `ProducerRecord<'_, str, Order>` for a typed producer.
///
/// ```
/// use kafka_producer::ProducerRecord;
///
/// let record: ProducerRecord = ProducerRecord::to("events").key("user-1").value("hello").header("trace", "abc");
/// # let _ = record;
/// ```
pub struct ProducerRecord<'a, K: ?Sized = [u8], V: ?Sized = [u8]> {
    pub(crate) topic: Option<&'a str>,
    pub(crate) details: Details,
    pub(crate) key: Option<&'a K>,
    pub(crate) value: Option<&'a V>,
    headers: Headers<'a>,
}

/// The partition and the timestamp of a record, if it has them.
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
    /// Creates a record for `topic` that has no other fields yet. Before it is sent, it needs a key or a value.
    #[inline]
    pub fn to(topic: &'a str) -> Self {
        Self::of(Some(topic))
    }

    /// Creates a record without a topic and without other fields. It goes to the producer's
    /// [`default_topic`](crate::ProducerConfig::default_topic). If the producer has none, `send` fails with
    /// [`InvalidRecord`](crate::ErrorKind::InvalidRecord).
    #[inline]
    pub fn new() -> Self {
        Self::of(None)
    }

    #[inline]
    fn of(topic: Option<&'a str>) -> Self {
        Self { topic, details: Details::default(), key: None, value: None, headers: Headers::Borrowed(&[]) }
    }

    /// Sets the key. By default, records with equal keys go to the same partition. `None` means null, which is the default.
    #[inline]
    pub fn key(mut self, key: impl IntoField<'a, K>) -> Self {
        self.key = key.into_field();
        self
    }

    /// Sets the value. `None` means null, which is the default. In a compacted topic, a null value deletes the key. An
    /// empty value is not null.
    #[inline]
    pub fn value(mut self, value: impl IntoField<'a, V>) -> Self {
        self.value = value.into_field();
        self
    }

    /// Sets the partition. By default the producer's [`Partitioner`](crate::Partitioner) chooses it.
    #[inline]
    pub fn partition(mut self, partition: i32) -> Self {
        self.details.partition = Some(partition);
        self
    }

    /// Sets the timestamp. Kafka stores it in whole milliseconds. If it is before 1970, `send` fails. Default: the time of
    /// the `send`, from a clock that can be some milliseconds behind.
    #[inline]
    pub fn timestamp(self, time: SystemTime) -> Self {
        self.timestamp_ms(millis_since_epoch(time))
    }

    /// Sets the timestamp in milliseconds since 1970.
    #[inline]
    pub fn timestamp_ms(mut self, millis: i64) -> Self {
        self.details.timestamp = Some(millis);
        self
    }

    /// Adds a header. The value is bytes, a string, or an `Option` of bytes or a string. Kafka keeps the order of the
    /// headers, and accepts several headers with the same name.
    pub fn header(self, key: &'a str, value: impl IntoField<'a, [u8]>) -> Self {
        self.push(Header::new(key, value))
    }

    /// Adds a header whose value is null.
    pub fn null_header(self, key: &'a str) -> Self {
        self.push(Header::null(key))
    }

    /// Sets all headers. They replace the headers that were added before.
    #[inline]
    pub fn headers(mut self, headers: &'a [Header<'a>]) -> Self {
        self.headers = Headers::Borrowed(headers);
        self
    }

    /// Returns the topic of the record, or `None` if the record goes to the default topic.
    pub fn topic(&self) -> Option<&'a str> {
        self.topic
    }

    /// Returns the same record for another topic, such as a dead-letter topic. The partition is removed, because its number
    /// belongs to the old topic.
    pub fn with_topic(mut self, topic: &'a str) -> Self {
        self.topic = Some(topic);
        self.details.partition = None;
        self
    }

    /// Returns a copy of the record that owns its topic, key, value and headers.
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

/// Same as [`new`](Self::new).
impl<K: ?Sized, V: ?Sized> Default for ProducerRecord<'_, K, V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: ?Sized, V: ?Sized> Clone for ProducerRecord<'_, K, V> {
    fn clone(&self) -> Self {
        Self { headers: self.headers.clone(), ..*self }
    }
}

/// Shows the sizes of the key and the value, not their contents.
impl<K: ?Sized, V: ?Sized> fmt::Debug for ProducerRecord<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fmt_as("ProducerRecord", f)
    }
}

/// A [`ProducerRecord`] that owns its topic, key, value and headers. A program can keep it in a retry queue, in a channel,
/// or in the closure of a callback. [`ProducerRecord::into_owned`] creates it.
///
/// ```
/// use std::collections::VecDeque;
///
/// use kafka_producer::{Error, KafkaProducer, OwnedRecord, ProducerRecord};
///
/// /// Sends the kept records and then `record`. Keeps the records that can't be sent now.
/// fn send_or_keep(
///     producer: &KafkaProducer,
///     kept: &mut VecDeque<OwnedRecord>,
///     record: ProducerRecord<'_>,
/// ) -> Result<(), Error> {
///     kept.push_back(record.into_owned());
///     send_kept(producer, kept)
/// }
///
/// /// Sends the kept records in order, until a record can't be sent now.
/// fn send_kept(producer: &KafkaProducer, kept: &mut VecDeque<OwnedRecord>) -> Result<(), Error> {
///     while let Some(record) = kept.front() {
///         match producer.try_send(record.as_record()) {
///             Ok(_) => kept.pop_front(),
///             Err(error) if error.is_retriable() => break,
///             Err(error) => return Err(error),
///         };
///     }
///     Ok(())
/// }
/// # let _ = (send_or_keep, send_kept);
/// ```
pub struct OwnedRecord<K: ToOwned + ?Sized = [u8], V: ToOwned + ?Sized = [u8]> {
    topic: Option<String>,
    details: Details,
    key: Option<K::Owned>,
    value: Option<V::Owned>,
    headers: Vec<(String, Option<Vec<u8>>)>,
}

impl<K: ToOwned + ?Sized, V: ToOwned + ?Sized> OwnedRecord<K, V> {
    fn of(record: &ProducerRecord<'_, K, V>) -> Self {
        let owned = |header: &Header<'_>| (header.key.to_owned(), header.value.map(<[u8]>::to_owned));
        Self {
            topic: record.topic.map(str::to_owned),
            details: record.details,
            key: record.key.map(K::to_owned),
            value: record.value.map(V::to_owned),
            headers: record.all_headers().iter().map(owned).collect(),
        }
    }

    /// Returns the same record as a [`ProducerRecord`] that borrows from this record. Pass it to `send`. If the record has
    /// headers, a list is allocated for them.
    pub fn as_record(&self) -> ProducerRecord<'_, K, V> {
        let record = ProducerRecord {
            details: self.details,
            key: self.key.as_ref().map(Borrow::borrow),
            value: self.value.as_ref().map(Borrow::borrow),
            ..ProducerRecord::of(self.topic.as_deref())
        };
        record.with_headers(self.headers().collect())
    }

    /// Returns the topic of the record, or `None` if the record goes to the default topic.
    pub fn topic(&self) -> Option<&str> {
        self.topic.as_deref()
    }

    /// Returns the key, or `None` if the key is null.
    pub fn key(&self) -> Option<&K> {
        self.key.as_ref().map(Borrow::borrow)
    }

    /// Returns the value, or `None` if the value is null.
    pub fn value(&self) -> Option<&V> {
        self.value.as_ref().map(Borrow::borrow)
    }

    /// Returns the partition that was set, or `None` if the producer's partitioner chooses the partition.
    pub fn partition(&self) -> Option<i32> {
        self.details.partition
    }

    /// Returns the timestamp that was set, in milliseconds since 1970, or `None` if the record gets the time of the `send`.
    pub fn timestamp_ms(&self) -> Option<i64> {
        self.details.timestamp
    }

    /// Returns the headers in the order in which they were added.
    pub fn headers(&self) -> impl ExactSizeIterator<Item = Header<'_>> {
        self.headers.iter().map(|(key, value)| Header { key, value: value.as_deref() })
    }
}

impl<K: ToOwned + ?Sized, V: ToOwned + ?Sized> Clone for OwnedRecord<K, V> {
    fn clone(&self) -> Self {
        Self::of(&self.as_record())
    }
}

impl<'a, K: ToOwned + ?Sized, V: ToOwned + ?Sized> From<ProducerRecord<'a, K, V>> for OwnedRecord<K, V> {
    fn from(record: ProducerRecord<'a, K, V>) -> Self {
        Self::of(&record)
    }
}

/// Shows the sizes of the key and the value, not their contents.
impl<K: ToOwned + ?Sized, V: ToOwned + ?Sized> fmt::Debug for OwnedRecord<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_record().fmt_as("OwnedRecord", f)
    }
}

/// A key or value of which only type and size are shown.
struct Unseen<'a, T: ?Sized>(&'a T);

impl<T: ?Sized> fmt::Debug for Unseen<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} bytes", type_name::<T>(), size_of_val(self.0))
    }
}

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests {
    use super::*;

    #[test]
    fn an_owned_record_outlives_what_it_was_made_of_and_shows_no_payload() {
        let owned = {
            let (topic, key, value) = ("t".to_owned(), b"key".to_vec(), "value".to_owned());
            let record: ProducerRecord<'_> = ProducerRecord::to(&topic)
                .key(&key)
                .value(&value)
                .partition(3)
                .timestamp_ms(77)
                .header("a", b"1")
                .null_header("b");
            OwnedRecord::from(record)
        };
        for owned in [owned.clone(), owned] {
            assert_eq!(owned.topic(), Some("t"));
            assert_eq!((owned.key(), owned.value()), (Some(&b"key"[..]), Some(&b"value"[..])));
            assert_eq!((owned.partition(), owned.timestamp_ms()), (Some(3), Some(77)));
            let record = owned.as_record();
            assert_eq!((record.details.partition, record.details.timestamp), (Some(3), Some(77)));
            assert!(record.all_headers() == [Header::new("a", b"1"), Header::null("b")]);
            assert!(owned.headers().eq(record.all_headers().iter().copied()));
            let dead = record.with_topic("dead").into_owned();
            assert_eq!((dead.topic(), dead.partition(), dead.timestamp_ms()), (Some("dead"), None, Some(77)));
            assert!(dead.headers().eq(owned.headers()));
            assert_eq!(
                format!("{owned:?}"),
                "OwnedRecord { topic: Some(\"t\"), partition: Some(3), timestamp: Some(77), key: Some([u8] of 3 bytes), \
                 value: Some([u8] of 5 bytes), headers: 2 }"
            );
        }
    }

    #[test]
    fn typed_keys_and_values_are_cloned_and_null_stays_null() {
        let value = vec![1_u64, 2];
        let record: ProducerRecord<'_, str, Vec<u64>> = ProducerRecord::to("t").value(&value);
        let owned = record.into_owned();
        drop(value);
        assert_eq!((owned.key(), owned.value()), (None, Some(&vec![1, 2])));
        assert!(owned.as_record().all_headers().is_empty());
    }

    #[test]
    fn a_record_without_a_topic_stays_without_one() {
        let record: ProducerRecord<'_> = ProducerRecord::default().value("v");
        let owned = record.into_owned();
        assert_eq!((owned.topic(), owned.as_record().topic()), (None, None));
        assert_eq!(owned.as_record().with_topic("t").topic(), Some("t"));
        assert!(format!("{owned:?}").starts_with("OwnedRecord { topic: None,"), "{owned:?}");
    }
}
