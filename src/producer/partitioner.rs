//! Partitioners choose the partition of a record.

mod hash;
mod key_hash;
mod keyless;
#[cfg(feature = "partitioners")]
mod ring;

use std::sync::Arc;

pub use hash::HashPartitioner;
pub use key_hash::KeyHash;
pub use keyless::{DefaultPartitioner, RandomPartitioner, RoundRobinPartitioner, StickyPartitioner};
#[cfg(feature = "partitioners")]
pub use ring::HashRingPartitioner;

use crate::producer::sticky::StickyContext;
use crate::record::{Header, RecordFields};

/// Chooses the partition of each record that does not have a partition. Pass a partitioner to
/// [`partitioner`](crate::ProducerConfig::partitioner). Pass a closure to
/// [`partition_by`](crate::ProducerConfig::partition_by).
///
/// ```
/// use kafka_producer::{PartitionContext, Partitioner, StickyPartitioner};
///
/// /// Sends records for the topic `audit` to partition 0. Uses the default partitioner for all other topics.
/// struct AuditFirst;
///
/// impl Partitioner for AuditFirst {
///     fn partition(&self, record: &PartitionContext<'_>) -> i32 {
///         match record.topic() {
///             "audit" => 0,
///             _ => StickyPartitioner.partition(record),
///         }
///     }
/// }
///
/// assert_eq!(AuditFirst.partition(&PartitionContext::new("audit", 6)), 0);
/// ```
pub trait Partitioner: Send + Sync {
    /// Returns the number of the partition for `record`.
    ///
    /// The producer calls this method once for each record that has no partition, on the thread that calls `send`. The
    /// method must not call `send` itself. If the topic has no partition with the returned number, `send` fails with
    /// [`ErrorKind::UnknownPartition`](crate::ErrorKind::UnknownPartition).
    ///
    /// If the method panics, `send` panics. The record is then in no batch and takes no memory, and the producer continues.
    fn partition(&self, record: &PartitionContext<'_>) -> i32;
}

/// The record for which a [`Partitioner`] chooses a partition, and the topic of the record.
///
/// The producer creates this context. [`new`](Self::new) and the methods that begin with `with_` are for tests, and for a
/// partitioner that passes a changed record to another partitioner:
///
/// ```
/// use kafka_producer::{DefaultPartitioner, PartitionContext, Partitioner};
///
/// /// Keys have the form `tenant/id`. All records of a tenant go to the same partition.
/// fn by_tenant(record: &PartitionContext<'_>) -> i32 {
///     let tenant = record.key().and_then(|key| key.split(|byte| *byte == b'/').next());
///     DefaultPartitioner.partition(&record.with_key(tenant))
/// }
///
/// let partition = |key: &[u8]| by_tenant(&PartitionContext::new("events", 6).with_key(Some(key)));
/// assert_eq!(partition(b"acme/1"), partition(b"acme/2"));
/// ```
#[derive(Clone, Copy)]
pub struct PartitionContext<'a> {
    topic: &'a str,
    key: Option<&'a [u8]>,
    value: Option<&'a [u8]>,
    headers: &'a [Header<'a>],
    partition_count: i32,
    available_partitions: &'a [i32],
    /// `None` if the program has created the context.
    sticky: Option<&'a StickyContext<'a>>,
}

impl<'a> PartitionContext<'a> {
    #[inline]
    pub(crate) fn of(topic: &'a str, fields: &RecordFields<'a>, sticky: &'a StickyContext<'a>) -> Self {
        let RecordFields { key, value, headers } = *fields;
        Self {
            topic,
            key,
            value,
            headers,
            // Kafka numbers partitions with an i32.
            partition_count: sticky.queues.len() as i32,
            available_partitions: sticky.available,
            sticky: Some(sticky),
        }
    }

    /// Creates the context of a record for `topic` without key, value and headers. The topic has `partition_count`
    /// partitions, at least 1. None of the partitions has a leader.
    ///
    /// # Panics
    /// If `partition_count` is less than 1, because every topic has a partition.
    pub fn new(topic: &'a str, partition_count: i32) -> Self {
        assert!(partition_count > 0, "a topic has at least 1 partition, not {partition_count}");
        Self {
            topic,
            key: None,
            value: None,
            headers: &[],
            partition_count,
            available_partitions: &[],
            sticky: None,
        }
    }

    /// Sets the key. `None` means null.
    pub fn with_key(self, key: Option<&'a [u8]>) -> Self {
        Self { key, ..self }
    }

    /// Sets the value. `None` means null.
    pub fn with_value(self, value: Option<&'a [u8]>) -> Self {
        Self { value, ..self }
    }

    /// Sets the headers.
    pub fn with_headers(self, headers: &'a [Header<'a>]) -> Self {
        Self { headers, ..self }
    }

    /// Sets the partitions that have a leader.
    pub fn with_available_partitions(self, available_partitions: &'a [i32]) -> Self {
        Self { available_partitions, ..self }
    }

    /// Returns the topic of the record.
    pub fn topic(&self) -> &'a str {
        self.topic
    }

    /// Returns the bytes of the key. Returns `None` if the key is null.
    #[doc(alias = "key_bytes")]
    pub fn key(&self) -> Option<&'a [u8]> {
        self.key
    }

    /// Returns the bytes of the value. Returns `None` if the value is null.
    pub fn value(&self) -> Option<&'a [u8]> {
        self.value
    }

    /// Returns the headers of the record.
    pub fn headers(&self) -> &'a [Header<'a>] {
        self.headers
    }

    /// Returns the number of partitions of the topic, at least 1. Partitions are numbered from 0.
    pub fn partition_count(&self) -> i32 {
        self.partition_count
    }

    /// Returns the partitions that have a leader now, in ascending order. The list can be empty.
    #[doc(alias = "available")]
    pub fn available_partitions(&self) -> &'a [i32] {
        self.available_partitions
    }

    /// Returns whether the record is not sent, because the program has called
    /// [`partition_for`](crate::KafkaProducer::partition_for). A partitioner that counts records does not count this one.
    pub fn is_dry_run(&self) -> bool {
        self.sticky.is_some_and(|sticky| sticky.is_dry_run)
    }
}

/// Shows the sizes of key and value, but not their bytes.
impl std::fmt::Debug for PartitionContext<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PartitionContext")
            .field("topic", &self.topic)
            .field("key_size", &self.key.map(<[u8]>::len))
            .field("value_size", &self.value.map(<[u8]>::len))
            .field("headers", &self.headers.len())
            .field("partition_count", &self.partition_count)
            .field("available_partitions", &self.available_partitions)
            .finish()
    }
}

/// Several producers can share a partitioner in an `Arc`.
impl<P: Partitioner + ?Sized> Partitioner for Arc<P> {
    fn partition(&self, record: &PartitionContext<'_>) -> i32 {
        (**self).partition(record)
    }
}

/// A program can choose a partitioner in a `Box` at run time.
impl<P: Partitioner + ?Sized> Partitioner for Box<P> {
    fn partition(&self, record: &PartitionContext<'_>) -> i32 {
        (**self).partition(record)
    }
}

/// A closure as a [`Partitioner`]. Closures do not implement the trait, because the compiler would not find out the type of
/// their argument.
pub(crate) struct PartitionBy<F>(pub(crate) F);

impl<F: Fn(&PartitionContext<'_>) -> i32 + Send + Sync> Partitioner for PartitionBy<F> {
    fn partition(&self, record: &PartitionContext<'_>) -> i32 {
        (self.0)(record)
    }
}

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests {
    use super::*;

    #[test]
    fn a_partitioner_knows_the_record_and_never_shows_its_bytes() {
        let headers = [Header::new("trace", b"abc")];
        let record = PartitionContext::new("t", 3)
            .with_key(Some(b"key"))
            .with_value(Some(b"value"))
            .with_headers(&headers)
            .with_available_partitions(&[1]);
        let by_all = PartitionBy(|record: &PartitionContext<'_>| {
            let sizes =
                [record.key(), record.value(), record.headers()[0].value].map(|field| field.unwrap().len());
            sizes.iter().sum::<usize>() as i32 + record.partition_count() + record.available_partitions()[0]
        });
        let shared: Arc<dyn Partitioner> = Arc::new(by_all);
        let chosen: Box<dyn Partitioner> = Box::new(Arc::clone(&shared));
        assert_eq!((shared.partition(&record), chosen.partition(&record)), (15, 15));
        assert_eq!(
            format!("{record:?}"),
            "PartitionContext { topic: \"t\", key_size: Some(3), value_size: Some(5), headers: 1, partition_count: 3, \
             available_partitions: [1] }"
        );
    }
}
