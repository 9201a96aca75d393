//! The partitioners that a string can name.

use std::sync::Arc;

use crate::producer::{
    DefaultPartitioner, HashPartitioner, KeyHash, PartitionBy, PartitionContext, Partitioner,
    RandomPartitioner, RoundRobinPartitioner, StickyPartitioner,
};

/// A partitioner, with the name by which it was set.
#[derive(Clone)]
pub(super) struct NamedPartitioner {
    pub(super) name: &'static str,
    pub(super) partitioner: Arc<dyn Partitioner>,
}

impl NamedPartitioner {
    pub(super) fn new(name: &'static str, partitioner: impl Partitioner + 'static) -> Self {
        Self { name, partitioner: Arc::new(partitioner) }
    }

    /// The partitioner that librdkafka uses if none was set.
    pub(super) fn of_librdkafka() -> Option<Self> {
        named("consistent_random")
    }
}

/// The partitioner of this name.
pub(super) fn named(name: &str) -> Option<NamedPartitioner> {
    use NamedPartitioner as Named;

    // Where librdkafka hashes an empty key for a record that has none.
    let hash = |hash: KeyHash| {
        let of_empty = move |record: &PartitionContext<'_>| hash.partition(&[], record.partition_count());
        HashPartitioner::new(hash).without_key(PartitionBy(of_empty))
    };
    Some(match name {
        "StickyPartitioner" => Named::new("StickyPartitioner", StickyPartitioner),
        "DefaultPartitioner" | "DefaultPartitioner()" => Named::new("DefaultPartitioner", DefaultPartitioner),
        "RandomPartitioner" => Named::new("RandomPartitioner", RandomPartitioner),
        "RoundRobinPartitioner" => Named::new("RoundRobinPartitioner", RoundRobinPartitioner::new()),
        // Java.
        "org.apache.kafka.clients.producer.RoundRobinPartitioner" => return named("RoundRobinPartitioner"),
        "org.apache.kafka.clients.producer.internals.DefaultPartitioner" => {
            return named("StickyPartitioner");
        }
        "org.apache.kafka.clients.producer.UniformStickyPartitioner" => {
            Named::new("UniformStickyPartitioner", without_keys(StickyPartitioner))
        }
        // librdkafka.
        "random" => Named::new("random", RandomPartitioner),
        "consistent" => Named::new("consistent", hash(KeyHash::Crc32)),
        "consistent_random" => {
            let partitioner = HashPartitioner::new(KeyHash::Crc32);
            // An empty key counts as no key, with this partitioner alone.
            let choose = move |record: &PartitionContext<'_>| {
                partitioner.partition(&record.with_key(record.key().filter(|key| !key.is_empty())))
            };
            Named::new("consistent_random", PartitionBy(choose))
        }
        "murmur2" => Named::new("murmur2", hash(KeyHash::Murmur2)),
        "murmur2_random" => Named::new("murmur2_random", HashPartitioner::new(KeyHash::Murmur2)),
        "fnv1a" => Named::new("fnv1a", hash(KeyHash::Fnv1a)),
        "fnv1a_random" => Named::new("fnv1a_random", HashPartitioner::new(KeyHash::Fnv1a)),
        _ => return None,
    })
}

pub(super) fn without_keys(partitioner: impl Partitioner) -> impl Partitioner {
    PartitionBy(move |record: &PartitionContext<'_>| partitioner.partition(&record.with_key(None)))
}
