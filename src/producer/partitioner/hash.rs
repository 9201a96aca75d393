//! The partitioner that computes the partition from a hash of the key.

use super::{KeyHash, PartitionContext, Partitioner, StickyPartitioner};

/// Chooses the partition of a record with a key by a [`KeyHash`]. Use it to send records to the same partitions as a
/// program that uses another client.
///
/// ```no_run
/// use kafka_producer::{HashPartitioner, KafkaProducer, KeyHash};
///
/// // The partitions of a program that uses librdkafka.
/// let producer = KafkaProducer::builder().partitioner(HashPartitioner::new(KeyHash::Crc32)).build()?;
/// # Ok::<(), kafka_producer::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct HashPartitioner<P = StickyPartitioner> {
    hash: KeyHash,
    without_key: P,
}

impl HashPartitioner {
    /// Creates a partitioner that uses `hash` for records with a key, and [`StickyPartitioner`] for records without a key.
    pub fn new(hash: KeyHash) -> Self {
        Self { hash, without_key: StickyPartitioner }
    }
}

impl<P: Partitioner> HashPartitioner<P> {
    /// Sets the partitioner for records without a key.
    pub fn without_key<Q: Partitioner>(self, partitioner: Q) -> HashPartitioner<Q> {
        HashPartitioner { hash: self.hash, without_key: partitioner }
    }
}

impl<P: Partitioner> Partitioner for HashPartitioner<P> {
    fn partition(&self, record: &PartitionContext<'_>) -> i32 {
        match record.key {
            Some(key) => self.hash.partition(key, record.partition_count),
            None => self.without_key.partition(record),
        }
    }
}

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests {
    use super::*;

    #[test]
    fn a_record_without_a_key_has_a_partitioner_of_its_own() {
        let record = PartitionContext::new("t", 6);
        let partitioner = HashPartitioner::new(KeyHash::Fnv1a)
            .without_key(crate::producer::PartitionBy(|_: &PartitionContext<'_>| 4));
        let with_key = partitioner.partition(&record.with_key(Some(b"user-1")));
        assert_eq!(with_key, KeyHash::Fnv1a.partition(b"user-1", 6));
        assert_eq!(partitioner.partition(&record), 4);
        let sticky = HashPartitioner::new(KeyHash::Fnv1a);
        assert_eq!(sticky.partition(&record.with_available_partitions(&[2])), 2);
    }
}
