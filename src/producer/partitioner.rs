//! Which partition a record goes to.

use std::sync::Arc;

use crate::record::{Header, RecordFields};

/// Chooses the partition of each record that does not name one. It is given to
/// [`partitioner`](crate::ProducerConfig::partitioner); a closure is given to
/// [`partition_by`](crate::ProducerConfig::partition_by).
///
/// ```
/// use kafka_producer::{DefaultPartitioner, PartitionContext, Partitioner};
///
/// /// Sends what is in the topic `audit` to partition 0, and everything else where kafka-python would.
/// struct AuditFirst;
///
/// impl Partitioner for AuditFirst {
///     fn partition(&self, record: &PartitionContext<'_>) -> i32 {
///         match record.topic() {
///             "audit" => 0,
///             _ => DefaultPartitioner.partition(record),
///         }
///     }
/// }
///
/// assert_eq!(AuditFirst.partition(&PartitionContext::new("audit", 6)), 0);
/// ```
pub trait Partitioner: Send + Sync {
    /// The partition for `record`.
    ///
    /// It is called on the thread that calls `send`, and must not call `send` itself. A number that is not one of the topic's
    /// partitions fails the `send` with [`ErrorKind::UnknownPartition`](crate::ErrorKind::UnknownPartition).
    ///
    /// A panic reaches the caller of `send`. The record is then in no batch and takes no memory, and the producer goes on.
    fn partition(&self, record: &PartitionContext<'_>) -> i32;
}

/// What a [`Partitioner`] knows about the record and its topic.
///
/// A producer makes it. [`new`](Self::new) and the methods after it are for a partitioner's own tests.
#[derive(Clone, Copy)]
pub struct PartitionContext<'a> {
    topic: &'a str,
    key: Option<&'a [u8]>,
    value: Option<&'a [u8]>,
    headers: &'a [Header<'a>],
    partition_count: i32,
    available_partitions: &'a [i32],
}

impl<'a> PartitionContext<'a> {
    #[inline]
    pub(crate) fn of(
        topic: &'a str,
        fields: &RecordFields<'a>,
        partition_count: usize,
        available_partitions: &'a [i32],
    ) -> Self {
        let RecordFields { key, value, headers } = *fields;
        // Kafka numbers partitions with an i32.
        Self { topic, key, value, headers, partition_count: partition_count as i32, available_partitions }
    }

    /// A record without key and value for `topic`, which has `partition_count` partitions, none of them with a leader.
    pub fn new(topic: &'a str, partition_count: i32) -> Self {
        Self { topic, key: None, value: None, headers: &[], partition_count, available_partitions: &[] }
    }

    /// The same with this key.
    pub fn with_key(self, key: Option<&'a [u8]>) -> Self {
        Self { key, ..self }
    }

    /// The same with this value.
    pub fn with_value(self, value: Option<&'a [u8]>) -> Self {
        Self { value, ..self }
    }

    /// The same with these headers.
    pub fn with_headers(self, headers: &'a [Header<'a>]) -> Self {
        Self { headers, ..self }
    }

    /// The same with these partitions that have a leader.
    pub fn with_available_partitions(self, available_partitions: &'a [i32]) -> Self {
        Self { available_partitions, ..self }
    }

    /// The topic of the record.
    #[inline]
    pub fn topic(&self) -> &'a str {
        self.topic
    }

    /// The bytes of the key; `None` if it is null.
    #[doc(alias = "key_bytes")]
    #[inline]
    pub fn key(&self) -> Option<&'a [u8]> {
        self.key
    }

    /// The bytes of the value; `None` if it is null.
    #[inline]
    pub fn value(&self) -> Option<&'a [u8]> {
        self.value
    }

    /// The headers of the record.
    #[inline]
    pub fn headers(&self) -> &'a [Header<'a>] {
        self.headers
    }

    /// The number of partitions of the topic, at least 1. They are numbered from 0.
    #[inline]
    pub fn partition_count(&self) -> i32 {
        self.partition_count
    }

    /// The partitions that have a leader now, in ascending order. It may be empty.
    #[doc(alias = "available")]
    #[inline]
    pub fn available_partitions(&self) -> &'a [i32] {
        self.available_partitions
    }
}

/// Without payload: sizes, not bytes.
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

/// One partitioner for several producers.
impl<P: Partitioner + ?Sized> Partitioner for Arc<P> {
    fn partition(&self, record: &PartitionContext<'_>) -> i32 {
        (**self).partition(record)
    }
}

/// One that is chosen at run time.
impl<P: Partitioner + ?Sized> Partitioner for Box<P> {
    fn partition(&self, record: &PartitionContext<'_>) -> i32 {
        (**self).partition(record)
    }
}

/// A closure as a [`Partitioner`]. A closure is not one by itself: the compiler would not find out its argument's type.
pub(crate) struct PartitionBy<F>(pub(crate) F);

impl<F: Fn(&PartitionContext<'_>) -> i32 + Send + Sync> Partitioner for PartitionBy<F> {
    fn partition(&self, record: &PartitionContext<'_>) -> i32 {
        (self.0)(record)
    }
}

/// kafka-python's partitioner. A record with a key goes to the partition that the murmur2 hash of the key gives, as with the
/// Java client. A record without a key goes to a random partition, one that has a leader if there is any.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "it has nothing to grow, and is named to be used")]
pub struct DefaultPartitioner;

impl Partitioner for DefaultPartitioner {
    #[inline]
    fn partition(&self, record: &PartitionContext<'_>) -> i32 {
        let (partitions, available) = (record.partition_count.max(1), record.available_partitions);
        match record.key {
            // The sign bit goes rather than the sign: abs(i32::MIN) is negative (KAFKA-1988).
            Some(key) => (murmur2(key) & 0x7fff_ffff) as i32 % partitions,
            None if available.is_empty() => fastrand::i32(0..partitions),
            None => available[fastrand::usize(..available.len())],
        }
    }
}

/// The 32-bit hash of the Java client's `Utils.murmur2`.
pub(crate) fn murmur2(data: &[u8]) -> u32 {
    const SEED: u32 = 0x9747_b28c;
    const M: u32 = 0x5bd1_e995;
    const R: u32 = 24;
    let mut hash = SEED ^ data.len() as u32;
    let mut words = data.chunks_exact(4);
    for word in &mut words {
        let mut k = u32::from_le_bytes([word[0], word[1], word[2], word[3]]).wrapping_mul(M);
        k ^= k >> R;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    let rest = words.remainder();
    if !rest.is_empty() {
        for (index, byte) in rest.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * index);
        }
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ (hash >> 15)
}

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests {
    use super::*;

    /// From the Java client's own tests.
    #[test]
    fn murmur2_is_javas() {
        let expected = [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ];
        for (key, hash) in expected {
            assert_eq!(murmur2(key.as_bytes()) as i32, hash, "{key}");
        }
    }

    #[test]
    fn a_key_stays_where_it_is_and_no_key_goes_where_there_is_a_leader() {
        let choose = |key, available| {
            let record = PartitionContext::new("t", 10).with_key(key).with_available_partitions(available);
            DefaultPartitioner.partition(&record)
        };
        assert_eq!(choose(Some(&b"foobar"[..]), &[]), ((-790_332_482i32) & 0x7fff_ffff) % 10);
        for _ in 0..100 {
            assert!([2, 5].contains(&choose(None, &[2, 5])));
            assert!((0..10).contains(&choose(None, &[])));
        }
    }

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
