//! The trait of interceptors, and the record that they see.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use crate::error::Error;
use crate::producer::future::RecordMetadata;
use crate::record::{Header, IntoField, RecordFields};
use crate::time::millis_since_epoch;

/// Sees each record before it is sent, and the result of each record. It can change records, for example to add a header.
/// Pass an interceptor to [`interceptor`](crate::ProducerConfig::interceptor). Java's `ProducerInterceptor` has the same
/// methods (KIP-42).
///
/// Java's `close` is [`Drop`]: an interceptor is dropped when the producer is dropped and every record has a result, unless
/// a [`ProducerConfig`](crate::ProducerConfig) or an `Arc` also holds it.
///
/// ```
/// use kafka_producer::{InterceptedRecord, KafkaProducer, ProducerInterceptor};
///
/// /// Adds the name of the program to each record.
/// struct Origin(String);
///
/// impl ProducerInterceptor for Origin {
///     fn on_send(
///         &self,
///         record: &mut InterceptedRecord<'_>,
///     ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
///         record.add_header("origin", &self.0);
///         Ok(())
///     }
/// }
///
/// let mut record = InterceptedRecord::new("events");
/// Origin("shop".to_owned()).on_send(&mut record)?;
/// assert!(record.headers().any(|header| header.key == "origin"));
///
/// let config = KafkaProducer::builder().interceptor(Origin("shop".to_owned()));
/// # let _ = config;
/// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
/// ```
pub trait ProducerInterceptor: Send + Sync {
    /// Called by `send`, on its thread, after the serializers and before the partitioner. The default implementation does
    /// nothing.
    ///
    /// In Java this method gets the key and the value before they are serialized. Here it gets their bytes, because an
    /// interceptor is for producers of all types. A record whose serializer failed does not get here.
    ///
    /// This method must not send records with the same producer, because these records would get here too.
    ///
    /// # Errors
    /// An error does not stop the record. The error is logged at most once per minute, the changes that this call has made
    /// are dropped, and the record is sent. The same applies to a panic. So an interceptor can't make sure that each record
    /// is changed. To encrypt values, use a [`Serializer`](crate::Serializer).
    fn on_send(&self, record: &mut InterceptedRecord<'_>) -> Result<(), Box<dyn StdError + Send + Sync>> {
        let _ = record;
        Ok(())
    }

    /// Called with the result of each record for which [`on_send`](Self::on_send) was called. It is called exactly once for
    /// the record, even if `on_send` or `send` has failed. It is not called for a record whose partitioner panics, nor for a
    /// record that is sent inside this method if that `send` fails. The default implementation does nothing.
    ///
    /// It is called before the callbacks of the record, usually on the background thread. For an error that `send` returns,
    /// it is called on the thread of the `send`. In both cases the rules of
    /// [`add_callback`](crate::FutureRecordMetadata::add_callback) apply: it should be quick, and no call waits inside it.
    ///
    /// A panic is caught and logged at most once per minute. An error that an interceptor sees is still an unchecked failure
    /// (see [`FutureRecordMetadata`](crate::FutureRecordMetadata)).
    fn on_acknowledgement(&self, result: Result<&RecordMetadata, &Error>) {
        let _ = result;
    }
}

/// Several producers can share an interceptor in an `Arc`.
impl<I: ProducerInterceptor + ?Sized> ProducerInterceptor for Arc<I> {
    fn on_send(&self, record: &mut InterceptedRecord<'_>) -> Result<(), Box<dyn StdError + Send + Sync>> {
        (**self).on_send(record)
    }

    fn on_acknowledgement(&self, result: Result<&RecordMetadata, &Error>) {
        (**self).on_acknowledgement(result);
    }
}

/// A program can choose an interceptor in a `Box` at run time.
impl<I: ProducerInterceptor + ?Sized> ProducerInterceptor for Box<I> {
    fn on_send(&self, record: &mut InterceptedRecord<'_>) -> Result<(), Box<dyn StdError + Send + Sync>> {
        (**self).on_send(record)
    }

    fn on_acknowledgement(&self, result: Result<&RecordMetadata, &Error>) {
        (**self).on_acknowledgement(result);
    }
}

/// A serialized record that a [`ProducerInterceptor`] sees and can change. The topic can't be changed.
pub struct InterceptedRecord<'a> {
    topic: &'a str,
    partition: Option<i32>,
    timestamp: Option<i64>,
    key: Option<Cow<'a, [u8]>>,
    value: Option<Cow<'a, [u8]>>,
    headers: Vec<HeaderOf<'a>>,
}

/// The name and the value of a header. `None` means null.
type HeaderOf<'a> = (Cow<'a, str>, Option<Cow<'a, [u8]>>);

impl<'a> InterceptedRecord<'a> {
    /// Creates a record for `topic` that has no other fields. It is for tests of an interceptor.
    pub fn new(topic: &'a str) -> Self {
        Self::of(topic, None, None, &RecordFields { key: None, value: None, headers: &[] })
    }

    pub(crate) fn of(
        topic: &'a str,
        partition: Option<i32>,
        timestamp: Option<i64>,
        fields: &RecordFields<'a>,
    ) -> Self {
        let RecordFields { key, value, headers } = *fields;
        let header = |header: &Header<'a>| -> HeaderOf<'a> {
            (Cow::Borrowed(header.key), header.value.map(Cow::Borrowed))
        };
        Self {
            topic,
            partition,
            timestamp,
            key: key.map(Cow::Borrowed),
            value: value.map(Cow::Borrowed),
            headers: headers.iter().map(header).collect(),
        }
    }

    /// The same record, without a copy of key, value and headers.
    pub(super) fn borrowed(&self) -> InterceptedRecord<'_> {
        InterceptedRecord {
            topic: self.topic,
            partition: self.partition,
            timestamp: self.timestamp,
            key: self.key.as_deref().map(Cow::Borrowed),
            value: self.value.as_deref().map(Cow::Borrowed),
            headers: self
                .headers
                .iter()
                .map(|(key, value)| (Cow::Borrowed(&**key), value.as_deref().map(Cow::Borrowed)))
                .collect(),
        }
    }

    /// Returns the topic of the record.
    pub fn topic(&self) -> &str {
        self.topic
    }

    /// Returns the partition of the record, or `None` if the partitioner chooses the partition.
    pub fn partition(&self) -> Option<i32> {
        self.partition
    }

    /// Sets the partition. With `None` the partitioner chooses the partition.
    pub fn set_partition(&mut self, partition: impl Into<Option<i32>>) {
        self.partition = partition.into();
    }

    /// Returns the timestamp in milliseconds since 1970, or `None` if the record gets the time of the `send`.
    pub fn timestamp_ms(&self) -> Option<i64> {
        self.timestamp
    }

    /// Sets the timestamp. Kafka stores it in whole milliseconds. If it is before 1970, `send` fails.
    pub fn set_timestamp(&mut self, time: SystemTime) {
        self.set_timestamp_ms(millis_since_epoch(time));
    }

    /// Sets the timestamp in milliseconds since 1970.
    pub fn set_timestamp_ms(&mut self, millis: i64) {
        self.timestamp = Some(millis);
    }

    /// Returns the bytes of the key. Returns `None` if the key is null.
    pub fn key(&self) -> Option<&[u8]> {
        self.key.as_deref()
    }

    /// Sets the key. `None` means null.
    pub fn set_key(&mut self, key: impl Into<Option<Vec<u8>>>) {
        self.key = key.into().map(Cow::Owned);
    }

    /// Returns the bytes of the value. Returns `None` if the value is null.
    pub fn value(&self) -> Option<&[u8]> {
        self.value.as_deref()
    }

    /// Sets the value. `None` means null.
    pub fn set_value(&mut self, value: impl Into<Option<Vec<u8>>>) {
        self.value = value.into().map(Cow::Owned);
    }

    /// Returns the headers in their order.
    pub fn headers(&self) -> impl ExactSizeIterator<Item = Header<'_>> {
        self.headers.iter().map(|(key, value)| Header { key, value: value.as_deref() })
    }

    /// Adds a header after the other headers. The value is bytes, a string, or an `Option` of bytes or of a string. `None`
    /// means null.
    pub fn add_header<'v>(&mut self, key: &str, value: impl IntoField<'v, [u8]>) {
        let value = value.into_field().map(|value| Cow::Owned(value.to_owned()));
        self.headers.push((Cow::Owned(key.to_owned()), value));
    }

    /// Removes all headers with the name `key`.
    pub fn remove_headers(&mut self, key: &str) {
        self.headers.retain(|(name, _)| name != key);
    }
}

/// Shows the sizes of key and value, but not their bytes.
impl fmt::Debug for InterceptedRecord<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InterceptedRecord")
            .field("topic", &self.topic)
            .field("partition", &self.partition)
            .field("timestamp", &self.timestamp)
            .field("key_size", &self.key().map(<[u8]>::len))
            .field("value_size", &self.value().map(<[u8]>::len))
            .field("headers", &self.headers.len())
            .finish()
    }
}
