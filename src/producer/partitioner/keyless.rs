//! The partitioners that differ in what they do with records that have no key.

use std::collections::HashMap;
use std::fmt;

use super::{KeyHash, PartitionContext, Partitioner};
use crate::process::PerProcess;
use crate::sync::Mutex;

/// The default partitioner. Java's default partitioner is the same (KIP-480, KIP-794).
///
/// For a record with a key, the murmur2 hash of the key chooses the partition, as in the Java client.
///
/// The records without a key go to one partition for some time, so that batches become large. Then another partition is
/// chosen. The time ends when the partition has got 128 KiB of records, or
/// [`batch_size`](crate::ProducerConfig::batch_size) bytes if that is more, but not more than
/// [`batch_max_bytes`](crate::ProducerConfig::batch_max_bytes). With a `batch_size` of 0, it ends after each record. It also
/// ends after the time for which a batch accepts records: see [`linger`](crate::ProducerConfig::linger). At a high rate several
/// partitions are in use at the same time, at most one for each processor.
///
/// Of four random partitions that have a leader, the partition whose records hold the least of `buffer_memory` is chosen. So a
/// partition whose leader responds slowly gets fewer records. See
/// [`partitioner_adaptive_partitioning_enable`](crate::ProducerConfig::partitioner_adaptive_partitioning_enable) and
/// [`partitioner_availability_timeout`](crate::ProducerConfig::partitioner_availability_timeout). If no partition has a
/// leader, the choice is made from all partitions. With
/// [`partitioner_rack_aware`](crate::ProducerConfig::partitioner_rack_aware), partitions whose leader is in another rack are
/// chosen only if the rack of the producer has no partition that can be chosen.
///
/// A [`PartitionContext`] that a program has created does not have the state of a producer. For such a context,
/// `StickyPartitioner` chooses a random partition like [`DefaultPartitioner`].
#[derive(Clone, Copy, Debug, Default)]
#[doc(alias = "UniformStickyPartitioner")]
#[doc(alias = "BuiltInPartitioner")]
#[expect(clippy::exhaustive_structs, reason = "it has nothing to grow, and is named to be used")]
pub struct StickyPartitioner;

impl Partitioner for StickyPartitioner {
    #[inline]
    fn partition(&self, record: &PartitionContext<'_>) -> i32 {
        match (record.key, record.sticky) {
            (Some(key), _) => KeyHash::Murmur2.partition(key, record.partition_count),
            (None, Some(sticky)) => sticky.partition(),
            (None, None) => RandomPartitioner.partition(record),
        }
    }
}

/// The default partitioner of kafka-python 2.
///
/// For a record with a key, the murmur2 hash of the key chooses the partition, as in the Java client. Each record without a
/// key goes to a random partition that has a leader. If no partition has a leader, the record goes to a random partition.
///
/// [`StickyPartitioner`], the default of this crate, makes larger batches of the records without a key.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "it has nothing to grow, and is named to be used")]
pub struct DefaultPartitioner;

impl Partitioner for DefaultPartitioner {
    #[inline]
    fn partition(&self, record: &PartitionContext<'_>) -> i32 {
        match record.key {
            Some(key) => KeyHash::Murmur2.partition(key, record.partition_count),
            None => RandomPartitioner.partition(record),
        }
    }
}

/// Sends each record, even one with a key, to a random partition that has a leader. If no partition has a leader, the
/// record goes to a random partition. librdkafka calls it `random`. It is also kiel's default partitioner.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "it has nothing to grow, and is named to be used")]
pub struct RandomPartitioner;

impl Partitioner for RandomPartitioner {
    fn partition(&self, record: &PartitionContext<'_>) -> i32 {
        match record.available_partitions {
            [] => fastrand::i32(0..record.partition_count.max(1)),
            available => available[fastrand::usize(..available.len())],
        }
    }
}

/// Sends the records of each topic, even those with a key, to its partitions in turn (KIP-369). A partition without a
/// leader is skipped, unless no partition has a leader. Java has the same partitioner.
///
/// Each batch gets fewer records than with [`StickyPartitioner`]. All threads that send share one lock.
///
/// Many programs count records and use the remainder of the division by the number of partitions. This partitioner replaces
/// such a counter.
#[derive(Default)]
pub struct RoundRobinPartitioner {
    /// How many records each topic has got. A forked child has its own counts, because its parent's may be locked forever.
    counts: PerProcess<Mutex<HashMap<Box<str>, usize>>>,
}

impl fmt::Debug for RoundRobinPartitioner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RoundRobinPartitioner").finish_non_exhaustive()
    }
}

impl RoundRobinPartitioner {
    /// Creates a partitioner that begins with the first partition of each topic.
    pub fn new() -> Self {
        Self::default()
    }

    fn count(&self, record: &PartitionContext<'_>) -> usize {
        let mut counts = self.counts.get_or_make(Mutex::default).lock();
        let known = counts.get_mut(record.topic);
        match known {
            Some(count) => {
                let before = *count;
                *count = before.wrapping_add(usize::from(!record.is_dry_run()));
                before
            }
            None => {
                if !record.is_dry_run() {
                    counts.insert(record.topic.into(), 1);
                }
                0
            }
        }
    }
}

impl Partitioner for RoundRobinPartitioner {
    fn partition(&self, record: &PartitionContext<'_>) -> i32 {
        let count = self.count(record);
        match record.available_partitions {
            // Kafka numbers partitions with an i32.
            [] => (count % record.partition_count.max(1) as usize) as i32,
            available => available[count % available.len()],
        }
    }
}

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests {
    use super::*;

    fn choose(partitioner: &impl Partitioner, key: Option<&[u8]>, available: &[i32]) -> i32 {
        partitioner
            .partition(&PartitionContext::new("t", 10).with_key(key).with_available_partitions(available))
    }

    #[test]
    fn a_key_stays_where_it_is_and_no_key_goes_where_there_is_a_leader() {
        let murmur2 = ((-790_332_482i32) & 0x7fff_ffff) % 10;
        assert_eq!(choose(&DefaultPartitioner, Some(b"foobar"), &[]), murmur2);
        assert_eq!(choose(&StickyPartitioner, Some(b"foobar"), &[2]), murmur2);
        for _ in 0..100 {
            assert!([2, 5].contains(&choose(&DefaultPartitioner, None, &[2, 5])));
            assert!((0..10).contains(&choose(&DefaultPartitioner, None, &[])));
            assert!([2, 5].contains(&choose(&RandomPartitioner, Some(b"foobar"), &[2, 5])));
            assert!([2, 5].contains(&choose(&StickyPartitioner, None, &[2, 5])));
        }
    }

    #[test]
    fn a_round_goes_through_the_partitions_with_leaders_for_each_topic() {
        let round_robin = RoundRobinPartitioner::new();
        let next = |topic: &str, available: &[i32]| {
            let record = PartitionContext::new(topic, 3).with_key(Some(b"k"));
            round_robin.partition(&record.with_available_partitions(available))
        };
        let both: Vec<(i32, i32)> = (0..4).map(|_| (next("a", &[]), next("b", &[]))).collect();
        assert_eq!(both, [(0, 0), (1, 1), (2, 2), (0, 0)]);
        assert_eq!((next("a", &[0, 2]), next("a", &[0, 2])), (0, 2));
    }
}
